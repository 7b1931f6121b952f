"""Products with window relations as calls: a convolution, and its gradients by kernel and input.

i = s·o + d·k − p ties input position i, output position o and tap k. Of the three arrays that carry
i, o and k, two stand in the product and the third is the result: x and w give a convolution; x and
the upstream give the kernel's gradient, again a convolution, in which stride and dilation change
places; the upstream and w give the input's gradient, a transposed convolution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

from ..expr import Call, Expr, Index, List, Num, Slice
from ..graph.dims import Dim
from ..graph.node import Node
from .relations import Item

Labels = tuple[int, ...]
Move = tuple[Node, Labels]


@dataclass(frozen=True)
class Window:
    """i = step_a·a + step_b·b − before, by labels."""

    i: int
    a: int
    b: int
    step_a: int
    step_b: int
    before: int

    @property
    def turned(self) -> Window:
        return replace(self, a=self.b, b=self.a, step_a=self.step_b, step_b=self.step_a)


def windows(moves: Sequence[Move]) -> list[Window] | None:
    """The relations as windows, in their order; None where one is something else."""
    found: list[Window] = []
    for node, labels in moves:
        coefs, constant = node.attr
        whole = all(isinstance(c, int) for c in (*coefs, constant, *node.shape))
        if len(labels) != 3 or not whole or coefs[0] != 1 or max(coefs[1:]) >= 0 or constant > 0:
            return None
        found.append(Window(*labels, -coefs[1], -coefs[2], -constant))
    return found


def convolution(
    items: Sequence[Item], moves: Sequence[Move], out: Sequence[int], sizes: Mapping[int, Dim]
) -> tuple[tuple[Item, ...], Item, list[Move]] | None:
    """What relations tie together, and the call that it is: (factors used up, result, relations
    that are left).

    The result's labels are those of the call, which may come in another order than `out`.
    """
    arrays = [x for x in items if x.labels]
    size = {x: d for x, d in sizes.items() if isinstance(d, int)}
    ties = windows(moves)
    if ties is not None and 0 < len(ties) <= 3 and 0 < len(arrays) <= 2:
        found = _whole(arrays, ties, tuple(out), size)
        return None if found is None else (*found, [])
    return _inner(arrays, moves, tuple(out), size)


def _whole(
    arrays: list[Item], ties: list[Window], out: Labels, size: dict[int, int]
) -> tuple[tuple[Item, ...], Item] | None:
    """All relations at once."""
    own = {x for v in ties for x in (v.i, v.a, v.b)}
    for some in (ties, [v.turned for v in ties]):
        if len(arrays) == 1:
            found = _spread(arrays[0], some, out, size)
            if found is not None:
                return (arrays[0],), found
            continue
        for x, w in (arrays, arrays[::-1]):
            found = _Pair(x, w, some, out, size, own).call()
            if found is not None:
                return (x, w), found
    return None


def _inner(
    arrays: list[Item], moves: Sequence[Move], out: Labels, size: dict[int, int]
) -> tuple[tuple[Item, ...], Item, list[Move]] | None:
    """One inside of a longer product: what it sums over stands nowhere else."""
    uses = Counter(x for a in arrays for x in a.labels)
    uses.update(x for _, labels in moves for x in labels)
    uses.update(out)
    for (x, w), (summed, kept) in product(permutations(arrays, 2), (("i", "a"), ("a", "i"))):
        ties, rest = [], []
        for move in moves:
            (tie,) = windows([move]) or (None,)
            fits = [
                v
                for v in ((tie, tie.turned) if tie else ())
                if getattr(v, summed) in x.labels
                and v.b in w.labels
                and uses[getattr(v, summed)] == uses[v.b] == 2
            ]
            ties += fits[:1]
            rest += [] if fits else [move]
        if not 0 < len(ties) <= 3 or not rest:
            continue
        tied = {label for v in ties for label in (getattr(v, summed), v.b)}
        lead = dict.fromkeys(y for y in (*x.labels, *w.labels) if y not in tied)
        both = {y for y in lead if y in x.labels and y in w.labels and uses[y] == 2}
        inner = (*(y for y in lead if y not in both), *(getattr(v, kept) for v in ties))
        own = {y for v in ties for y in (v.i, v.a, v.b)}
        found = _Pair(x, w, ties, inner, size, own).call()
        if found is not None:
            return (x, w), found, rest
    return None


def _spread(one: Item, ties: list[Window], out: Labels, size: dict[int, int]) -> Item | None:
    """One array, and ones for the other, which has no factor: sums of windows, and back."""
    i, a, b = (tuple(getattr(v, role) for v in ties) for role in "iab")

    def ones(labels: Labels) -> Item:
        return Item(Call("ones", tuple(Num(str(size[x])) for x in labels)), labels)

    if one.labels == i and out == a:
        return _Pair(one, ones(b), ties, out, size, {*i, *a, *b}).call()
    if len(ties) > 2 or out != i:
        return None
    if one.labels == a:
        return _Pair(one, ones(b), ties, out, size, set()).back()
    return _Pair(ones(a), one, ties, out, size, set()).back() if one.labels == b else None


@dataclass(frozen=True)
class _Pair:
    """Two arrays and the windows between them: x goes in first, w is the kernel of the call."""

    x: Item
    w: Item
    ties: list[Window]
    out: Labels
    size: dict[int, int]
    own: set[int]  # labels of the windows

    def call(self) -> Item | None:
        if self._ends(self.x, "i") and self._ends(self.w, "b"):
            return self._forward() if self._out("a") else None
        if self._ends(self.x, "a") and self._ends(self.w, "b") and len(self.ties) < 3:
            return self.back() if self._out("i") else None
        return None

    def _ends(self, item: Item, role: str) -> bool:
        n = len(self.ties)
        own = tuple(getattr(v, role) for v in self.ties)
        return item.labels[-n:] == own and not set(item.labels[:-n]) & self.own

    def _out(self, role: str) -> bool:
        own = {getattr(v, role) for v in self.ties}
        return set(self.out) & self.own == own

    def _leads(self) -> tuple[Labels, Labels, Labels] | None:
        """Labels before the space: of x alone, summed over, of w alone; at most one of each."""
        n, out = len(self.ties), set(self.out)
        first, second = self.x.labels[:-n], self.w.labels[:-n]
        both = tuple(x for x in first if x in second)
        alone = tuple(x for x in first if x not in second)
        other = tuple(x for x in second if x not in first)
        fits = all(x not in out for x in both) and all(x in out for x in (*alone, *other))
        return (alone, both, other) if fits and max(map(len, (alone, both, other))) < 2 else None

    def _laid(self, item: Item, wanted: tuple[int | None, ...], role: str) -> Expr:
        """The array with its leading axes in the order of the call; None is an axis of size 1."""
        order = [*(x for x in wanted if x is not None), *(getattr(v, role) for v in self.ties)]
        e = permuted(item.term, item.labels, tuple(order))
        for k, x in enumerate(wanted):
            if x is None:
                e = Call("unsqueeze", (e, Num(str(k))))
        return e

    def _finished(
        self, name: str, x: Expr, w: Expr, keywords: list, cuts: list[Slice | None],
        labels: Labels, lead: int, extra: bool,
    ) -> Item:  # fmt: skip
        """lead: axes before the space in the call's result; extra: one of them has size 1."""
        whole: Expr = Call(name, (x, w), tuple((k, v) for k, v in keywords if v is not None))
        if any(c is not None for c in cuts):
            everything = Slice(None, None, None)
            whole = Index(whole, (*(everything,) * lead, *(c or everything for c in cuts)))
        if extra:  # the axis of the only output channel, which is the last before the space
            whole = Call("squeeze", (whole, Num(str(lead - 1))))
        return Item(whole, labels)

    # -- x and w: a convolution --------------------------------------------------------------

    def _forward(self) -> Item | None:
        leads = self._leads()
        if leads is None:
            return None
        steps = [self._step(v) for v in self.ties]
        cuts = [cut for _, cut in steps]
        keywords = _keywords(
            [v.step_a for v in self.ties], [p for p, _ in steps], [v.step_b for v in self.ties]
        )
        return self._arranged(f"conv{len(self.ties)}d", leads, "i", "a", keywords, cuts, False)

    def _step(self, v: Window) -> tuple[tuple[int, int], Slice | None]:
        """Padding before and after, and what is kept of the result if it is more than wanted."""
        n, taps, wanted = self.size[v.i], self.size[v.b], self.size[v.a]
        span = v.step_b * (taps - 1) + 1

        def count(after: int) -> int:
            return (n + v.before + after - span) // v.step_a + 1

        enough = max((wanted - 1) * v.step_a + span - n - v.before, 0)
        for after in (v.before, enough):
            if count(after) == wanted:
                return (v.before, after), None
        after = v.before if count(v.before) > wanted else enough
        return (v.before, after), Slice(None, Num(str(wanted)), None)

    # -- the upstream and w: a transposed convolution ----------------------------------------

    def back(self) -> Item | None:
        leads = self._leads()
        steps = [self._step_back(v) for v in self.ties]
        if leads is None or any(s is None for s in steps):
            return None
        fits = [s for s in steps if s is not None]
        keywords = _keywords(
            [v.step_a for v in self.ties], [(p, p) for p, _, _ in fits],
            [v.step_b for v in self.ties], [e for _, e, _ in fits],
        )  # fmt: skip
        name = f"conv_transpose{len(self.ties)}d"
        return self._arranged(name, leads, "a", "i", keywords, [c for _, _, c in fits], True)

    def _step_back(self, v: Window) -> tuple[int, int, Slice | None] | None:
        """Padding, output padding, and what is kept of the result."""
        wanted, p = self.size[v.i], v.before
        full = (self.size[v.a] - 1) * v.step_a + v.step_b * (self.size[v.b] - 1) + 1
        extra = wanted - (full - 2 * p)
        if extra < 0:
            return p, 0, Slice(None, Num(str(wanted)), None) if full > 2 * p else None
        if extra < max(v.step_a, v.step_b):
            return p, extra, None
        if extra > p:
            return None
        return p - extra, 0, Slice(Num(str(extra)), Num(str(extra + wanted)), None)

    def _arranged(
        self, name: str, leads: tuple[Labels, Labels, Labels], role: str, result: str,
        keywords: list, cuts: list[Slice | None], back: bool,
    ) -> Item | None:  # fmt: skip
        """Bare arrays as they are; with channels in the order that a layer has."""
        places = tuple(getattr(v, result) for v in self.ties)
        if not any(leads):
            return self._finished(name, self.x.term, self.w.term, keywords, cuts, places, 0, False)
        (batch,), (channel,), (outs,) = (x or (None,) for x in leads)
        x = self._laid(self.x, (channel,) if batch is None else (batch, channel), role)
        w = self._laid(self.w, (channel, outs) if back else (outs, channel), "b")
        labels = tuple(x for x in (batch, outs) if x is not None) + places
        lead = 1 + (batch is not None)
        return self._finished(name, x, w, keywords, cuts, labels, lead, outs is None)


def permuted(e: Expr, have: Labels, want: Labels) -> Expr:
    """The array with its axes in another order."""
    if have == want:
        return e
    return Call("permute", (e, *(Num(str(have.index(x))) for x in want)))


def _keywords(
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
        padding = _integers([p for p, _ in paddings], 0)
    return [
        ("stride", _integers(strides, 1)),
        ("padding", padding),
        ("output_padding", _integers(extra, 0)),
        ("dilation", _integers(dilations, 1)),
    ]


def _integers(xs: Sequence[int], usual: int) -> Expr | None:
    """One number for all axes, or a list; None where it is the usual one."""
    if all(x == usual for x in xs):
        return None
    if len(set(xs)) == 1:
        return Num(str(xs[0]))
    return List(tuple(Num(str(x)) for x in xs))
