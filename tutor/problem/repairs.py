"""What a student may have meant by an operation whose sizes do not fit.

Candidates only, the most usual first; `mistakes` tries each of them in the whole problem before it
is suggested.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ..expr import Binary, Call, Const, Expr, List, Name, Neg, Num, Str, Transpose, walk
from ..graph import dims
from ..notation.build import size_term
from ..ops import ALIASES, OPS
from ..ops.base import Val
from .origin import Origin

Candidate = tuple[int, Expr]  # how far from what was written, and the term
LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "huber_loss", "hinge_loss", "kl_div",
          "binary_cross_entropy", "binary_cross_entropy_with_logits",
          "multi_margin_loss")  # fmt: skip
# All operands are rows of features, so that others in their place fit easily, but mean nothing.
ROWS = ("attention", "scaled_dot_product_attention")
CHANNELS_FIRST = {3: (2, 0, 1), 4: (0, 3, 1, 2)}  # from heights × widths × channels
KERNELS_FIRST = (3, 2, 0, 1)  # from heights × widths × channels × outputs


def candidates(origin: Origin) -> Iterator[Candidate]:
    """Terms to put in the place of `origin.term`, nearest first."""
    found = [c for c in _all(origin) if c[1] != origin.term]
    found.sort(key=lambda c: c[0])
    seen: list[Expr] = []
    for cost, e in found:
        if e not in seen:
            seen.append(e)
            yield cost, e


def _all(origin: Origin) -> Iterator[Candidate]:
    match origin.term:
        case Binary(op="@", left=a, right=b):
            yield from _product(a, b, [v for _, v in origin.operands])
        case Binary() as e:
            yield from _elementwise(e, [v for _, v in origin.operands])
        case Transpose(arg=x):
            for pair in (("-2", "-1"), ("0", "1")):
                yield 1, Call("transpose", (x, *map(_integer, map(int, pair))))
        case Call() as e:
            yield from _call(e, origin)
        case _:
            return


def is_form(origin: Origin) -> bool:
    """Whether what fails is a part of a quadratic form xᵀA x."""
    for e in walk(origin.definition.expr):
        match e:
            case Binary(op="@", left=Binary(op="@", left=x, right=a) as part, right=y):
                pass
            case Binary(op="@", left=x, right=Binary(op="@", left=a, right=y) as part):
                pass
            case _:
                continue
        if origin.term in (e, part) and isinstance(a, Name) and x == Transpose(y):
            return True
    return False


def flipped(e: Expr) -> Expr:
    return e.arg if isinstance(e, Transpose) else Transpose(e)


def _turned(e: Expr, v: Val) -> Expr | None:
    """The transpose, of a tensor that of its last two axes."""
    if v.order == 0:
        return None
    return flipped(e) if v.order <= 2 else Call("transpose", (e, _integer(-2), _integer(-1)))


def _integer(n: int) -> Expr:
    return Num(str(n)) if n >= 0 else Neg(Num(str(-n)))


# -- operators ------------------------------------------------------------------------------------


def _product(a: Expr, b: Expr, vals: Sequence[Val]) -> Iterator[Candidate]:
    if 0 in (vals[0].order, vals[1].order):
        yield 1, Binary("*", a, b)
        return
    yield from ((1, Binary("@", a, y)) for y in _flat(b, vals[1]))
    ta, tb = _turned(a, vals[0]), _turned(b, vals[1])
    assert ta is not None and tb is not None
    yield 1, Binary("@", ta, b)
    yield 1, Binary("@", a, tb)
    yield 1, Binary("@", b, a)
    alike = vals[0].order == vals[1].order and dims.equal(vals[0].shape[0], vals[1].shape[0])
    yield (1 if alike else 3), Binary("*", a, b)  # seldom meant where another product fits
    yield 2, Binary("@", b, ta)
    yield 2, Binary("@", tb, a)
    yield 2, Binary("@", ta, tb)


def _flat(e: Expr, v: Val) -> Iterator[Expr]:
    """A tensor's entries in one column, or in one row for each example."""
    if v.order >= 3:
        yield Call("flatten", (e,))
        yield Call("reshape", (e, size_term(v.node.shape[0]), _integer(-1)))


