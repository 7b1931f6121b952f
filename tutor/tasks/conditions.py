"""What has to hold for a derivative to exist: stated once, before the answer.

Every operation on the path says what it needs (`Op.condition`). What holds whatever the values,
such as a positive exponential, is not mentioned, and neither is what concerns known numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import independent
from ..expr import Binary, Call, Expr, Name, Neg, Num, Transpose, names
from ..notation.text import text
from ..ops.elementwise import ELEMENTWISE
from ..ops.linalg import invertible
from ..problem.lines import Graph, Line
from ..problem.signs import Sign, sign, written
from ..steps import Step, Text, all_of, in_turn
from .chain import Chain
from .workspace import Workspace

IMPLIED = ("zero", "invertible")  # by a positive number, and by a positive determinant
KINK = 1e-12  # how near a kink a point has to be to lie on it
LONGEST = 60  # characters of an operand that is written out in a sentence

# a condition's last words -> the sign of the operand that settles it
SETTLED = {
    "is positive": Sign.POSITIVE,
    "is not zero": Sign.POSITIVE,
    "is greater than −1": Sign.NONNEGATIVE,
}

LENGTHS = ("norm1", "norm2", "norm_inf", "frobenius")
CORNERS = ("norm2", "frobenius", "std")  # that have a value everywhere: only a derivative may lack
ENTRYWISE = frozenset(op.name for op in ELEMENTWISE) | {"div", "pow", "power"}


@dataclass(frozen=True)
class Condition:
    """words: with holes for the terms in `args`; holds: at the point, None without numbers."""

    words: str
    args: Mapping[str, Expr]
    holds: bool | None

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        return self.words, tuple(text(t) for t in self.args.values())


def conditions(ws: Workspace, of: Line, path: Sequence[Line], wrt: Line) -> list[Condition]:
    """The distinct conditions of the operations below `of`, where they are not settled.

    Those beside the path from `wrt` count too: the formula has their results in it.
    """
    env = ws.reference(of) if ws.numbers[of.name] is not None else None
    moving = {line.name for line in path}
    found: dict[tuple[str, tuple[str, ...]], Condition] = {}
    for line in ws.graph.below([of]):
        if line.op is None or line is wrt or line.val is None:
            continue
        wanted = needed(ws.graph, line, path)
        if wanted is None:
            continue
        words, place = wanted
        term = line.terms[place] if place is not None else Name(line.name)
        if term is None or _is_settled(ws, words, term, moving):
            continue
        holds = None
        if env is not None and line.op.holds is not None:
            arrays = [a for a in independent.operands(line, env) if a is not None]
            holds = line.op.holds(arrays, dict(line.parameters))
        for piece, entries in _pieces(ws, words, term, line.op.name in ENTRYWISE):
            if _is_settled(ws, words, piece, moving):
                continue
            about = for_entries(words, ws, piece) if entries else words
            condition = Condition(about, {"x": shown(ws, piece)}, holds)
            found.setdefault(condition.key, condition)
    positive = {key[1] for key in found if key[0].endswith(("is positive", "definite"))}
    return [c for c in found.values() if c.key[1] not in positive or not c.words.endswith(IMPLIED)]


def _of_formula(ws: Workspace, of: Line, path: Sequence[Line]) -> list[Condition]:
    """What the closed form needs beyond the derivative: an inverse, where a determinant stands."""
    numbers = ws.numbers[of.name] is not None
    found: dict[tuple[str, tuple[str, ...]], Condition] = {}
    for line in path:
        if line.op is None or line.op.name != "det" or line.operands[0] not in path:
            continue
        holds = None
        if numbers:
            (matrix,) = independent.operands(line, ws.reference(of))
            holds = matrix is not None and invertible(matrix)
        one = Condition(
            "{x} is invertible", {"x": shown(ws, line.terms[0] or Name(line.name))}, holds
        )
        found.setdefault(one.key, one)
    return list(found.values())


def _with_determinant(c: Condition) -> set[str]:
    """A positive determinant says that its matrix is invertible, too."""
    (matrix,) = c.key[1]
    return {matrix, f"det({matrix})"}


def needed(graph: Graph, line: Line, path: Sequence[Line]) -> tuple[str, int | None] | None:
    """The condition in words about {x}, and which operand that is (None: the result)."""
    op = line.op
    assert op is not None
    if op.name in ("pow", "power"):
        return _of_power(line)
    if op.name == "matrix_power":
        return ("{x} is invertible", 0) if _is_negative(line.parameters.get("n")) else None
    if op.condition is None or (op.name in CORNERS and line not in path):
        return None
    if op.name in ("norm2", "frobenius") and _squared(graph, line, path):
        return None  # a sum of squares has a derivative everywhere
    if "{y}" in op.condition:
        return op.condition.replace("{y}", "{x}"), None
    for place, name in enumerate(p.name for p in op.parameters):
        if "{" + name + "}" in op.condition:
            return op.condition.replace("{" + name + "}", "{x}"), place
    return op.condition, 0


def _of_power(line: Line) -> tuple[str, int] | None:
    """Negative whole exponents need a base that is not zero, fractions a positive one."""
    exponent = line.terms[1]
    size = exponent.arg if isinstance(exponent, Neg) else exponent
    if isinstance(size, Num) and size.text.isdigit():
        return ("{x} is not zero", 0) if isinstance(exponent, Neg) else None
    return "{x} is positive", 0


def _is_negative(n: object) -> bool:
    return isinstance(n, int) and n < 0


def _squared(graph: Graph, line: Line, path: Sequence[Line]) -> bool:
    users = [u for u in graph.consumers()[line.name] if u in path]
    return bool(users) and all(
        u.op is not None
        and (u.op.name == "square" or (u.op.name == "pow" and u.terms[1] == Num("2")))
        and u.terms[0] == Name(line.name)
        for u in users
    )


def _pieces(ws: Workspace, words: str, term: Expr, entries: bool) -> list[tuple[Expr, bool]]:
    """What of the term has to hold, for every entry or as a whole.

    2σ² is not zero where σ is not, and a length where its vector is not.
    """
    if words != "{x} is not zero":
        return [(term, entries)]
    line = ws.graph.lines.get(term.id) if isinstance(term, Name) else None
    match line.formula if line is not None and line.kind == "auto" else term:
        case Num():
            return []
        case Call(func, (inner,), ()) if func in LENGTHS:
            return [(inner, False)]
        case Binary("@", Transpose(x), y) if x == y and isinstance(x, Name):
            return [(x, False)]
        case Neg(inner) | Call("abs", (inner,)) | Binary("/", inner, _):
            return _pieces(ws, words, inner, entries)
        case Binary("**", base, Num(n)) if n.isdigit() and int(n) > 0:
            return _pieces(ws, words, base, entries)
        case Binary("*", left, right):
            both = (left, right)
            return [p for x in both for p in _pieces(ws, words, x, entries)]
    return [(term, entries)]


def _is_settled(ws: Workspace, words: str, term: Expr, moving: set[str]) -> bool:
    """Whether it holds whatever the variable is: by its form, or as a fact about known numbers."""
    used = _names(ws, term)
    if not used & moving and all(ws.numbers.get(n) is not None for n in used):
        return True  # it was met when the numbers were worked out
    enough = next((s for w, s in SETTLED.items() if words.endswith(w)), None)
    return enough is not None and sign(term, ws.graph) >= enough


def _names(ws: Workspace, term: Expr) -> set[str]:
    return {n for n in names(term) if n in ws.graph.lines}


def for_entries(words: str, ws: Workspace, term: Expr) -> str:
    """Of an array that is worked on entry by entry, every entry has to comply."""
    if not any(ws.graph[n].leaf.order for n in _names(ws, term)):
        return words
    if words == "{x} is not zero":
        return "no entry of {x} is zero"
    return "every entry of " + words if words.startswith("{x} ") else words


def shown(ws: Workspace, term: Expr) -> Expr:
    whole = written(term, ws.graph)
    return whole if len(text(whole)) <= LONGEST else term


def condition_steps(ws: Workspace, of: Line, path: Sequence[Line], wrt: Line) -> list[Step]:
    """One step with all conditions; none where nothing has to hold."""
    wanted = conditions(ws, of, path, wrt)
    stated = {about for c in wanted for about in c.key[1]}
    more = [c for c in _of_formula(ws, of, path) if not stated & _with_determinant(c)]
    said = []
    if wanted:
        listed = all_of([Text(c.words, c.args) for c in wanted])
        said.append(Text("The derivative exists provided that {list}.", {"list": listed}))
    if more:
        listed = all_of([Text(c.words, c.args) for c in more])
        said.append(Text("The formula holds provided that {list}.", {"list": listed}))
    found = wanted + more
    if not found:
        return []
    known = [c.holds for c in found]
    if all(known):
        here = Text("Here that is so." if len(found) == 1 else "Here all of that is so.")
    else:
        here = Text("Here that is not so.") if False in known else None
    return [
        Step(
            f"condition.{of.name}.{wrt.name}",
            "note",
            "condition",
            Text("Condition" if len(found) == 1 else "Conditions"),
            why=in_turn(*said, here),
        )
    ]


# -- kinks ----------------------------------------------------------------------------------------


def convention_steps(ws: Workspace, chain: Chain) -> list[Step]:
    """At a tie or kink on the path, say which choice was made; without numbers, where they lie."""
    lines = [
        line
        for line in chain.path
        if line.op is not None
        and line.op.kinks is not None
        and line.op.convention is not None
        and line is not chain.wrt
        and not (chain.missing and line.op.name in CORNERS)  # told as what has no derivative
    ]
    if ws.numbers[chain.of.name] is None:
        return _possible_kinks(ws, chain, lines)
    env = ws.reference(chain.of)
    return [
        Step(
            f"note.{line.name}",
            "note",
            "convention",
            Text("A choice at {y}", {"y": Name(line.name)}),
            why=Text(
                "Here {y} has no unique derivative: {choice}.",
                {"y": Name(line.name), "choice": Text(words, holes)},
            ),
        )
        for line in lines
        if independent.kink_distance([line], env) <= KINK
        for words, holes in [_convention(ws, chain, line)]
    ]


def _convention(ws: Workspace, chain: Chain, line: Line) -> tuple[str, dict[str, Expr]]:
    assert line.op is not None and line.op.convention is not None
    place = next(k for k, o in enumerate(line.operands) if o in chain.path)
    words = line.op.convention
    if ws.problem.convention.ties == "split" and line.op.rule == "maximum":
        words = "where several entries are largest, they share the gradient in equal parts"
    return words, {"y": Name(line.name), "x": Name(line.operands[place].name)}


def _possible_kinks(ws: Workspace, chain: Chain, lines: Sequence[Line]) -> list[Step]:
    """What is chosen where an operation has a kink, whatever the values will be."""
    steps: dict[str, Step] = {}
    for line in lines:
        assert line.op is not None
        if line.op.condition is not None or line.op.name.startswith(("compare", "step", "sign")):
            continue  # said as a condition; a mask's jump has no slope to choose
        words, holes = _convention(ws, chain, line)
        whole = line.formula or Name(line.name)
        terms = {"y": shown(ws, whole), "x": shown(ws, holes["x"])}
        step = Step(
            f"note.{line.name}",
            "note",
            "convention",
            Text("A choice at {y}", {"y": Name(line.name)}),
            why=Text(
                "{y} does not have a derivative everywhere: {choice}.",
                {"y": terms["y"], "choice": Text(words, terms)},
            ),
        )
        steps.setdefault(text(terms["y"]), step)
    return list(steps.values())
