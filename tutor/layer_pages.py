"""The layer table for people: what `tutor ops Conv2d` prints.

Everything is read from the layer's row: its arguments, its law, and an example that is counted on
the spot as the task `parameters` counts it, from which the formulas are taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from math import prod
from typing import Any

from .errors import InputError, ShapeError, Where
from .expr import Binary, Call, Expr, Neg, Num, Str, walk
from .ops import ALIASES, OPS
from .problem import arguments as kinds
from .problem import loads
from .problem.applied import Applied, apply_layer
from .problem.arguments import REQUIRED, WANTED, WORD, Argument
from .problem.layer_spec import LayerSpec, Shape
from .problem.layers import LAYERS
from .problem.model import Given, Layer, Network
from .render.layer_page import ArgumentRow, LayerPage, Worked
from .render.operation import Entry
from .render.wording import plain
from .tasks import parameters
from .tasks.shape_demands import READ_OFF
from .words import translated

_HERE = Where("", 1, 1, "")


def entries() -> list[Entry]:
    """Every layer, in the table's order."""
    return [Entry(s.type, usage(s), translated(s.law), "layer") for s in LAYERS.values()]


def page(type_: str) -> LayerPage:
    """The page of the layer of this type."""
    spec = LAYERS[type_]
    it = example(spec)
    line = _line(it)
    problem = loads(
        f"network:\n  input: {list(it.input)}\n  layers:\n    - {line}\ntasks:\n  - parameters\n"
    )
    counted = parameters.solve(problem, problem.tasks[0])
    worked = []
    for step in counted.steps:
        what = _FORMULAS.get(step.rule)
        if what is not None and len(step.equation) > 1 and what not in {w.what for w in worked}:
            worked.append(Worked(what, step.equation))
    return LayerPage(
        name=spec.type,
        usage=usage(spec),
        arguments=tuple(_row(name, a) for name, a in spec.signature.items()),
        law=translated(spec.law),
        note=spec.note and translated(spec.note),
        line=line,
        before=it.input,
        after=it.output,
        parameters=counted.extra["total_parameters"],
        worked=tuple(worked),
        functions=functions(type_),
        same=_is_one_function(type_),
    )


_FORMULAS = {
    "output size": "size",
    "parameter count": "parameters",
    "multiply-add count": "multiply-adds",
}


# -- arguments ------------------------------------------------------------------------------------


def usage(spec: LayerSpec) -> str:
    """torch's constructor with its defaults; what a network reads off the input has none."""
    parts = []
    for name, a in spec.signature.items():
        plainly = a.default is REQUIRED or (a.default is None and name in READ_OFF)
        shown = f'"{a.default}"' if isinstance(a.default, str) else a.default
        parts.append(name if plainly else f"{name}={shown}")
    return f"{spec.type}({', '.join(parts)})"


def _row(name: str, a: Argument) -> ArgumentRow:
    takes = _one_of(a.words) if a.kind == WORD else translated(WANTED[a.kind])
    if a.default is REQUIRED:
        return ArgumentRow(name, takes, None, True, "")
    if a.default is not None:
        return ArgumentRow(name, takes, a.default, False, _typed(a.default))
    otherwise = a.left_out
    if not otherwise:
        assert name in READ_OFF, f"it is not said what `{name}` is when it is left out"
        return ArgumentRow(name, takes, None, False, plain("read off the input"))
    return ArgumentRow(name, takes, None, False, translated(otherwise))


def _one_of(words: Sequence[str]) -> str:
    *first, last = words
    return plain("{first} or {last}", first=plain(", ").join(first), last=last) if first else last


