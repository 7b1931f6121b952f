"""The operation table for people: what `tutor ops` prints.

Everything comes from the operation's record; the example is derived on the spot, so that the page
cannot disagree with what `solve` does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import layer_pages
from .errors import InputError, did_you_mean
from .expr import Binary, Expr, Name, Partial
from .graph import dims
from .notation.build import NoMatrixForm
from .notation.matrix import map_term, matrix_term
from .notation.names import size_words
from .notation.unicode import unicode_text
from .ops import ALIASES, EVERY, OPERATORS, OPS, STRUCTURE, Op
from .ops.scalar import Named
from .problem import loads
from .problem.elaborate import elaborate
from .problem.expression import parse
from .problem.layers import LAYERS
from .problem.lines import Graph
from .problem.network import BLOCKS
from .render import layer_page, operation
from .render.operation import Entry, Page, Result
from .render.wording import plain
from .steps import Variable
from .tasks import gradient, size_equation
from .tasks.workspace import Workspace
from .words import translated

_OPERATOR_USAGE = {
    "neg": "-A",
    "transpose": "A.T",
    "list": "[a, b]",
    "index": "x[i], W[:, 1:3]",
    "einsum": 'einsum("ij,jk->ik", A, B)',
}
_TYPED = {op.name: symbol for symbol, op in OPERATORS.items()}
LETTERS = ("m", "n", "p", "q", "r", "s")


def entries() -> list[Entry]:
    """Every operation, operators included, in the table's order."""
    return [Entry(_symbol(op), op.signature, translated(op.law)) for op in _shown()]


def _shown() -> list[Op]:
    return [op for op in EVERY if op is not STRUCTURE["copy"]]


def _symbol(op: Op) -> str:
    """What is typed: a function's name, or an operator."""
    return _TYPED.get(op.name, op.name)


def written(name: str | None, as_json: bool, width: int) -> str:
    """The page of an operation or a layer, or the list of both, in the language spoken."""
    if name is None:
        listed = [*entries(), *layer_pages.entries()]
        return operation.json(listed) if as_json else operation.listing(listed, width)
    if name in LAYERS:
        layer = layer_pages.page(name)
        return layer_page.json(layer) if as_json else layer_page.page(layer, width)
    found = page(name)
    return operation.json(found) if as_json else operation.page(found, width)


def page(name: str) -> Page:
    """The page of one operation; raises InputError with the nearest name."""
    op = found(name)
    example = _example(op)
    first = next(iter(example.declared), "x")
    words = {"y": example.result or "y", "x": first}
    return Page(
        name=op.name,
        usage=usage(op),
        signature=op.signature,
        definition=None if op.meaning else example.definition,
        meaning=op.meaning and translated(op.meaning),
        rule=op.rule,
        law=translated(op.law),
        why=_filled(op.why, words),
        condition=op.condition
        and _filled(op.condition, {**{p.name: p.name for p in op.parameters}, **words}),
        convention=op.convention and _filled(op.convention, words),
        size=_size(op, example),
        source=op.source,
        layers=layer_pages.layers_of(op.name),
        declared=example.declared,
        call=example.call,
        result=example.result,
        results=example.results,
    )


def found(name: str) -> Op:
    """The operation of that name, alias or operator."""
    known = {**{op.name: op for op in _shown()}, **OPERATORS}
    op = known.get(ALIASES.get(name, name))
    if op is None:
        raise InputError(f"unknown operation or layer `{name[:40]}`", hint=_nearest(name, known))
    return op


def _nearest(name: str, known: Iterable[str]) -> str:
    """What was meant: a function and a layer where they differ in capitals only."""
    block = name.capitalize()
    if block in BLOCKS:
        return f"a block of layers is written `{BLOCKS[block]}`"
    names = [*known, *ALIASES]
    alike = [x for x in (*names, *LAYERS) if x.lower() == name.lower()]
    if len(alike) == 2:
        return f"did you mean the function `{alike[0]}` or the layer `{alike[1]}`?"
    return did_you_mean(name, [*names, *LAYERS]) or "`tutor ops` lists them all"


def usage(op: Op) -> str:
    """The call as it is typed, with its defaults."""
    if op.name not in OPS or op.name in _OPERATOR_USAGE:
        return _OPERATOR_USAGE.get(op.name, f"a {_symbol(op)} b")
    parts = []
    for p in op.parameters:
        if p.name.startswith("_"):
            continue
        star = "*" if p.kind is inspect.Parameter.VAR_POSITIONAL else ""
        plain = p.default is inspect.Parameter.empty
        text = f'"{p.default}"' if isinstance(p.default, str) else p.default
        parts.append(f"{star}{p.name}" + ("" if plain else f"={text}"))
    return f"{op.name}({', '.join(parts)})"


def _filled(message: str, words: Mapping[str, str]) -> str:
    sentence = translated(message)
    for hole, word in words.items():
        sentence = sentence.replace("{" + hole + "}", word)
    return sentence


# -- the size of the result -----------------------------------------------------------------------


