"""A network as a picture shows it: boxes with sizes between them, repeats folded with ×n.

Norms and activations stand in the box of the layer before them, since they keep its size. Equal
parts one after the other are folded, whether the file repeats them or writes them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import limits
from ..errors import InputError
from ..problem.applied import Applied, AppliedBlock, AppliedPart, apply_tree, input_shape
from ..problem.layer_spec import Shape
from ..problem.model import Network
from ..stacks import LayerBlock, LayerBox, Stack

Part = LayerBox | LayerBlock
_PERIOD = 8  # the most parts that are folded as one


def stack(network: Network) -> Stack:
    """The network for a picture; InputError if there are too many boxes."""
    found = Stack(by(input_shape(network)), _parts(apply_tree(network)))
    count = sum(map(boxes, found.parts))
    if count > limits.PICTURE_NODES:
        raise InputError(
            f"a picture of {count} boxes is too large; the limit is {limits.PICTURE_NODES}",
            where=network.where,
        )
    return found


def boxes(part: Part) -> int:
    if isinstance(part, LayerBox):
        return 1
    return 1 + sum(boxes(p) for branch in part.branches for p in branch)


def by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


# --- parts and folds -----------------------------------------------------------------------------


def _parts(parts: Sequence[AppliedPart]) -> tuple[Part, ...]:
    found: list[Part] = []
    for part in parts:
        if isinstance(part, AppliedBlock):
            found += _block(part)
        elif found and _joins(part) and isinstance(found[-1], LayerBox):
            last = found[-1]
            weighted = last.weighted or bool(part.counts.weights)
            found[-1] = LayerBox((*last.lines, _short(part)), weighted, last.output)
        else:
            found.append(_box(part))
    return _folded(found)


def _joins(it: Applied) -> bool:
    """Whether a layer stands in the box of the one before it."""
    return it.spec.receptive == "keeps" and it.input == it.output and it.spec.type != "Parameter"


def _block(part: AppliedBlock) -> list[Part]:
    if part.parallel:
        kind = "sum" if part.block.kind == "Residual" else "concat"
        branches = tuple(_parts(branch) for branch in part.branches)
        passed = by(part.input) if () in branches else ""
        return [LayerBlock(kind, branches, 1, by(part.output), passed)]
    branches = [_parts(branch) for branch in part.branches]
    if len(branches) > 1 and all(b == branches[0] for b in branches):
        return [LayerBlock("repeat", (branches[0],), len(branches), by(part.output))]
    return [p for branch in branches for p in branch]


def _folded(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Equal runs of parts one after the other, as one with the number of times."""
    found: list[Part] = []
    k = 0
    while k < len(parts):
        best, period = 1, 1
        for p in range(1, min(_PERIOD, (len(parts) - k) // 2) + 1):
            times = 1
            while parts[k + times * p : k + (times + 1) * p] == parts[k : k + p]:
                times += 1
            if times * p > best * period and times > 1:
                best, period = times, p
        run = tuple(parts[k : k + period])
        if best == 1:
            found += run
        elif len(run) == 1 and isinstance(run[0], LayerBlock) and run[0].kind == "repeat":
            inner = run[0]
            found.append(LayerBlock("repeat", inner.branches, best * inner.times, inner.output))
        else:
            found.append(LayerBlock("repeat", (run,), best, run[-1].output))
        k += best * period
    return tuple(found)


# --- what a box says -----------------------------------------------------------------------------


def _box(it: Applied) -> LayerBox:
    said = _arguments(it)
    lines = (it.spec.type, said) if said else (it.spec.type,)
    return LayerBox(lines, bool(it.counts.weights), by(it.output))


def _short(it: Applied) -> str:
    said = _arguments(it)
    return f"{it.spec.type} {said}" if said else it.spec.type


def _arguments(it: Applied) -> str:
    """What tells this layer from others of its type, and cannot be read off the sizes."""
    a, type_ = it.args, it.spec.type
    words: list[str] = []
    if "kernel_size" in a:
        words.append(by(a["kernel_size"]))
        words += _window(a)
    elif type_ == "Parameter":
        words += [by(a["shape"] or it.input), "added" if a["join"] == "add" else "in front"]
    for key, said in _SAID.items():
        value = a.get(key)
        if key in a and value not in (None, it.spec.signature[key].default):
            words.append(said.format(value))
    return ", ".join(words)


_SAID = {
    "groups": "{} groups",
    "num_groups": "{} groups",
    "num_heads": "{} heads",
    "nhead": "{} heads",
    "dim_feedforward": "inner {}",
    "num_embeddings": "table of {}",
    "num_layers": "{} layers",
    "mode": "{}",
    "bidirectional": "both ways",
}


def _window(a: Mapping[str, Any]) -> list[str]:
    words = []
    stride = a["stride"]
    usual = (1,) * len(a["kernel_size"]) if "out_channels" in a else a["kernel_size"]
    if stride not in (None, usual):
        words.append(f"stride {_alike(stride)}")
    padding = a["padding"]
    if isinstance(padding, str):
        words.append(f"padding {padding}")
    elif any(p != (0, 0) for p in padding):
        sides: Shape = tuple(p for p, _ in padding)
        words.append(f"padding {_alike(sides)}" if all(p == q for p, q in padding) else "padded")
    dilation = a.get("dilation")
    if dilation is not None and set(dilation) != {1}:
        words.append(f"dilation {_alike(dilation)}")
    return words


def _alike(values: Sequence[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else by(values)
