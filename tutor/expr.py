"""Terms: the one tree that is parsed, derived into, and printed.

The parser turns text into terms; the notation turns graph nodes back into terms; the printers
(`notation/text`, `unicode`, `latex`) turn terms into characters. Terms hold no numbers but their
spelling, so that `0.5` stays `0.5` and `pi/2` stays `pi/2`.

Display-only terms (`Partial`, `Component`, `Sum`) never come from the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

Span = tuple[int, int]
NOWHERE: Span = (0, 0)


@dataclass(frozen=True, slots=True)
class Num:
    """A number as spelled: `3`, `0.5`, `1e-3`; never negative (that is Neg).

    `rounded`: it stands for a number that its digits do not say exactly.
    """

    text: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)
    rounded: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    id: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Str:
    """A string argument of a call: `padding="same"`."""

    value: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const:
    """True, False or None, as a keyword value."""

    value: bool | None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    func: str
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str, Expr], ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Neg:
    arg: Expr
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`op` is one of + - * / ** @ < <= > >= == !=.

    `elementwise` marks a `*`, `/` or `**` between arrays, which print as ⊙, ⊘ and a Hadamard power;
    `span` is the operator's own place.
    """

    op: str
    left: Expr
    right: Expr
    elementwise: bool = False
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Transpose:
    arg: Expr
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Slice:
    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Index:
    arg: Expr
    items: tuple[Expr, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class List:
    """A list literal. A flat one is a column vector, a list of lists a matrix."""

    items: tuple[Expr, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Partial:
    """∂of/∂wrt, as a symbol (an adjoint, or a Jacobian known by name)."""

    of: Expr
    wrt: Expr
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Component:
    """`arg` with subscripts: y_i, W_{ij}."""

    arg: Expr
    indices: tuple[Expr, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sum:
    """Σ over the named indices of `body` (index notation), each from 0 to `last` if it is said."""

    indices: tuple[str, ...]
    body: Expr
    last: Expr | None = None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Expr = (
    Num | Name | Str | Const | Call | Neg | Binary | Transpose | Slice | Index | List | Partial
    | Component | Sum
)  # fmt: skip


def children(e: Expr) -> tuple[Expr, ...]:
    """The direct subterms, left to right."""
    match e:
        case Call():
            return e.args + tuple(v for _, v in e.kwargs)
        case Neg() | Transpose():
            return (e.arg,)
        case Binary():
            return (e.left, e.right)
        case Slice():
            return tuple(x for x in (e.start, e.stop, e.step) if x is not None)
        case Index():
            return (e.arg, *e.items)
        case List():
            return e.items
        case Partial():
            return (e.of, e.wrt)
        case Component():
            return (e.arg, *e.indices)
        case Sum():
            return (e.body,) if e.last is None else (e.body, e.last)
        case _:
            return ()


def walk(e: Expr) -> Iterator[Expr]:
    """Every subterm, parents first, left to right; iterative."""
    stack = [e]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(children(top)))


EQUAL, NEAR = "=", "≈"


def sign_before(e: Expr) -> str:
    """The sign between a quantity and its value."""
    return NEAR if is_rounded(e) else EQUAL


def is_rounded(e: Expr) -> bool:
    """Whether a rounded number stands in the term."""
    return any(isinstance(x, Num) and x.rounded for x in walk(e))


def names(e: Expr) -> tuple[str, ...]:
    """The names that occur, in order of first use, without repetition."""
    return tuple(dict.fromkeys(x.id for x in walk(e) if isinstance(x, Name)))


def exchanged(e: Expr, new: Callable[[Expr], Expr | None]) -> Expr:
    """The term with other subterms: `new` gives one, or None to look inside."""
    other = new(e)
    if other is not None:
        return other

    def at(x: Expr) -> Expr:
        return exchanged(x, new)

    match e:
        case Neg() | Transpose():
            return replace(e, arg=at(e.arg))
        case Binary():
            return replace(e, left=at(e.left), right=at(e.right))
        case Call():
            kwargs = tuple((k, at(v)) for k, v in e.kwargs)
            return replace(e, args=tuple(map(at, e.args)), kwargs=kwargs)
        case List():
            return replace(e, items=tuple(map(at, e.items)))
        case Index():
            return replace(e, arg=at(e.arg), items=tuple(map(at, e.items)))
        case Slice():
            parts = (None if x is None else at(x) for x in (e.start, e.stop, e.step))
            return Slice(*parts, span=e.span)
        case _:
            return e