def _typed(value: Any) -> str:
    """As a file writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_typed, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


# -- the example ----------------------------------------------------------------------------------

# what the k-th argument of a kind is tried with, the first that fits being taken
_TRIED: dict[str, tuple[tuple[Any, ...], ...]] = {
    kinds.COUNT: ((4, 3, 2), (5, 3, 2)),
    kinds.WINDOW: ((3, 2),),
    kinds.PADDING: ((1,),),
    kinds.CONV_PADDING: ((1,),),
    kinds.FLAG: ((True,),),
    kinds.NUMBER: ((1,), (0,)),
    kinds.AXIS: ((1,),),
    kinds.INDEX: ((0,),),
    kinds.AMOUNT: ((1,),),
    kinds.SPARE: ((1,),),
    kinds.PROBABILITY: ((0.5,),),
    kinds.SIZES: ((6,),),
    kinds.OUTPUTS: ((3,),),
    kinds.FACTORS: ((2,),),
    kinds.EDGES: ((1,),),
    kinds.SPLIT: (((2, 3),),),
    kinds.AXES: (((0, 2, 1),), ((0, 2, 3, 1),)),
}
_CHANNELS, _SIDE = 3, 8


def example(spec: LayerSpec) -> Applied:
    """The layer on a small input: one that it changes or has weights for, if there is one."""
    first = None
    for shape, args in product(_inputs(spec), _arguments(spec)):
        try:
            it = apply_layer("", Layer(spec.type, args, _HERE), shape)
        except ShapeError:
            continue
        if prod(it.output) > 1 and (it.output != it.input or it.counts.weights):
            return it
        first = first or it
    assert first is not None, f"no example of {spec.type}"
    return first


def _inputs(spec: LayerSpec) -> list[Shape]:
    if spec.axes:
        return [(_CHANNELS, *[_SIDE] * spec.axes)]
    images = [(4, *[6] * axes) for axes in (0, 1, 2, 3)]
    named = re.search(r"([123])d\Z", spec.type)  # BatchNorm2d: for images, although it slides not
    return images[int(named[1]) :] if named else [(6,), *images[1:]]


def _arguments(spec: LayerSpec) -> Iterator[dict[str, Any]]:
    """The arguments that are needed; then, one by one, the others that may be numbers."""
    axes = (n for n, a in spec.signature.items() if a.kind == kinds.AXIS and a.default is None)
    needed = [*spec.required, *axes]
    optional = [n for n, a in spec.signature.items() if a.default is None]
    for more in ([], *([n] for n in reversed(optional))):
        names = [*needed, *more]
        seen: dict[str, int] = {}
        choices = []
        for name in names:
            kind = spec.signature[name].kind
            k = seen[kind] = seen.get(kind, -1) + 1
            choices.append(_TRIED[kind][min(k, len(_TRIED[kind]) - 1)])
        for values in product(*choices):
            yield dict(zip(names, values, strict=True))


def _line(it: Applied) -> str:
    """The layer as a file writes it."""
    args = ", ".join(f"{name}: {_typed(value)}" for name, value in it.layer.args.items())
    return f"{it.spec.type}: {{{args}}}" if args else it.spec.type


# -- functions ------------------------------------------------------------------------------------


def functions(type_: str) -> tuple[str, ...]:
    """The operations that the layer is written with; what moves entries, if it does only that."""
    moves, others = [], []
    for name in dict.fromkeys(
        x.func for e in _lines(type_) for x in walk(e) if isinstance(x, Call)
    ):
        op = OPS[ALIASES.get(name, name)]
        if not op.constant:
            (moves if op.rule == "rearrangement" else others).append(op.name)
    return tuple(others or moves)


def layers_of(name: str) -> tuple[str, ...]:
    """The layers that compute one operation of their input, and nothing else."""
    return tuple(t for t in LAYERS if functions(t) == (name,) and _is_one_function(t))


def _is_one_function(type_: str) -> bool:
    return len(functions(type_)) == 1 and all(map(_bare, _lines(type_)))


def _bare(e: Expr) -> bool:
    """Whether an expression calls functions without any arithmetic, or a formula in quotes."""
    return not any(
        isinstance(x, Binary | Neg) or (isinstance(x, Call) and isinstance(x.args[0], Str))
        for x in walk(e)
    )


@cache
def _lines(type_: str) -> tuple[Expr, ...]:
    """The definitions that the layer is for its example, in a batch; none without values."""
    from .problem.written import write_out

    it = example(LAYERS[type_])
    network = Network(it.input, (Layer(type_, it.layer.args, _HERE),), _HERE)
    batch = Given("input", None, tuple(Num(str(n)) for n in (2, *it.input)), _HERE)
    try:
        return tuple(d.expr for d in write_out(network, {"input": batch}, ()).define)
    except InputError:  # it has sizes, but no values
        return ()