def _elementwise(e: Binary, vals: Sequence[Val]) -> Iterator[Candidate]:
    a, b = e.left, e.right
    if e.op == "*":
        yield 1, Binary("@", a, b)
        yield 2, Binary("@", b, a)
    for (x, v), (_, w), rebuilt in (
        ((a, vals[0]), (b, vals[1]), lambda x: replace(e, left=x)),
        ((b, vals[1]), (a, vals[0]), lambda x: replace(e, right=x)),
    ):
        turned = _turned(x, v)
        if turned is not None:
            yield (2 if v.order > w.order else 1), rebuilt(turned)
        yield from ((1, rebuilt(y)) for y in _along_an_axis(x, v, w))


def _along_an_axis(x: Expr, v: Val, other: Val) -> Iterator[Expr]:
    """A vector spread along one axis of a tensor: the others have size 1."""
    if v.order != 1 or other.order < 3:
        return
    for k, d in enumerate(other.node.shape[:-1]):
        if dims.equal(d, v.node.shape[0]):
            ones = (Num("1"),) * (other.order - 1 - k)
            yield Call("reshape", (x.arg if isinstance(x, Transpose) else x, size_term(d), *ones))


# -- calls ----------------------------------------------------------------------------------------


def _call(e: Call, origin: Origin) -> Iterator[Candidate]:
    op = OPS.get(
        ALIASES.get(e.func, e.func), origin.op
    )  # one that is written out has others inside
    own = [k for k, p in enumerate(op.parameters) if op.takes_operand(p)]
    many = len(own) == 1 and str(op.parameters[own[0]].kind) == "VAR_POSITIONAL"
    places = [
        k
        for k, x in enumerate(e.args)
        if (many or k in own or e.func == "einsum") and not isinstance(x, Str | Const | List)
    ]
    match e.func:
        case "concat" | "stack":
            yield from _joined(e, places)
        case "reshape" | "unvec":
            yield from _reshaped(e, origin)
            return
        case "einsum":
            yield from _letters(e)
        case "solve" if len(e.args) == 2:
            a, b = e.args
            at = flipped(a)
            yield 3, Call("solve", (Binary("@", at, a), Binary("@", at, b)))
        case "linear":
            yield from ((1, _with(e, 0, y)) for y in _flat(e.args[0], origin.operands[0][1]))
        case "outer" | "dot":
            yield from ((1, _with(e, k, Call("flatten", (e.args[k],)))) for k in places)
    if e.func.startswith("conv"):
        yield from _convolved(e, origin)
    if e.func in LOSSES:
        for k in places[:2]:
            yield 1, _with(e, k, Call("squeeze", (e.args[k],)))
    yield from _axes(e)
    open_ = any(dims.unknowns(dims.resolved(d)) for _, v in origin.operands for d in v.shape)
    if e.func.endswith("_cell") and open_:  # another number of gates would fit any size
        return
    for k in places:
        yield 1, _with(e, k, flipped(e.args[k]))
    if len(places) > 1 and e.func not in ("concat", "stack"):
        for i, j in pairwise(places):
            if e.func not in ROWS:
                yield 2, _with(_with(e, i, e.args[j]), j, e.args[i])
            yield 3, _with(_with(e, i, flipped(e.args[i])), j, flipped(e.args[j]))


def _with(e: Call, k: int, x: Expr) -> Call:
    return replace(e, args=(*e.args[:k], x, *e.args[k + 1 :]))


def _keyword(e: Call, key: str, value: Expr) -> Call:
    return replace(e, kwargs=(*(kv for kv in e.kwargs if kv[0] != key), (key, value)))


