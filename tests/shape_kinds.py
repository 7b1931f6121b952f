"""Random argument sets for operations, and what PyTorch or NumPy makes of their shapes.

A `Kind` draws operands' shapes and parameters, right and wrong ones, and asks the judge.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    shapes: Sequence[Shape]
    rest: tuple[Any, ...] = ()
    more: Any = None  # keyword parameters


@dataclass(frozen=True)
class Kind:
    """`judge` gives the result's shape or raises; `except_` says where ours means to differ."""

    op: str
    draw: Callable[[random.Random], Call]
    judge: Callable[[Call], Shape]
    except_: Callable[[Call], str | None] = lambda c: None
    label: str = ""


def tensors(*shapes: Shape) -> list[torch.Tensor]:
    """Small real ones: meta tensors let some wrong axes and biases through."""
    return [torch.eye(*s) if len(s) == 2 else torch.ones(s) for s in shapes]


def asked(f: Callable[..., Any]) -> Callable[[Call], Shape]:
    """A torch function of the operands, the rest, and the keywords."""

    def judge(c: Call) -> Shape:
        return tuple(f(*tensors(*c.shapes), *c.rest, **(c.more or {})).shape)

    return judge


def plain(f: Callable[..., Any]) -> Callable[[Call], Shape]:
    """The same of NumPy, on arrays of ones."""

    def judge(c: Call) -> Shape:
        return np.shape(f(*(np.ones(s) for s in c.shapes), *c.rest, **(c.more or {})))

    return judge


def some(rng: random.Random, low: int, high: int, most: int = 4) -> Shape:
    return tuple(rng.choice([1, 2, 3, 4][:most]) for _ in range(rng.randint(low, high)))


def nearly(rng: random.Random, shape: Shape) -> Shape:
    """The same shape, or one that differs in an axis, or lacks one in front."""
    roll = rng.random()
    if roll < 0.5 or not shape:
        return shape
    k = rng.randrange(len(shape))
    if roll < 0.75:
        return (*shape[:k], rng.choice([1, 2, 3, 4]), *shape[k + 1 :])
    return shape[1:]


# -- elementwise ----------------------------------------------------------------------------------


def two_tensors(rng: random.Random) -> Call:
    a = some(rng, 3, 4)
    b = nearly(rng, a)
    return Call([a, b] if rng.random() < 0.5 else [b, a])


def two_papers(rng: random.Random) -> Call:
    """Columns, matrices and scalars."""
    a = some(rng, 0, 2)
    return Call([a, nearly(rng, a) if rng.random() < 0.6 else some(rng, 0, 2)])


def paper(shape: Shape) -> Shape:
    """m×1 is a column, 1×1 a number."""
    while len(shape) <= 2 and shape[-1:] == (1,):
        shape = shape[:-1]
    return shape


def on_paper(f: Callable[..., Any]) -> Callable[[Call], Shape]:
    """NumPy with every vector written as a column n×1."""

    def judge(c: Call) -> Shape:
        arrays = [np.ones((*s, 1) if len(s) == 1 else s) for s in c.shapes]
        return np.shape(f(*arrays))

    return judge


def stretches(c: Call) -> str | None:
    """NumPy stretches n×1 and 1×m to n×m; on paper neither operand has that size."""
    a, b = ((*s, 1) if len(s) == 1 else s for s in c.shapes)
    if not a or not b:
        return None
    try:
        whole = np.broadcast_shapes(a, b)
    except ValueError:
        return None
    if whole not in (a, b):
        return "neither operand has the size of the result"
    return None


# -- products, reductions, rearrangements ---------------------------------------------------------


def factors(rng: random.Random) -> Call:
    a = some(rng, 1, 4)
    b = some(rng, 3 if len(a) < 3 else 1, 4)
    if rng.random() < 0.7:  # one that fits
        k = a[-1]
        b = (*b[:-2], k, b[-1]) if len(b) > 1 else (k,)
        if len(a) > 2 and len(b) > 2:
            n = min(len(a), len(b)) - 2
            b = (*b[: len(b) - 2 - n], *a[len(a) - 2 - n : -2], *b[-2:])
    return Call([a, b])


def matrices(rng: random.Random) -> Call:
    a, b = some(rng, 2, 2), some(rng, 2, 2)
    return Call([a, (a[1], b[1]) if rng.random() < 0.6 else b])


