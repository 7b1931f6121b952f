"""A network with its sizes: every layer bound to its arguments and input shape, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import limits
from ..errors import InputError, ShapeError
from ..expr import Name, Num
from .arguments import Args, UnknownSizeError, bind, substitute
from .layer_spec import Counts, LayerSpec, Shape, Slide, Told, Window
from .layers import LAYERS

if TYPE_CHECKING:  # model imports numpy
    from .model import Block, Layer, Network


PARALLEL = ("Residual", "Concat")  # blocks whose branches all start from the input


class TooLargeError(ShapeError):
    """An output size is beyond the largest that is allowed."""


@dataclass(frozen=True)
class Applied:
    """A layer of a network with its sizes."""

    name: str
    layer: Layer
    spec: LayerSpec
    args: Args  # bound: every argument, windows and paddings per axis
    input: Shape
    output: Shape

    @property
    def slides(self) -> tuple[Slide, ...]:
        return self.spec.slides(self.input, self.args) if self.spec.slides else ()

    @property
    def windows(self) -> tuple[Window, ...]:
        """The slides of a convolution or a pool; none for other layers."""
        found = self.slides if self.spec.windows else ()
        return tuple(s for s in found if isinstance(s, Window))

    @property
    def counts(self) -> Counts:
        return self.spec.counts(self.input, self.args, self.output)


@dataclass(frozen=True)
class AppliedBlock:
    """A block with its sizes. A Repeat has one branch for each time, one after the other."""

    block: Block
    input: Shape
    output: Shape
    branches: tuple[tuple[Applied | AppliedBlock, ...], ...]

    @property
    def parallel(self) -> bool:
        """Whether all branches start from the input."""
        return self.block.kind in PARALLEL


AppliedPart = Applied | AppliedBlock


@dataclass(frozen=True)
class Joint:
    """A Residual or Concat whose branches end with sizes that do not go together."""

    block: Block
    input: Shape
    branches: tuple[tuple[AppliedPart, ...], ...]


def apply_layer(
    name: str, layer: Layer, x: Shape, values: Mapping[str, int] | None = None
) -> Applied:
    """The layer on an input of shape `x`; `values` are numbers for names among its arguments."""
    spec = LAYERS[layer.type]
    args = bind(
        spec.type, spec.signature, spec.axes, layer.args, values or {}, layer.where, layer.places
    )
    try:
        y = spec.shape(x, args)
    except ShapeError as error:
        error.message = f"{name} ({spec.type}): {error.message}"
        raise error.at(layer.where) from None
    for n in y:
        if n > limits.DIMENSION:
            raise TooLargeError(
                f"{name} ({spec.type}): the output {list(y)} has a size beyond {limits.DIMENSION}",
                where=layer.where,
            )
    return Applied(name, layer, spec, args, x, y)


def input_shape(network: Network, values: Mapping[str, int] | None = None) -> Shape:
    """The network's input as integers, names replaced by `values`."""
    shape = []
    for n in network.input:
        size = substitute(Name(n) if isinstance(n, str) else n, values or {})
        if isinstance(size, Num):
            size = int(size.text)
        if isinstance(size, Name):
            raise UnknownSizeError(size.id, "a size of the network's input", network.where)
        if not isinstance(size, int) or size < 1:
            raise InputError("the network's input has a size below 1", where=network.where)
        shape.append(size)
    return tuple(shape)


def apply_network(network: Network, values: Mapping[str, int] | None = None) -> tuple[Applied, ...]:
    """Every layer with its sizes, in order: blocks flattened, repeats written out."""
    return tuple(flat(apply_tree(network, values)))


def apply_tree(
    network: Network, values: Mapping[str, int] | None = None
) -> tuple[AppliedPart, ...]:
    """Every layer and block with its sizes."""
    check_size(network)
    try:
        tree = apply_parts(network.layers, input_shape(network, values), Namer(), values)
        _check_indices(tree, None)
        return tree
    except ShapeError as error:
        if isinstance(error.failed, Joint):
            from .joints import mended

            error.hint = error.hint or mended(network, error.failed, values)
        raise


_MOVES = ("Flatten", "Unflatten", "Permute", "Select", "Identity")  # whole numbers stay whole


def _check_indices(parts: Sequence[AppliedPart], reals: str | None) -> str | None:
    """Refuse an Embedding behind a layer that makes real numbers out of indices.

    reals: the layer whose real numbers arrive; None where the network's input does. Gives the same
    of what leaves the parts.
    """
    for part in parts:
        if isinstance(part, Applied):
            if part.spec.type == "Embedding" and reals is not None:
                raise ShapeError(
                    f"{part.name} (Embedding): it looks up whole numbers in its table, but {reals} "
                    "before it gives real ones",
                    hint="an Embedding takes the network's input: the indices of words",
                ).at(part.layer.where)
            reals = reals if part.spec.type in _MOVES else part.name
        elif part.parallel:
            ends = [_check_indices(branch, reals) for branch in part.branches]
            reals = next((end for end in ends if end is not None), None)
        else:
            for branch in part.branches:
                reals = _check_indices(branch, reals)
    return reals


