"""Two arrays and the windows between them as a call: a convolution, or one that is transposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..expr import Call, Expr, Index, Num, Slice
from .conv_parts import called, column_of, flipped, keywords, permuted, row_of
from .relations import Item
from .sliding_axes import Groups, Labels, Window, flips

Cut = Slice | None


@dataclass(frozen=True)
class _Lead:
    """Labels of the axes before the space; None is an axis of size 1 that an array lacks.

    The call's input has (batch, channel), its kernel `kernel`, its result (batch, outs).
    """

    batch: int | None
    channel: int | None
    kernel: tuple[int | None, int | None]
    outs: int | None


@dataclass(frozen=True)
class Pair:
    """x goes in first, w is the kernel of the call."""

    x: Item
    w: Item
    ties: list[Window]
    out: Labels
    size: Mapping[int, int]
    groups: Groups | None = None
    image: bool = False  # both arrays are 1×L images, and so is the result
    row: int | None = None  # the label that its only row has in the result, if any

    def call(self) -> Item | None:
        """The product as a call; None where it is none."""
        rows = self._rows()
        if rows is not None:
            return rows
        if self._ends(self.w, "b") and self._ends(self.x, "i") and self._out("a"):
            return self._forward()
        if self._ends(self.w, "b") and self._ends(self.x, "a") and self._out("i"):
            return self._back()
        return None

    def _rows(self) -> Item | None:
        """The call with 1×L images, where one of the arrays is one."""
        pair = (self.x, self.w)
        units = {x for item in pair for x in self._before(item)}
        order = max(len(item.labels) for item in pair)
        if len(self.ties) > 1 or order > 2 or self.image or self.groups is not None:
            return None
        rows = [item for item in pair if len(item.labels) == 2 or item.unit]
        top = [x for x in units if x in self.out]
        if not rows or len(top) > 1 or any(self.size[x] != 1 for x in units):
            return None
        image = bool(top) or len(rows) == 2
        x, w = (Item(row_of(i) if image else column_of(i), i.labels[-1:]) for i in pair)
        own = (*self._axes("i"), *self._axes("a"), *self._axes("b"))
        out = (*top, *(x for x in self.out if x in own))
        row = top[0] if top else None
        done = Pair(x, w, self.ties, out, self.size, image=image, row=row).call()
        if done is None or top or not image:
            return done
        return Item(called("squeeze", done.term, 0), done.labels)

    # -- which axis is which -----------------------------------------------------------------

    @property
    def _own(self) -> set[int]:
        return {x for v in self.ties for x in (v.i, v.a, v.b)}

    def _axes(self, role: str) -> Labels:
        return tuple(getattr(v, role) for v in self.ties)

    def _ends(self, item: Item, role: str) -> bool:
        n = len(self.ties)
        return item.labels[-n:] == self._axes(role) and not set(item.labels[:-n]) & self._own

    def _out(self, role: str) -> bool:
        own = self._axes(role)
        return set(self.out) & self._own == set(own)

    def _before(self, item: Item) -> Labels:
        return item.labels[: -len(self.ties)]

    def _lead(self, back: bool) -> _Lead | None:
        """The axes before the space, if there are not more than the call has."""
        first, second, out = self._before(self.x), self._before(self.w), set(self.out)
        if self.groups is not None:
            return self._grouped_lead(back)
        both = [x for x in first if x in second]
        other = [x for x in second if x not in both]
        only = [x for x in other if self.size[x] == 1 and x not in out]
        if only and not back and not both:
            both = only  # an input without an axis for its only channel
            other = [x for x in other if x not in both]
        alone = [x for x in first if x not in both]
        fits = all(x not in out for x in both) and all(x in out or x in only for x in other)
        fits = fits and all(x in out for x in alone)
        if not fits or max(map(len, (alone, both, other))) > 1:
            return None
        (batch,), (channel,), (outs,) = (x or [None] for x in (alone, both, other))
        return _Lead(batch, channel, (channel, outs) if back else (outs, channel), outs)

    def _grouped_lead(self, back: bool) -> _Lead | None:
        g = self.groups
        assert g is not None
        goes_in, comes_out = (g.other, g.whole) if back else (g.whole, g.other)
        first = self._before(self.x)
        batch = [x for x in first if x != goes_in]
        fits = (
            goes_in in first
            and set(self._before(self.w)) == {g.other, g.within}
            and comes_out in self.out
            and len(batch) < 2
            and all(x in self.out for x in batch)
        )
        if not fits:
            return None
        return _Lead(batch[0] if batch else None, goes_in, (g.other, g.within), comes_out)

    # -- x and w: a convolution --------------------------------------------------------------

    def _forward(self) -> Item | None:
        steps = [self._step(v) for v in self.ties]
        paddings, cuts = [p for p, _ in steps], [c for _, c in steps]
        w_back, x_back, y_back = self._backwards("b", "i", "a")
        exact = [self._exact(v) for v in self.ties]
        whole = len(self.ties)
        if len(w_back) == len(y_back) == whole and not x_back and min(exact) >= 0:
            # turned input, kernel as it stands: the result comes out turned back
            paddings = [(n, v.before) for n, v in zip(exact, self.ties, strict=True)]
            cuts, w_back, x_back, y_back = [None] * whole, [], list(range(whole)), []
        strides, dilations = [v.step_a for v in self.ties], [v.step_b for v in self.ties]
        given = keywords(strides, paddings, dilations)
        grad = self._kernel_of_groups(x_back, w_back)
        lead = None if grad else self._lead(back=False)
        if grad is None and lead is None:
            return None
        x, w, labels, front = grad or self._operands(lead, "i", "a", x_back, w_back)
        squeezed = lead is not None and self._squeezed(lead)
        name = f"conv{whole}d"
        return self._finished(name, (x, w), given, cuts, labels, front, squeezed, y_back)

    def _step(self, v: Window) -> tuple[tuple[int, int], Cut]:
        """Padding before and after, and what is kept of the result if it is more than wanted."""
        n, wanted, enough = self.size[v.i], self.size[v.a], max(self._exact(v), 0)
        span = v.step_b * (self.size[v.b] - 1) + 1

        def count(after: int) -> int:
            return (n + v.before + after - span) // v.step_a + 1

        for after in (v.before, enough):
            if count(after) == wanted:
                return (v.before, after), None
        after = v.before if count(v.before) > wanted else enough
        return (v.before, after), Slice(None, Num(str(wanted)), None)

    def _exact(self, v: Window) -> int:
        """The padding after the end with which the last window ends where the input does."""
        span = v.step_b * (self.size[v.b] - 1) + 1
        return (self.size[v.a] - 1) * v.step_a + span - self.size[v.i] - v.before

    def _kernel_of_groups(
        self, x_back: list[int], w_back: list[int]
    ) -> tuple[Expr, Expr, Labels, int] | None:
        """The gradient of a grouped kernel: the places within a group go in as examples, the
        examples of all groups as channels, so that each upstream channel meets its own group."""
        g, n = self.groups, len(self.ties)
        if g is None or not {g.other, g.within} <= set(self.out):
            return None
        first, second = self._before(self.x), self._before(self.w)
        batch = [x for x in first if x != g.whole]
        wanted = {g.other, *batch}
        if g.whole not in first or set(second) != wanted or len(batch) > 1:
            return None
        if any(b in self.out for b in batch):
            return None
        space = self._axes("i")
        x = permuted(self.x.term, self.x.labels, (g.whole, *batch, *space))
        places, sizes = self.size[g.within], [self.size[b] for b in (*batch, *space)]
        if places > 1:
            x = called("reshape", x, g.count, places, *sizes)
            x = called("permute", x, 1, 0, *range(2, 2 + len(sizes)))
        if batch:
            x = called("reshape", x, places, g.count * sizes[0], *sizes[1:])
        elif places == 1:
            x = called("unsqueeze", x, 0)
        w = permuted(self.w.term, self.w.labels, (g.other, *batch, *self._axes("b")))
        w = w if batch else called("unsqueeze", w, 1)
        labels = (g.within, g.other, *self._axes("a"))
        return flipped(x, x_back, 2, n), flipped(w, w_back, 2, n), labels, 2

    # -- the upstream and w: a transposed convolution ----------------------------------------

    def _back(self) -> Item | None:
        lead = self._lead(back=True)
        steps = [self._step_back(v) for v in self.ties]
        fits = [s for s in steps if s is not None]
        if lead is None or len(fits) < len(steps):
            return None
        w_back, x_back, y_back = self._backwards("b", "a", "i")
        given = keywords(
            [v.step_a for v in self.ties], [(p, p) for p, _, _ in fits],
            [v.step_b for v in self.ties], [e for _, e, _ in fits],
        )  # fmt: skip
        x, w, labels, front = self._operands(lead, "a", "i", x_back, w_back)
        squeezed = self._squeezed(lead)
        name, cuts = f"conv_transpose{len(self.ties)}d", [c for _, _, c in fits]
        return self._finished(name, (x, w), given, cuts, labels, front, squeezed, y_back)

    def _step_back(self, v: Window) -> tuple[int, int, Cut] | None:
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

    # -- arrays as the call takes them -------------------------------------------------------

    def _backwards(self, kernel: str, goes_in: str, comes_out: str) -> tuple[list[int], ...]:
        """The axes along which kernel, input and result run backwards; a conv that turns its
        kernel around takes the kernel the other way."""

        def down(role: str) -> list[int]:
            return [k for k, v in enumerate(self.ties) if v.back == getattr(v, role)]

        back = down(kernel)
        if flips():
            back = [k for k in range(len(self.ties)) if k not in back]
        return back, down(goes_in), down(comes_out)

    def _laid_out(self, lead: _Lead) -> bool:
        """Whether there are axes before the space at all."""
        return any(x is not None for x in (lead.batch, lead.channel, *lead.kernel))

    def _squeezed(self, lead: _Lead) -> bool:
        """Whether the call has an only output channel that the result has not."""
        return self._laid_out(lead) and lead.outs not in self.out

    def _operands(
        self, lead: _Lead | None, role: str, result: str, x_back: list[int], w_back: list[int]
    ) -> tuple[Expr, Expr, Labels, int]:
        """Input and kernel, labels of the result, and how many axes it has before the space."""
        assert lead is not None
        n, places = len(self.ties), self._axes(result)
        if not self._laid_out(lead):
            x, w = flipped(self.x.term, x_back, 0, n), flipped(self.w.term, w_back, 0, n)
            labels = places if self.row is None else (self.row, *places)
            return x, w, labels, int(self.image)
        batch = () if lead.batch is None else (lead.batch,)
        x = flipped(self._laid(self.x, (*batch, lead.channel), role), x_back, 1 + len(batch), n)
        w = flipped(self._laid(self.w, lead.kernel, "b"), w_back, 2, n)
        outs = () if lead.outs is None or self._squeezed(lead) else (lead.outs,)
        return x, w, (*batch, *outs, *places), 1 + len(batch)

    def _laid(self, item: Item, wanted: tuple[int | None, ...], role: str) -> Expr:
        """The array with its leading axes in the order of the call."""
        here = [x for x in wanted if x in item.labels]
        e = permuted(item.term, item.labels, (*here, *self._axes(role)))  # type: ignore[arg-type]
        for k, x in enumerate(wanted):
            if x not in item.labels:
                e = called("unsqueeze", e, k)
        return e

    def _finished(
        self, name: str, operands: tuple[Expr, Expr], parameters: list, cuts: list[Cut],
        labels: Labels, front: int, squeezed: bool, back: list[int],
    ) -> Item:  # fmt: skip
        """front: axes before the space in the call's result; squeezed: the last of them has size
        1 and goes; back: axes of the space along which the result runs backwards."""
        more = [("groups", Num(str(self.groups.count)))] if self.groups is not None else []
        given = tuple((k, v) for k, v in (*parameters, *more) if v is not None)
        whole: Expr = Call(name, operands, given)
        if any(c is not None for c in cuts):
            everything = Slice(None, None, None)
            whole = Index(whole, (*(everything,) * front, *(c or everything for c in cuts)))
        if squeezed:
            whole = called("squeeze", whole, front - 1)
        return Item(flipped(whole, back, front - squeezed, len(self.ties)), labels)