def _axes(e: Call) -> Iterator[Candidate]:
    for key, _ in e.kwargs:
        if key in ("axis", "dim"):
            yield from ((1, _keyword(e, key, Num(str(k)))) for k in range(4))
            yield 2, replace(e, kwargs=tuple(kv for kv in e.kwargs if kv[0] != key))


def _joined(e: Call, places: Sequence[int]) -> Iterator[Candidate]:
    if not any(key in ("axis", "dim") for key, _ in e.kwargs):
        yield from ((1, _keyword(e, "axis", Num(str(k)))) for k in range(1, 4))
    yield 2, replace(e, func="stack" if e.func == "concat" else "concat")


def _reshaped(e: Call, origin: Origin) -> Iterator[Candidate]:
    """One size of the new shape replaced by what the others leave over."""
    total = dims.resolved(dims.product(origin.operands[0][1].node.shape))
    if not isinstance(total, int):
        return
    nested = len(e.args) == 2 and isinstance(e.args[1], List)
    sizes = e.args[1].items if nested else e.args[1:]  # type: ignore[union-attr]
    numbers = [int(s.text) if isinstance(s, Num) and s.text.isdigit() else 0 for s in sizes]
    for k in range(len(numbers)):
        rest = 1
        for n in (*numbers[:k], *numbers[k + 1 :]):
            rest *= n
        if rest and total % rest == 0:
            new = (*sizes[:k], Num(str(total // rest)), *sizes[k + 1 :])
            yield 1, replace(e, args=(e.args[0], *((List(new),) if nested else new)))


def _letters(e: Call) -> Iterator[Candidate]:
    """The indices of one operand in another order."""
    first = e.args[0] if e.args else None
    if not isinstance(first, Str):
        return
    left, arrow, right = first.value.partition("->")
    terms = left.split(",")
    for k, term in enumerate(terms):
        for i in range(len(term.strip()) - 1):
            t = term.strip()
            other = t[:i] + t[i + 1] + t[i] + t[i + 2 :]
            equation = ",".join([*terms[:k], other, *terms[k + 1 :]]) + arrow + right
            yield 1, _with(e, 0, Str(equation))


def _convolved(e: Call, origin: Origin) -> Iterator[Candidate]:
    if len(e.args) < 2:
        return
    (_, x), (_, w) = origin.operands[:2]
    if x.order in CHANNELS_FIRST and _channels_last(x):
        yield 1, _with(e, 0, Call("permute", (e.args[0], *map(_integer, CHANNELS_FIRST[x.order]))))
    if w.order >= 3:
        yield 1, _with(e, 1, Call("transpose", (e.args[1], _integer(0), _integer(1))))
    if w.order == 4 and w.node.shape[0] == w.node.shape[1]:
        yield 1, _with(e, 1, Call("permute", (e.args[1], *map(_integer, KERNELS_FIRST))))
    for k in (0, 1):
        yield 1, _with(e, k, Call("unsqueeze", (e.args[k], Num("0"))))
        yield 2, _with(e, k, Call("squeeze", (e.args[k],)))
    groups = _groups(x, w)
    if groups is not None:
        yield 1, _keyword(e, "groups", Num(str(groups)))


def _channels_last(x: Val) -> bool:
    """Whether the last axis may be the channels: it is the shortest, or the others are a square."""
    *rest, last = x.node.shape[-3:]
    if not all(isinstance(d, int) for d in (*rest, last)):
        return False
    return last < min(rest) or rest[0] == rest[1]


def _groups(x: Val, w: Val) -> int | None:
    """How many groups the kernel would have to be for, if that is a whole number."""
    if w.order < 3 or x.order < w.order - 1:
        return None
    channels, per = x.node.shape[x.order - w.order + 1], w.node.shape[1]
    if isinstance(channels, int) and isinstance(per, int) and channels % per == 0:
        return channels // per
    return None