def reduced(rng: random.Random) -> Call:
    x = some(rng, 3, 4)
    more: dict[str, Any] = {}
    if rng.random() < 0.8:
        more["axis"] = rng.randint(-5, 4)
    if rng.random() < 0.4:
        more["keepdims"] = True
    return Call([x], (), more)


def with_axis(rng: random.Random) -> Call:
    return Call([some(rng, 3, 4)], (), {"axis": rng.randint(-5, 4)})


def torch_axis(f: Callable[..., Any]) -> Callable[[Call], Shape]:
    def judge(c: Call) -> Shape:
        return tuple(f(*tensors(*c.shapes), dim=c.more["axis"]).shape)

    return judge


def reshaped(rng: random.Random) -> Call:
    x = some(rng, 1, 4)
    total = int(np.prod(x))
    sizes = list(some(rng, 1, 4))
    if rng.random() < 0.7:
        sizes = [d for d in (1, 2, 3, 4, 6, 8, 12) if total % d == 0]
        first = rng.choice(sizes)
        sizes = [first, total // first]
        rng.shuffle(sizes)
    return Call([x], tuple(sizes))


def permuted(rng: random.Random) -> Call:
    x = some(rng, 3, 4)
    axes = list(range(len(x)))
    rng.shuffle(axes)
    if rng.random() < 0.3:
        axes[0] = rng.randint(-5, 5)
    return Call([x], tuple(axes))


def swapped(rng: random.Random) -> Call:
    return Call([some(rng, 3, 4)], (), {"dim0": rng.randint(-5, 4), "dim1": rng.randint(-5, 4)})


def parts(rng: random.Random) -> Call:
    x = some(rng, 3, 4)
    axis = rng.randint(-4, 4)
    others = []
    for _ in range(rng.randint(1, 2)):
        other = list(x)
        if rng.random() < 0.6 and -len(x) <= axis < len(x):
            other[axis] = rng.randint(1, 4)
        others.append(tuple(other) if rng.random() < 0.8 else nearly(rng, x))
    return Call([x, *others], (), {"axis": axis})


def einsums(rng: random.Random) -> Call:
    letters = "ijkl"
    sizes = {x: rng.randint(2, 4) for x in letters}
    terms = ["".join(rng.choices(letters, k=rng.randint(2, 3))) for _ in range(rng.randint(1, 2))]
    used = sorted(set("".join(terms)))
    out = "".join(rng.sample(used, rng.randint(0, len(used))))
    shapes = [tuple(sizes[x] for x in t) for t in terms]
    if rng.random() < 0.4:
        k = rng.randrange(len(shapes))
        shapes[k] = nearly(rng, shapes[k])
    return Call(shapes, (), {"equation": ",".join(terms) + "->" + out})


def stretched_letter(c: Call) -> str | None:
    """NumPy lets an axis of size 1 repeat under a letter."""
    terms = c.more["equation"].partition("->")[0].split(",")
    sizes: dict[str, set[int]] = {}
    for term, shape in zip(terms, c.shapes, strict=True):
        if len(term) != len(shape):
            return "a column may be given for n×1" if len(shape) == 1 else None
        for x, d in zip(term, shape, strict=True):
            sizes.setdefault(x, set()).add(d)
    repeats = any(1 in s and len(s) > 1 for s in sizes.values())
    return "an index has one size" if repeats else None


# -- layers ---------------------------------------------------------------------------------------


def padding_counts(c: Call) -> str | None:
    """torch's 3-D average pool wants the input itself to be as large as the kernel."""
    small = min(c.shapes[0][-3:]) < c.more["kernel_size"]
    return "padding may make up for a small input, as in one and two dimensions" if small else None


def kind_of_target(c: Call) -> str | None:
    """Sizes do not say whether a matrix holds indices or probabilities."""
    return "probabilities have the size of the scores" if c.shapes[0] == c.shapes[1] else None


def not_square(c: Call) -> str | None:
    a, b = c.shapes[0]
    return "the trace of a matrix that is not square is refused" if a != b else None


def empty(n: int) -> Callable[[Call], str | None]:
    """A result without entries is refused."""

    def reason(c: Call) -> str | None:
        try:
            found = asked(getattr(F, f"conv_transpose{n}d"))(c)
        except RuntimeError:
            return None
        return "nothing is left after the padding is cut away" if 0 in found else None

    return reason


def convolved(n: int) -> Callable[[random.Random], Call]:
    def draw(rng: random.Random) -> Call:
        groups = rng.choice([1, 1, 1, 2, 3])
        per = rng.randint(1, 2)
        outs = groups * rng.randint(1, 2) if rng.random() < 0.9 else rng.randint(1, 4)
        channels = per * groups if rng.random() < 0.8 else rng.randint(1, 4)
        x = (channels, *(rng.randint(1, 7) for _ in range(n)))
        if rng.random() < 0.4:
            x = (rng.randint(1, 2), *x)
        w = (outs, per, *(rng.randint(1, 4) for _ in range(n)))
        more = {"stride": rng.randint(1, 3), "padding": rng.randint(0, 2),
                "dilation": rng.randint(1, 2), "groups": groups}  # fmt: skip
        if rng.random() < 0.1:
            x = x[1:]
        bias = [(outs if rng.random() < 0.8 else rng.randint(1, 4),)] if rng.random() < 0.4 else []
        return Call([x, w, *bias], (), more)

    return draw


def transposed(n: int) -> Callable[[random.Random], Call]:
    def draw(rng: random.Random) -> Call:
        groups = rng.choice([1, 1, 2])
        channels = groups * rng.randint(1, 2)
        x = (channels if rng.random() < 0.85 else rng.randint(1, 4),
             *(rng.randint(1, 5) for _ in range(n)))  # fmt: skip
        w = (channels, rng.randint(1, 3), *(rng.randint(1, 4) for _ in range(n)))
        more = {"stride": rng.randint(1, 3), "padding": rng.randint(0, 2), "groups": groups,
                "output_padding": rng.choice([0, 0, 0, 1, 2]),
                "dilation": 1 + (rng.random() < 0.5)}  # fmt: skip
        return Call([(2, *x) if rng.random() < 0.3 else x, w], (), more)

    return draw


def pooled(n: int, average: bool) -> Callable[[random.Random], Call]:
    def draw(rng: random.Random) -> Call:
        x = (rng.randint(1, 3), *(rng.randint(1, 8) for _ in range(n)))
        more: dict[str, Any] = {"kernel_size": rng.randint(1, 4), "padding": rng.randint(0, 2)}
        if rng.random() < 0.6:
            more["stride"] = rng.randint(1, 3)
        if rng.random() < 0.3:
            more["ceil_mode"] = True
        if not average and rng.random() < 0.5:
            more["dilation"] = rng.randint(1, 3)
        return Call([(2, *x) if rng.random() < 0.4 else x], (), more)

    return draw


def dense(rng: random.Random) -> Call:
    i, o = rng.randint(2, 4), rng.randint(2, 4)
    x = (*some(rng, 0, 2), i)
    w = (o, i) if rng.random() < 0.7 else (o, rng.randint(2, 4))
    wide = (o if rng.random() < 0.8 else rng.randint(2, 4),)
    odd = rng.choice([(o, 1), (o, o), (1, o), (rng.randint(2, 4), o), (2, 3, o), (1, 1), ()])
    bias = [wide if rng.random() < 0.6 else odd] if rng.random() < 0.6 else []
    return Call([x, w, *bias])


def spread_bias(c: Call) -> str | None:
    """torch's documentation has one entry for each output; it adds whatever NumPy could add."""
    bias = c.shapes[2] if len(c.shapes) > 2 else ()
    column = len(bias) == 2 and bias[1] == 1
    if column:
        return "a column may be given for n×1"
    return "a bias has one entry for each output" if len(bias) > 1 or bias == (1,) else None


def normalised(rng: random.Random) -> Call:
    x = some(rng, 2, 4)
    n = rng.randint(1, len(x))
    sizes = x[-n:] if rng.random() < 0.7 else some(rng, 1, 2)
    return Call([x], (), {"normalized_shape": sizes})


def grouped(rng: random.Random) -> Call:
    x = (rng.randint(2, 3), rng.choice([2, 3, 4, 6]), *some(rng, 1, 2), 3)
    return Call([x], (), {"num_groups": rng.randint(1, 4)})


def attended(rng: random.Random) -> Call:
    b, q, k, d, v = (rng.randint(2, 4) for _ in range(5))
    shapes = [(b, q, d), (b, k, d), (b, k, v)]
    if rng.random() < 0.5:
        j = rng.randrange(3)
        axis = rng.randint(1, 2)
        s = list(shapes[j])
        s[axis] = rng.randint(2, 4)
        shapes[j] = tuple(s)
    return Call(shapes)


def scored(rng: random.Random) -> Call:
    """Scores with class indices: the second shape is that of the indices."""
    n, k = rng.randint(2, 4), rng.randint(2, 4)
    t = (n,) if rng.random() < 0.6 else some(rng, 1, 2)
    return Call([(n, k), t], (), {"reduction": rng.choice(["mean", "none", "sum"])})


def square_or_not(rng: random.Random) -> Call:
    n = rng.randint(2, 4)
    return Call([(n, n if rng.random() < 0.6 else rng.randint(2, 4))])


def vectors(rng: random.Random) -> Call:
    n = rng.randint(2, 4)
    return Call([(n,), (n if rng.random() < 0.6 else rng.randint(2, 4),)])


def unfolded(rng: random.Random) -> Call:
    x = (rng.randint(1, 2), rng.randint(1, 2), rng.randint(2, 6), rng.randint(2, 6))
    more = {"kernel_size": rng.randint(1, 4), "stride": rng.randint(1, 2),
            "padding": rng.randint(0, 1)}  # fmt: skip
    return Call([x], (), more)


def spread(rng: random.Random) -> Call:
    x = some(rng, 3, 3)
    target = tuple(rng.randint(1, 4) if d == 1 else d for d in x)
    if rng.random() < 0.4:
        target = nearly(rng, target)
    return Call([x], target)


def tiled(rng: random.Random) -> Call:
    return Call([some(rng, 3, 3)], tuple(rng.randint(1, 3) for _ in range(rng.randint(1, 4))))


def _scores(c: Call) -> Shape:
    z = torch.ones(c.shapes[0])
    t = torch.zeros(c.shapes[1], dtype=torch.long)
    return tuple(F.cross_entropy(z, t, **c.more).shape)


def compared(rng: random.Random) -> Call:
    """A prediction and its target: alike, a column against a row or a matrix, or apart."""
    n, m = rng.randint(2, 4), rng.randint(2, 4)
    pairs = [((n,), (n,)), ((n, m), (n, m)), ((2, n, m), (2, n, m)), ((n,), (m,)), ((n,), (n, 1)),
             ((n, 1), (n,)), ((n, 1), (1, n)), ((n, m), (n,)), ((n, m), (m,)), ((n, m), (n, 1)),
             ((n, m), (1, m)), ((n,), ()), ((), (n, m)), ((2, n, m), (n, m)), ((n, m), (m, n)),
             ((1, n), (1, n)), ((), ())]  # fmt: skip
    a, b = pairs[rng.randrange(3)] if rng.random() < 0.4 else rng.choice(pairs)
    return Call([a, b], (), {"reduction": rng.choice(["mean", "sum", "none"])})


def strictly(f: Callable[..., Any]) -> Callable[[Call], Shape]:
    """torch's loss; sizes of which it warns that they are likely wrong count as refused."""

    def judge(c: Call) -> Shape:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                return tuple(f(*tensors(*c.shapes), **c.more).shape)
            except UserWarning as said:
                raise ValueError(str(said)) from None

    return judge


def _divergence(c: Call) -> Shape:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what its mean divides by is no question here
        return tuple(F.kl_div(*tensors(*c.shapes), **c.more).shape)


def stretched_target(c: Call) -> str | None:
    a, b = c.shapes
    if a == b:
        return None
    if () in (a, b):
        return "one number is compared with every entry"
    column = a[0] == b[0] and (*a, 1)[1] == (*b, 1)[1] == 1
    return "a column may be given for n×1" if column and max(len(a), len(b)) == 2 else None


def repeated_target(c: Call) -> str | None:
    apart = None if c.shapes[0] == c.shapes[1] else "kl_div has the rule of the other losses"
    return stretched_target(c) or apart


def indexed(rng: random.Random) -> Call:
    """Scores, and a class index for each example: as many as there are, or not."""
    n, k = rng.randint(2, 4), rng.randint(2, 4)
    pairs = [((n, k), (n,)), ((k,), ()), ((2, k, n), (2, n)), ((n, k), (n, 1)), ((n, k), (1, n)),
             ((n, k), (k,)), ((n, k), ()), ((k,), (k,)), ((n, k), (n, k))]  # fmt: skip
    return Call([*(pairs[rng.randrange(3)] if rng.random() < 0.5 else rng.choice(pairs))], (), {})


def _likelihood(c: Call) -> Shape:
    return tuple(F.nll_loss(torch.ones(c.shapes[0]), torch.zeros(c.shapes[1]).long()).shape)


def _squeezed_attention(c: Call) -> Shape:
    return tuple(F.scaled_dot_product_attention(*tensors(*c.shapes)).shape)


def _permute(c: Call) -> Shape:
    return tuple(torch.permute(*tensors(*c.shapes), c.rest).shape)


KINDS: tuple[Kind, ...] = (
    *(Kind(s, two_tensors, asked(f)) for s, f in
      (("+", torch.add), ("-", torch.sub), ("*", torch.mul), ("/", torch.div))),
    Kind("maximum", two_tensors, asked(torch.maximum)),
    *(Kind(s, two_papers, on_paper(f), stretches, "paper") for s, f in
      (("+", np.add), ("-", np.subtract), ("*", np.multiply))),
    Kind("@", factors, asked(torch.matmul)),
    Kind("@", matrices, asked(torch.matmul), label="matrices"),
    *(Kind(s, reduced, plain(f)) for s, f in (("sum", np.sum), ("mean", np.mean), ("max", np.max),
                                               ("min", np.min), ("prod", np.prod), ("var", np.var),
                                               ("std", np.std))),
    *(Kind(s, with_axis, torch_axis(f)) for s, f in
      (("softmax", F.softmax), ("log_softmax", F.log_softmax), ("cumsum", torch.cumsum),
       ("logsumexp", torch.logsumexp))),
    Kind("unsqueeze", with_axis, torch_axis(torch.unsqueeze)),
    Kind("squeeze", with_axis, torch_axis(torch.squeeze)),
    Kind("flip", with_axis, plain(np.flip)),
    Kind("reshape", reshaped, lambda c: np.ones(c.shapes[0]).reshape(c.rest).shape),
    Kind("permute", permuted, _permute),
    Kind("transpose", swapped, asked(torch.transpose)),
    Kind("concat", parts, lambda c: np.concatenate([np.ones(s) for s in c.shapes], **c.more).shape),
    Kind("stack", parts, lambda c: np.stack([np.ones(s) for s in c.shapes], **c.more).shape),
    Kind("broadcast", spread, lambda c: np.broadcast_to(np.ones(c.shapes[0]), c.rest).shape),
    Kind("tile", tiled, lambda c: np.tile(np.ones(c.shapes[0]), c.rest).shape),
    Kind("einsum", einsums,
         lambda c: np.einsum(c.more["equation"], *(np.ones(s) for s in c.shapes)).shape,
         stretched_letter),
    *(Kind(f"conv{n}d", convolved(n), asked(getattr(F, f"conv{n}d"))) for n in (1, 2, 3)),
    *(Kind(f"conv_transpose{n}d", transposed(n), asked(getattr(F, f"conv_transpose{n}d")), empty(n))
      for n in (1, 2)),
    *(Kind(f"max_pool{n}d", pooled(n, False), asked(getattr(F, f"max_pool{n}d")))
      for n in (1, 2, 3)),
    *(Kind(f"avg_pool{n}d", pooled(n, True), asked(getattr(F, f"avg_pool{n}d"))) for n in (1, 2)),
    Kind("avg_pool3d", pooled(3, True), asked(F.avg_pool3d), padding_counts),
    Kind("linear", dense, asked(F.linear), spread_bias),
    Kind("layer_norm", normalised, asked(F.layer_norm)),
    Kind("rms_norm", normalised, asked(F.rms_norm)),
    Kind("group_norm", grouped, asked(F.group_norm)),
    Kind("attention", attended, _squeezed_attention),
    Kind("cross_entropy", scored, _scores, kind_of_target),
    Kind("nll_loss", indexed, _likelihood),
    *(Kind(s, compared, strictly(getattr(F, s)), stretched_target) for s in
      ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy",
       "binary_cross_entropy_with_logits")),
    Kind("kl_div", compared, _divergence, repeated_target),
    *(Kind(s, square_or_not, asked(f)) for s, f in
      (("inv", torch.linalg.inv), ("det", torch.linalg.det))),
    Kind("tr", square_or_not, asked(torch.trace), not_square),
    *(Kind(s, vectors, asked(f)) for s, f in (("dot", torch.dot), ("outer", torch.outer))),
    Kind("unfold", unfolded, asked(F.unfold)),
)  # fmt: skip
