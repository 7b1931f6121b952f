"""`parameters`: sizes, parameters and multiply-adds of a network, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ..errors import InputError, did_you_mean
from ..problem.applied import Applied, apply_tree, flat, input_shape
from ..problem.arguments import UnknownSizeError
from ..problem.layer_spec import total
from ..problem.model import Network, Problem, Task
from ..steps import Answer, Check, TaskResult, Text
from . import parameter_tables, receptive
from .arithmetic import agrees
from .drafts import StepList, named
from .layer_steps import layers_steps
from .parameter_totals import FLOAT32_BYTES, total_steps
from .receptive import Field
from .recount import recount_shape, recount_weights, recounts
from .stack import has_blocks, in_words

_ADDED = ("parameters", "weights", "biases", "neurons", "macs", "activation_memory")
_LONG = 20  # layers of a network whose make-up is said in a line first


def solve(problem: Problem, task: Task) -> TaskResult:
    """The table of a network's layers, each number derived."""
    network = _network(problem, task)
    try:
        start, tree = input_shape(network), apply_tree(network)
    except UnknownSizeError as error:
        asked = (t.args["unknown"] for t in problem.tasks if t.kind == "solve_shape")
        if any(error.name in unknown for unknown in asked):
            error.hint = (
                "`parameters` needs a number: write one that `solve_shape` finds in its place"
            )
        raise
    layers = tuple(flat(tree))
    seen = receptive.fields(tree, len(start) - 1)
    steps = StepList(task.id)
    _structure_step(steps, network, layers)
    _strided_step(steps, layers)
    layers_steps(steps, layers, seen)
    total_steps(steps, layers)
    rows = [_row(layer, seen[layer.name][1]) for layer in layers]
    totals = {key: sum(r[key] for r in rows) for key in _ADDED}
    extra = {
        "layers": rows,
        "output_shape": list(tree[-1].output if tree else start),
        **{f"total_{key}": n for key, n in totals.items()},
    }
    return TaskResult(
        id=task.id,
        task="parameters",
        subject={},
        heading=Text("Sizes, parameters and multiply-adds of every layer"),
        steps=tuple(steps.done),
        extra=extra,
        tables=parameter_tables.tables(start, tree, {r["name"]: r for r in rows}, totals),
        check=recheck(layers),
        answer=_answer(task, extra),
        text=task.text,
        points=task.points,
        hint=task.hint,
    )


def _network(problem: Problem, task: Task) -> Network:
    if problem.network is None:
        raise InputError(
            "`parameters` needs a `network`",
            hint="write the layers under `network:`, or ask for `shapes` of the definitions",
            where=task.where,
        )
    return problem.network


def _structure_step(steps: StepList, network: Network, layers: Sequence[Applied]) -> None:
    if not has_blocks(network.layers) and len(layers) <= _LONG:
        return
    steps.add(
        "note",
        "structure",
        Text(
            "The network in brief ({n} layers with norms and activations)",
            {"n": len(layers)},
            one="The network in brief (one layer)",
        ),
        (),
        in_words(network.layers),
    )


def _strided_step(steps: StepList, layers: Sequence[Applied]) -> None:
    """Name the layers that torch would not build, though their sizes are well defined."""
    names = [it.name for it in layers if strided(it)]
    if not names:
        return
    title = Text("{layers}: the padding “same” with a stride above 1", {"layers": named(names)})
    words = (
        "PyTorch refuses the two together. Here ⌈n/s⌉ outputs come out of n entries with a stride "
        "s, as in TensorFlow."
    )
    steps.add("note", "padding", title, (), Text(words))


def strided(layer: Applied) -> bool:
    """Whether it pads to "same" and moves by more than one entry."""
    return layer.args.get("padding") == "same" and max(layer.args["stride"]) > 1


def formula(layer: Applied) -> str:
    """The parameter count with numbers, as typed: `3*3*3*16 + 16`; `0` without parameters."""
    counts = layer.counts
    products = (*counts.weights, *counts.biases)
    return " + ".join("*".join(str(n) for _, n in p) for p in products) or "0"


def _row(layer: Applied, field: Field) -> dict[str, Any]:
    counts = layer.counts
    weights, biases = total(counts.weights), total(counts.biases)
    neurons = prod(layer.output)
    return {
        "name": layer.name,
        "type": layer.spec.type,
        "output_shape": list(layer.output),
        "parameters": weights + biases,
        "weights": weights,
        "biases": biases,
        "formula": formula(layer),
        "neurons": neurons,
        "macs": total(counts.macs),
        "activation_memory": FLOAT32_BYTES * neurons,
        "receptive_field": _one_or_all(receptive.size(field)),
        "field_stride": _one_or_all(receptive.strides(field)),
        "field_offset": _one_or_all(receptive.offsets(field)),
    }


def _one_or_all(along: Sequence[int | None] | None) -> Any:
    """A number where all axes have the same, else the list of them."""
    if along is None:
        return None
    return along[0] if len(set(along)) == 1 else list(along)


def recheck(layers: Sequence[Applied]) -> Check:
    """Every size by listing the windows, every count from one neuron's inputs."""
    worst, skipped = 0.0, []
    for layer in layers:
        if not recounts(layer):
            skipped.append(layer.spec.type)
            continue
        counts = layer.counts
        ours = (total(counts.weights), total(counts.biases), total(counts.macs), *layer.output)
        shape = recount_shape(layer.spec.type, layer.input, layer.args)
        again = (*recount_weights(layer), *(shape or ()))
        if len(again) != len(ours):
            worst = 1.0
            continue
        worst = max(worst, *(abs(a - b) / max(abs(b), 1) for a, b in zip(ours, again, strict=True)))
    note = Text("Not recounted: {types}.", {"types": ", ".join(skipped)}) if skipped else None
    return Check("listing the windows and a neuron's inputs", worst, worst == 0.0, note)


def _answer(task: Task, extra: dict[str, Any]) -> Answer | None:
    if task.answer is None:
        return None
    if not isinstance(task.answer, Mapping):
        correct = agrees(task.answer, extra["total_parameters"], task.tolerance)
        return Answer(task.answer_json, correct)
    known = {k: v for k, v in extra.items() if k != "layers"}
    known |= {row["name"]: row["parameters"] for row in extra["layers"]}
    for key in task.answer:
        if key not in known:
            raise InputError(
                f"`parameters` has no result `{key}`",
                hint=did_you_mean(key, known) or "it has " + ", ".join(f"`{k}`" for k in known),
                where=task.places.get("answer", task.where),
            )
    correct = all(agrees(a, known[k], task.tolerance) for k, a in task.answer.items())
    return Answer(task.answer_json, correct)
