"""A function body as data: what is shared gets a name, long lines are cut at a subterm."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Slice, Transpose, children, walk
from ..notation.text import text

WIDTH = 88
INDENT = 4
_FRACTION = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)(?![\w.])")
_POWER = re.compile(
    r"(?P<before>[)\]]\.)?(?P<left>[\w.]*)\*\*(?P<right>(?:-?[\w.]+)?)(?P<after>[(\[]?)"
)
RESERVED = frozenset((*keyword.kwlist, "np", "jnp", "jax", "torch", "math", "float", "int"))


@dataclass(frozen=True)
class Body:
    """Assignments in order, and the term that is returned."""

    statements: tuple[tuple[str, Expr], ...]
    result: Expr

    def terms(self) -> Iterator[Expr]:
        yield from (e for _, e in self.statements)
        yield self.result


def line(e: Expr) -> str:
    """A term as Python, spaced as formatters do: x**2, but f(x) ** 2."""
    return _POWER.sub(_spaced, _FRACTION.sub(r"\1 / \2", text(e)))


def _spaced(power: re.Match[str]) -> str:
    simple = not power["before"] and power["left"] and power["right"] and not power["after"]
    return power[0] if simple else power[0].replace("**", " ** ")


def body(result: Expr, taken: Collection[str], sizes: Collection[str] = ()) -> Body:
    """The result, with what it uses twice computed once; `taken` names are not given again.

    sizes: names of plain integers, whose arithmetic costs nothing.
    """
    namer = Namer(taken)
    shared = _shared(result, sizes)
    names: dict[Expr, str] = {}
    statements: list[tuple[str, Expr]] = []

    def build(e: Expr) -> Expr:
        if e in names:
            return Name(names[e])
        new = with_children(e, [build(c) for c in children(e)])
        if e in shared:
            names[e] = namer.name(e)
            statements.append((names[e], new))
            return Name(names[e])
        return new

    whole = build(result)
    return _cut(Body(tuple(statements), whole), namer)


def _shared(result: Expr, sizes: Collection[str]) -> set[Expr]:
    """Subterms that cost something and stand in more than one place."""
    uses: Counter[Expr] = Counter()
    seen: set[Expr] = set()
    stack = [result]
    while stack:
        e = stack.pop()
        if e in seen:
            continue
        seen.add(e)
        for c in children(e):
            uses[c] += 1
            stack.append(c)
    return {e for e, n in uses.items() if n > 1 and costs(e, sizes)}


def costs(e: Expr, sizes: Collection[str] = ()) -> bool:
    """Whether evaluating it again is work: not a name, a view of one, or arithmetic on sizes."""
    match e:
        case Transpose() | Index():
            return costs(e.arg, sizes)
        case Neg():
            return costs(e.arg, sizes)
        case Call():
            return e.func != ""
        case Binary():
            plain = {"None", "True", *sizes}
            return any(
                isinstance(x, Call) or (isinstance(x, Name) and x.id not in plain) for x in walk(e)
            )
        case _:
            return False


def with_children(e: Expr, new: list[Expr]) -> Expr:
    """The term with other subterms."""
    match e:
        case Call():
            k = len(e.args)
            keywords = tuple((n, v) for (n, _), v in zip(e.kwargs, new[k:], strict=True))
            return Call(e.func, tuple(new[:k]), keywords)
        case Neg():
            return Neg(new[0])
        case Transpose():
            return Transpose(new[0])
        case Binary():
            return Binary(e.op, new[0], new[1])
        case Index():
            return Index(new[0], tuple(new[1:]))
        case List():
            return List(tuple(new))
        case Slice():
            rest = iter(new)
            return Slice(
                *(next(rest) if x is not None else None for x in (e.start, e.stop, e.step))
            )
        case _:
            return e


# -- names ----------------------------------------------------------------------------------------

_LETTERS = {
    "softmax": "p", "sigmoid": "s", "exp": "e", "tanh": "h", "relu": "h", "maximum": "h",
    "norm": "norm", "inv": "inverse", "logsumexp": "lse", "where": "mask", "solve": "u",
    "outer": "M", "kron": "M", "det": "det", "mean": "mean", "sqrt": "root", "einsum": "t",
}  # fmt: skip


class Namer:
    def __init__(self, taken: Collection[str]) -> None:
        self.taken = {*taken, *RESERVED}

    def name(self, e: Expr) -> str:
        base = self.letter(e)
        found, k = base, 1
        while found in self.taken:
            k += 1
            found = f"{base}{k}"
        self.taken.add(found)
        return found

    def letter(self, e: Expr) -> str:
        match e:
            case Call():
                word = e.func.rsplit(".", 1)[-1]
                if word == "inv" and isinstance(e.args[0], Name):
                    return f"{e.args[0].id}_inv"
                return _LETTERS.get(word, "t")
            case Binary("-"):
                return "r"
            case Binary("@"):
                return "z"
            case Binary("<" | "<=" | ">" | ">=" | "==" | "!="):
                return "mask"
            case _:
                return "t"


# -- long lines -----------------------------------------------------------------------------------


def _cut(b: Body, namer: Namer) -> Body:
    done: list[tuple[str, Expr]] = []
    for name, e in (*b.statements, ("return", b.result)):
        joint = " " if name == "return" else " = "
        room = WIDTH - INDENT - len(name) - len(joint)
        while len(line(e)) > room:
            part = _part(e, WIDTH - INDENT - 12)
            if part is None:
                break
            own = namer.name(part)
            done.append((own, part))
            e = _replaced(e, part, Name(own))
        done.append((name, e))
    *statements, (_, result) = done
    return Body(tuple(statements), result)


def _part(e: Expr, room: int) -> Expr | None:
    """The longest subterm that fits on a line and shortens this one."""
    best = None
    for x in walk(e):
        if x is e or not costs(x):
            continue
        size = len(line(x))
        if 8 < size <= room and (best is None or size > len(line(best))):
            best = x
    return best


def _replaced(e: Expr, old: Expr, new: Expr) -> Expr:
    if e == old:
        return new
    return with_children(e, [_replaced(c, old, new) for c in children(e)])