def check_size(network: Network) -> None:
    """A network with its repeats written out has a bounded number of layers."""
    count = sum(map(size, network.layers))
    if count > limits.NETWORK_LAYERS:
        raise InputError(
            f"the network has {count} layers with its repeats written out, more than "
            f"{limits.NETWORK_LAYERS}",
            where=network.where,
        )


def size(part: Layer | Block) -> int:
    """The layers of a part, repeats written out; an empty block counts as one."""
    from .model import Block

    if not isinstance(part, Block):
        return 1
    return part.times * max(1, sum(size(p) for branch in part.branches for p in branch))


def flat(parts: Sequence[AppliedPart]) -> Iterator[Applied]:
    """The layers in order."""
    for part in parts:
        if isinstance(part, Applied):
            yield part
        else:
            for branch in part.branches:
                yield from flat(branch)


class Namer:
    """Names for layers: the type in lower case and a number (`conv2d_1`, `relu_1`, …)."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def __call__(self, layer: Layer) -> str:
        return self._numbered(layer.type)

    def joint(self, block: Block) -> str:
        """The end of a block whose branches meet (`residual_1`), after all that is inside."""
        return self._numbered(block.kind)

    def _numbered(self, type_: str) -> str:
        self.seen[type_] = self.seen.get(type_, 0) + 1
        return f"{type_.lower()}_{self.seen[type_]}"


def apply_parts(
    parts: Sequence[Layer | Block],
    x: Shape,
    name: Callable[[Layer], str],
    values: Mapping[str, int] | None = None,
) -> tuple[AppliedPart, ...]:
    """Layers and blocks one after the other, on an input of shape `x`."""
    from .model import Block

    done: list[AppliedPart] = []
    for part in parts:
        if isinstance(part, Block):
            done.append(_apply_block(part, x, name, values))
        else:
            done.append(apply_layer(name(part), part, x, values))
        x = done[-1].output
    return tuple(done)


def _apply_block(
    block: Block, x: Shape, name: Callable[[Layer], str], values: Mapping[str, int] | None
) -> AppliedBlock:
    ends: list[Shape] = []
    branches: list[tuple[AppliedPart, ...]] = []
    start, one_by_one = x, block.kind in ("Sequential", "Repeat")
    for branch in block.branches * block.times:
        try:
            branches.append(apply_parts(branch, start, name, values))
        except ShapeError as error:
            if block.times > 1 and isinstance(error.failed, Told):
                error.hint = f"leave out `{error.failed.argument}`: each round infers its own"
            raise
        ends.append(branches[-1][-1].output if branches[-1] else start)
        start = ends[-1] if one_by_one else x
    if one_by_one:
        y = start
    else:
        join = joined if block.kind == "Concat" else added
        try:
            y = join(ends, block.dim)
        except ShapeError as error:
            error.failed = Joint(block, x, tuple(branches))
            error.at(block.where)
            raise
    return AppliedBlock(block, x, y, tuple(branches))


def added(ends: Sequence[Shape], dim: int = 1) -> Shape:
    """The sum of a Residual's two branches: they must have the same sizes."""
    body, shortcut = ends
    if body == shortcut:
        return body
    raise ShapeError(
        f"the body of the Residual ends with {list(body)} and its shortcut with "
        f"{list(shortcut)}, which cannot be added"
    )


def joined(ends: Sequence[Shape], dim: int) -> Shape:
    """The branches of a Concat one behind the other along an axis; the other sizes agree."""
    first = ends[0]
    order = len(first) + 1
    if not -order <= dim < order or dim % order == 0:
        raise ShapeError(
            f"`dim` of Concat is {dim}, but an example has the axes 1 to {order - 1}",
            hint="`dim: 1` joins channels, `dim: -1` features",
        )
    i = dim % order - 1
    for number, end in enumerate(ends[1:], 2):
        alike = len(end) == len(first) and all(
            a == b for j, (a, b) in enumerate(zip(first, end, strict=True)) if j != i
        )
        if not alike:
            raise ShapeError(
                f"branch 1 of the Concat ends with {list(first)} and branch {number} with "
                f"{list(end)}: they may differ in the axis {i + 1} only, along which they are "
                "joined",
                hint=_same_axes(first, end),
            )
    return (*first[:i], sum(end[i] for end in ends), *first[i + 1 :])


def _same_axes(first: Shape, end: Shape) -> str | None:
    if len(first) != len(end):
        return None
    apart = [j for j, (a, b) in enumerate(zip(first, end, strict=True), 1) if a != b]
    return f"`dim: {apart[0]}` would fit" if len(apart) == 1 else None
