"""What would make the branches of a block fit together; every suggestion has been tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InputError
from .applied import Applied, AppliedPart, Joint, Namer, apply_parts, flat, input_shape
from .layer_spec import Shape
from .model import Block, Layer, Network

Part = Layer | Block


def mended(network: Network, joint: Joint, values: Mapping[str, int] | None) -> str | None:
    """What would fit: in the whole network rather than in the block alone; None if nothing does."""
    alone = None
    for words, block in _candidates(joint, values):
        if not _applied((block,), joint.input, values):
            continue
        parts = exchanged(network.layers, joint.block, block)
        if _applied(parts, input_shape(network, values), values):
            return f"{words} would fit"
        alone = alone or f"{words} would fit"  # a later layer may have a mistake of its own
    return alone


def _applied(
    parts: Sequence[Part], x: Shape, values: Mapping[str, int] | None
) -> tuple[AppliedPart, ...]:
    """The parts with their sizes; nothing if they do not fit."""
    try:
        return apply_parts(parts, x, Namer(), values)
    except InputError:
        return ()


def _candidates(joint: Joint, values: Mapping[str, int] | None) -> Iterator[tuple[str, Block]]:
    block = joint.block
    words, padded = _padded(joint)
    if block.kind == "Concat":
        if padded is not None:
            yield words, padded
        return
    for shortcut in _shortcuts(joint.input, joint.branches[0]):
        yield f"a shortcut of {_typed(shortcut)}", _with_shortcut(block, shortcut)
    if padded is None:
        return
    yield words, padded
    body = _applied(padded.branches[0], joint.input, values)
    for shortcut in _shortcuts(joint.input, body):
        both = f"{words} and a shortcut of {_typed(shortcut)}"
        yield both, _with_shortcut(padded, shortcut)


def _with_shortcut(block: Block, shortcut: Layer) -> Block:
    return replace(block, branches=(block.branches[0], (shortcut,)))


# -- a layer in the shortcut ----------------------------------------------------------------------


def _shortcuts(x: Shape, body: Sequence[AppliedPart]) -> Iterator[Layer]:
    """A layer that may bring the input to the body's end: it has the body's strides."""
    if not body:
        return
    end, where = body[-1].output, _where(body[-1])
    slides = any(it.windows for it in flat(body))
    axes = len(x) - 1
    if len(end) == len(x) and 1 <= axes <= 3 and (slides or axes > 1):
        args: dict[str, Any] = {"out_channels": end[0], "kernel_size": 1}
        strides = _strides(body, axes)
        if set(strides) != {1}:
            args["stride"] = strides[0] if len(set(strides)) == 1 else strides
        yield Layer(f"Conv{axes}d", args, where)
    yield Layer("Linear", {"out_features": end[-1]}, where)


def _where(part: AppliedPart) -> Any:
    return part.layer.where if isinstance(part, Applied) else part.block.where


def _strides(parts: Sequence[AppliedPart], axes: int) -> tuple[int, ...]:
    """By how much all layers together step; of branches that join, the first one counts."""
    total = [1] * axes
    for part in parts:
        if isinstance(part, Applied):
            steps = tuple(w.stride for w in part.windows) or (1,) * axes
        elif part.parallel:
            steps = _strides(part.branches[0], axes)
        else:
            steps = _strides([p for branch in part.branches for p in branch], axes)
        if len(steps) == axes:
            total = [a * b for a, b in zip(total, steps, strict=True)]
    return tuple(total)


def _typed(layer: Layer) -> str:
    args = ", ".join(
        f"{k}: {list(v) if isinstance(v, tuple) else v}" for k, v in layer.args.items()
    )
    return f"`{layer.type}: {{{args}}}`"


# -- padding --------------------------------------------------------------------------------------


def _padded(joint: Joint) -> tuple[str, Block | None]:
    """The block with windows of odd reach padded by half of it, and how that is written."""
    block, names = joint.block, dict[str, list[str]]()
    done: list[Layer] = []
    for it in (it for branch in joint.branches for it in flat(branch)):
        padding = _half(it)
        if padding is None or any(it.layer is layer for layer in done):
            continue
        done.append(it.layer)
        args = {**it.layer.args, "padding": padding}
        block = exchanged((block,), it.layer, replace(it.layer, args=args))[0]
        shown = list(padding) if isinstance(padding, tuple) else padding
        names.setdefault(f"`padding: {shown}`", []).append(it.name)
    words = " and ".join(f"{what} in {_listed(where)}" for what, where in names.items())
    return words, block if done and isinstance(block, Block) else None


def _half(it: Applied) -> int | tuple[int, ...] | None:
    """The padding that keeps a size at stride 1; None if it is there already, or is not whole."""
    reach = [w.dilation * (w.kernel - 1) for w in it.windows]
    if not reach or any(r % 2 for r in reach) or isinstance(it.args["padding"], str):
        return None
    half = tuple(r // 2 for r in reach)
    if all(w.before == w.after == p for w, p in zip(it.windows, half, strict=True)):
        return None
    return half[0] if len(set(half)) == 1 else half


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def exchanged(parts: Sequence[Part], old: Part, new: Part) -> tuple[Part, ...]:
    """The parts with one of them, at any depth, replaced."""
    found: list[Part] = []
    for part in parts:
        if part is old:
            found.append(new)
        elif isinstance(part, Block):
            branches = tuple(exchanged(branch, old, new) for branch in part.branches)
            found.append(replace(part, branches=branches))
        else:
            found.append(part)
    return tuple(found)