def _size(op: Op, example: _Example) -> str:
    """Why the result has its size; of what slides, the formula."""
    named = {p.name for p in op.parameters}
    operands, _, result = op.signature.rpartition("-> ")
    if "reduction" in named:
        return plain('A number; with the reduction "none" one for each entry or example.')
    if op.size is not None:
        return _filled(op.size, _sizes(example))
    if "output_padding" in named:
        words = (
            "{e} along each axis: n entries, kernel k, stride s, padding p, dilation d, "
            "output padding q."
        )
        return plain(words, e=unicode_text(Binary("==", Name("n_out"), size_equation.SPREAD)))
    if "stride" in named:
        words = "{e} along each axis: n entries, kernel k, stride s, padding p, dilation d."
        return plain(words, e=unicode_text(Binary("==", Name("n_out"), size_equation.GENERAL)))
    if op.reduces:
        return plain("The axis that is taken together disappears, or keeps the size 1.")
    if result == "[]":
        return plain("A number.")
    assert result == "[...]" and set(_AXES.findall(operands)) == {"[...]"}, op.name
    return plain("Entry by entry, so the size stays.")


def _sizes(example: _Example) -> dict[str, str]:
    """What the words about a size may speak of: see `Op.size`."""
    shapes = [v.shape for v in example.declared.values()]
    if not shapes:
        return {"a": "m×n", "b": "n×p", "n": "n"}
    words = {hole: dims.text(x) for hole, x in zip("ab", shapes, strict=False)}
    words["n"] = dims.one(dims.product(shapes[0]))
    return {hole: size_words(w).replace("*", "·") for hole, w in words.items()}


_AXES = re.compile(r"\[[^]]*\]")


# -- the example ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Example:
    declared: Mapping[str, Variable]
    call: Expr | None
    result: str
    definition: Expr | None
    results: tuple[Result, ...]


_NONE = _Example({}, None, "", None, ())


def _example(op: Op) -> _Example:
    """A sample, of vectors where there is one, with symbolic sizes where they will do."""
    if op.constant or not op.sample or (op.name not in OPS and op.name not in _TYPED):
        return _NONE
    samples = [(shapes, given) for shapes, given, _ in op.sample if _typable(given)]
    samples.sort(key=lambda x: len(x[1]))  # rather one without further arguments
    flat = [x for x in samples if max(map(len, x[0])) == 1 and not x[1]]
    if not samples:
        return _NONE
    shapes, given = flat[0] if flat and op.signature[0].islower() and op.name in OPS else samples[0]
    operands = _operands(op, len(shapes))
    for symbolic in (True, False):
        try:
            return _derived(op, operands, shapes, given, symbolic)
        except InputError:
            continue
    return _NONE


def _typable(given: Mapping[str, Any]) -> bool:
    return "*" not in given and all(isinstance(v, str | int | tuple) for v in given.values())


def _operands(op: Op, count: int) -> list[str]:
    known = [p for p in op.parameters if op.takes_operand(p)]
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in known):
        return list("ABC"[:count])
    return [p.name for p in known][:count]


def _example_text(op: Op, operands: Sequence[str], given: Mapping[str, Any]) -> str:
    if op.name in _TYPED and len(operands) == 1:
        return _OPERATOR_USAGE[op.name].replace("A", operands[0])
    if op.name in _TYPED:
        return f"{operands[0]} {_TYPED[op.name]} {operands[1]}"
    words = [*operands, *(f"{k}={_word(v)}" for k, v in given.items())]
    if op.name == "einsum":
        words = [_word(given["equation"]), *operands]
    return f"{op.name}({', '.join(words)})"


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_word, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _derived(
    op: Op,
    operands: Sequence[str],
    shapes: Sequence[Sequence[int]],
    given: Mapping[str, Any],
    symbolic: bool,
) -> _Example:
    sizes = dict(zip(dict.fromkeys(d for s in shapes for d in s), LETTERS, strict=False))
    lines = []
    for name, shape in zip(operands, shapes, strict=True):
        kind = ("scalar", "vector", "matrix")[len(shape)] if len(shape) < 3 else "tensor"
        axes = ", ".join(sizes[d] if symbolic else str(d) for d in shape)
        lines.append(f"  {name}: {kind}" + (f"({axes})" if shape else ""))
    result = "y" if "y" not in operands else "f"
    body = _example_text(op, operands, given)
    text = f"given:\n{chr(10).join(lines)}\ndefine:\n  {result}: {_quoted(body)}\n"
    problem = loads(f"{text}tasks:\n  - jacobian: {{of: {result}, wrt: {operands[0]}}}\n")
    ws = Workspace(problem, elaborate(problem), checking=False)
    results = []
    for name in operands:
        kind = "gradient" if ws.graph[result].has_one_entry else "jacobian"
        found = gradient.solve(ws, "1", kind, result, name)
        size = found.dims or ""
        symbol = found.symbol or Partial(Name(result), Name(name))
        results.append(Result(symbol, found.formula, size))
    call = parse(body)
    declared = {n: v for n, v in ws.variables().items() if n in operands}
    return _Example(declared, call, result, _definition(ws.graph, result, call, ws), tuple(results))


def _quoted(body: str) -> str:
    return "'" + body.replace("'", "''") + "'"


def _definition(graph: Graph, result: str, call: Expr, ws: Workspace) -> Expr | None:
    """What the call expands to in the graph, unless it is kept whole."""
    line = graph[result]
    assert line.val is not None
    node = line.val.node
    try:
        if node.kind == "map" and isinstance(node.attr, Named):
            body = node.attr.definition(*node.attr.args)
            return map_term(body, matrix_term(node.args[0], ws.leaf_term), node.order > 0)
        term = matrix_term(node, ws.leaf_term)
    except (NoMatrixForm, TypeError):  # TypeError: defined by cases, which its record words
        return None
    return None if term == call or isinstance(term, Name) else term
