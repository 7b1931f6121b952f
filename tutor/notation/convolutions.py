"""Products with window relations as calls: a convolution, and its gradients by kernel and input.

i = s·o + d·k − p ties input position i, output position o and tap k. Of the three arrays that carry
i, o and k, two stand in the product and the third is the result: x and w give a convolution; x and
the upstream give the kernel's gradient, again a convolution, in which stride and dilation change
places; the upstream and w give the input's gradient, a transposed convolution. Channels in groups
are two more relations. Where the kernel is turned around, one of the three runs backwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations, product

from ..expr import Call, Num
from ..graph.dims import Dim
from .conv_calls import Pair
from .copies import copied, in_blocks
from .relations import Item
from .sliding_axes import Groups, Labels, Move, Window, apart, grouped, windows


def convolution(
    items: Sequence[Item], moves: Sequence[Move], out: Sequence[int], sizes: Mapping[int, Dim]
) -> tuple[tuple[Item, ...], Item, list[Move]] | None:
    """What relations tie together, and the call that it is: (factors used up, result, relations
    that are left).

    The result's labels are those of the call, which may come in another order than `out`.
    """
    if in_blocks(moves):
        return copied(items, moves, out, sizes)
    arrays = [x for x in items if x.labels]
    size = {x: d for x, d in sizes.items() if isinstance(d, int)}
    groups, ties = None, windows(moves)
    if 0 < len(arrays) <= 2 and len(moves) > 2:
        found = grouped([x.labels for x in arrays], moves, tuple(out), size)
        if found is not None:
            groups, rest = found
            ties = windows(rest)
    if ties is not None and apart(ties) and 0 < len(ties) <= 3 and 0 < len(arrays) <= 2:
        whole = _whole(arrays, ties, tuple(out), size, groups)
        return None if whole is None else (*whole, [])
    return _inner(arrays, moves, tuple(out), size)


def _whole(
    arrays: list[Item], ties: list[Window], out: Labels, size: dict[int, int], groups: Groups | None
) -> tuple[tuple[Item, ...], Item] | None:
    """All relations at once."""
    for some in (ties, [v.turned for v in ties]):
        if len(arrays) == 1:
            found = _spread(arrays[0], some, out, size, groups)
            if found is not None:
                return (arrays[0],), found
            continue
        for x, w in (arrays, arrays[::-1]):
            found = Pair(x, w, some, out, size, groups).call()
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
        if not 0 < len(ties) <= 3 or not rest or not apart(ties):
            continue
        tied = {label for v in ties for label in (getattr(v, summed), v.b)}
        lead = dict.fromkeys(y for y in (*x.labels, *w.labels) if y not in tied)
        both = {y for y in lead if y in x.labels and y in w.labels and uses[y] == 2}
        alone = {y for y in lead if uses[y] == 1 and size.get(y) == 1}  # a row without a column
        inner = (*(y for y in lead if y not in both | alone), *(getattr(v, kept) for v in ties))
        found = Pair(x, w, ties, inner, size).call()
        if found is not None:
            return (x, w), found, rest
    return None


def _spread(
    one: Item, ties: list[Window], out: Labels, size: dict[int, int], groups: Groups | None
) -> Item | None:
    """One array, and ones for the other, which has no factor: sums of windows, and back."""
    n = len(ties)
    roles = [tuple(getattr(v, role) for v in ties) for role in "iab"]
    ends, lead = one.labels[-n:], one.labels[:-n]
    if ends not in roles or out[-n:] not in roles or ends == out[-n:]:
        return None
    (missing,) = (r for r in roles if r not in (ends, out[-n:]))
    tied = set() if groups is None else {groups.whole, groups.within}
    fresh = [x for x in out[:-n] if x not in lead and x not in tied]  # what it repeats in
    summed = [x for x in lead if x not in out and x not in tied]
    if groups is not None and groups.other not in (*fresh, *summed):
        return None
    labels = (*fresh, *summed, *missing)
    sizes = tuple(Num(str(size[x])) for x in labels)
    ones = Item(Call("ones", sizes), labels)
    for x, w in ((one, ones), (ones, one)):
        found = Pair(x, w, ties, out, size, groups).call()
        if found is not None:
            return found
    return None
