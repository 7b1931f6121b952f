"""How the arrays of a convolution are turned and laid out, and the parameters of its call."""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Call, Expr, List, Num
from .relations import Item
from .sliding_axes import Labels


def permuted(e: Expr, have: Labels, want: Labels) -> Expr:
    """The array with its axes in another order."""
    axes = [have.index(x) for x in want]
    if isinstance(e, Call) and e.func == "permute" and all(isinstance(a, Num) for a in e.args[1:]):
        before = [int(a.text) for a in e.args[1:] if isinstance(a, Num)]
        e, axes = e.args[0], [before[k] for k in axes]
    return e if axes == sorted(axes) else called("permute", e, *axes)


def flipped(e: Expr, space: list[int], front: int, n: int) -> Expr:
    """The array backwards along these of the n axes that follow the first `front`."""
    if not space:
        return e
    axes = List(tuple(Num(str(front + k)) for k in space))
    more = () if front == 0 and len(space) == n else (axes.items[0] if len(space) == 1 else axes,)
    if isinstance(e, Call) and e.func == "flip" and e.args[1:] == more and not e.kwargs:
        return e.args[0]
    return Call("flip", (e, *more))


def called(name: str, e: Expr, *numbers: int) -> Expr:
    """f(e, 1, 0); an axis that was taken away and is put back leaves nothing to do."""
    given = tuple(Num(str(n)) for n in numbers)
    back = name == "unsqueeze" and isinstance(e, Call) and e.func == "squeeze"
    if back and isinstance(e, Call) and e.args[1:] == given:
        return e.args[0]
    return Call(name, (e, *given))


def row_of(item: Item) -> Expr:
    """The array as a 1×L image."""
    if len(item.labels) == 2:
        return item.term
    return item.flipped if item.unit else called("unsqueeze", item.term, 0)


def column_of(item: Item) -> Expr:
    """A 1×L image, or a column, as a column."""
    rows = len(item.labels) == 2 or item.unit
    return called("squeeze", row_of(item), 0) if rows else item.term


def keywords(
    strides: list[int],
    paddings: list[tuple[int, int]],
    dilations: list[int],
    extra: Sequence[int] = (),
) -> list[tuple[str, Expr | None]]:
    """The parameters that are not the default."""
    if any(a != b for a, b in paddings):
        pairs = tuple(List(tuple(Num(str(n)) for n in p)) for p in paddings)
        padding: Expr | None = List(pairs)
    else:
        padding = integers([p for p, _ in paddings], 0)
    return [
        ("stride", integers(strides, 1)),
        ("padding", padding),
        ("output_padding", integers(extra, 0)),
        ("dilation", integers(dilations, 1)),
    ]


def integers(xs: Sequence[int], usual: int) -> Expr | None:
    """One number for all axes, or a list; None where it is the usual one."""
    if all(x == usual for x in xs):
        return None
    if len(set(xs)) == 1:
        return Num(str(xs[0]))
    return List(tuple(Num(str(x)) for x in xs))
