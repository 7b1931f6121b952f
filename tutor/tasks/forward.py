"""Forward pass: every line's formula, numbers substituted, value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import independent
from ..errors import InputError
from ..expr import Name
from ..graph import dims
from ..problem.lines import Line
from ..steps import Check, Step, TaskResult, Text, in_turn
from ..value import Value
from .by_hand import forward_by_hand
from .numbers import approx, dot_product, equation, exact_term, substituted
from .workspace import Workspace, as_json

WORDS = {
    "conv1d": "Slide the kernel along the input; each entry is a window times the kernel, summed.",
    "conv2d": "Slide the kernel over the input; each entry is a window times the kernel, summed.",
    "conv3d": "Slide the kernel through it; each entry is a window times the kernel, summed.",
    "conv_transpose1d": "Every entry adds a copy of the kernel, scaled by it; the copies start one "
    "stride apart.",
    "conv_transpose2d": "Every entry adds a copy of the kernel, scaled by it; the copies start one "
    "stride apart.",
    "conv_transpose3d": "Every entry adds a copy of the kernel, scaled by it; the copies start one "
    "stride apart.",
    "squeeze": "The same entries, without the axes of length 1.",
    "unfold": "Every window becomes a column.",
    "fold": "Every column is added back at its window's place.",
    "adaptive_avg_pool2d": "Average every window; the windows are as equal as they can be.",
    "layer_norm": "Subtract the mean, and divide by the standard deviation.",
    "rms_norm": "Divide by the root of the mean square.",
    "batch_norm": "For each feature: subtract its mean, and divide by its deviation.",
    "group_norm": "For each example and group: subtract the mean, and divide by the deviation.",
    "instance_norm": "For each example and channel: subtract the mean, divide by the deviation.",
    "embedding": "Look up the rows with these indices.",
    "dropout": "Drop what the mask leaves out, and scale the rest by 1/(1 − p).",
    "max_pool3d": "Keep the largest entry of every window.",
    "avg_pool3d": "Average every window.",
    "max_pool1d": "Keep the largest entry of every window.",
    "max_pool2d": "Keep the largest entry of every window.",
    "avg_pool1d": "Average every window.",
    "avg_pool2d": "Average every window.",
}

FLIPPED = {  # where a file's convention is that a convolution turns the kernel around
    "conv1d": "Turn the kernel around and slide it along the input; each entry is a window times "
    "the turned kernel, summed.",
    "conv2d": "Turn the kernel around and slide it over the input; each entry is a window times "
    "the turned kernel, summed.",
    "conv3d": "Turn the kernel around and slide it through the input; each entry is a window times "
    "the turned kernel, summed.",
    **{
        f"conv_transpose{n}d": "Turn the kernel around; every entry adds a copy of it, scaled by "
        "the entry, and the copies start one stride apart."
        for n in (1, 2, 3)
    },
}


# what a step is in the operation that it belongs to; `part` of its line
PARTS = {
    "gru_cell.r": "The reset gate: how much of the old state the candidate sees.",
    "gru_cell.z": "The update gate: how much of the old state is kept.",
    "gru_cell.n": "The candidate: the new state, if nothing of the old one were kept.",
    "lstm_cell.a": "What goes into the gates i, f, g and o, one after the other.",
    "lstm_cell.i": "The input gate: how much of the candidate enters the cell.",
    "lstm_cell.f": "The forget gate: how much of the old cell is kept.",
    "lstm_cell.g": "The candidate: what may enter the cell.",
    "lstm_cell.o": "The output gate: how much of the cell the new state shows.",
}


def given_steps(ws: Workspace, lines: Sequence[Line]) -> list[Step]:
    steps = []
    for line in lines:
        if line.op is not None or line.kind != "given" or line.name in ws.shown:
            continue
        ws.shown.add(line.name)
        value = ws.paper(line)
        why = None
        if "homogeneous" in line.properties:
            why = Text(
                "{x} is in homogeneous coordinates: {n} coordinates and a final 1.",
                {"x": Name(line.name), "n": str(line.symbol.shape[0])},
            )
        title = Text("Given {x}", {"x": Name(line.name)})
        members = equation(Name(line.name), exact_term(value))
        steps.append(
            Step(
                f"given.{line.name}",
                "given",
                "",
                title,
                members,
                why=why,
                shape=line.shape,
                level=2,
            )
        )
    return steps


def forward_steps(ws: Workspace, lines: Sequence[Line]) -> list[Step]:
    """One step per line that no earlier task has shown."""
    steps = []
    numbers = {Name(x.name): v for x in lines if (v := ws.paper(x)) is not None}
    for line in lines:
        if (
            line.formula is None
            or line.name in ws.shown
            or (line.op is None and line.kind == "given")
        ):
            continue
        ws.shown.add(line.name)
        value = ws.paper(line)
        middle = substituted(line.formula, numbers) if value is not None else None
        products = dot_product(line, numbers) if value is not None else None
        result = exact_term(value)
        words = WORDS.get(line.op.name) if line.op else None
        words = PARTS.get(line.part, words)
        why = Text(words) if words else None
        if line.op and line.op.name in FLIPPED and line.parameters.get("_conv_") == "convolution":
            all_ = Text("Here {formula} stands for all of that.", {"formula": line.formula})
            why = in_turn(Text(FLIPPED[line.op.name]), all_)
        steps.append(
            Step(
                f"forward.{line.name}",
                "forward",
                line.op.name if line.op else "constant",
                Text("Compute {y}", {"y": Name(line.name)}),
                equation(Name(line.name), line.formula, products or middle, result),
                approx=approx(value) if value is not None else None,
                why=why,
                shape=line.shape,
                uses=tuple(
                    f"{'given' if o.op is None else 'forward'}.{o.name}" for o in line.operands
                ),
            )
        )
        steps += forward_by_hand(ws, line)
    return steps


def check_forward(ws: Workspace, lines: Sequence[Line]) -> Check | None:
    """Each value against a walk of the printed formulas in plain NumPy."""
    valued = [x for x in lines if x.op is not None and ws.numbers[x.name] is not None]
    if not valued or not ws.checking:
        return None
    env = independent.forward(
        [x for x in lines if ws.numbers[x.name] is not None], ws.given_floats()
    )
    worst = 0.0
    for line in valued:
        value = ws.paper(line)
        assert value is not None
        worst = max(worst, independent.relative_error(value.floats(), np.asarray(env[line.name])))
    looped = any(
        x.op is not None and x.op.name.startswith(("conv", "max_pool", "avg_pool")) for x in valued
    )
    method = "direct loops over windows" if looped else "direct evaluation in floating point"
    return Check(method, worst, worst < 1e-9)


def solve(ws: Workspace, task_id: str, of: Sequence[str]) -> TaskResult:
    if of:
        targets = [ws.line(n) for n in of]
        lines = ws.graph.below(targets)
    else:
        lines = list(ws.graph.lines.values())
        targets = [x for x in lines if x.kind == "defined"] or lines
    if not any(x.formula is not None for x in lines):
        raise InputError("there is nothing to compute: `define` is empty")
    steps = [*given_steps(ws, lines), *forward_steps(ws, lines)]
    wanted = [x for x in lines if x.formula is not None]
    values = {x.name: _entry(ws, x) for x in wanted}
    last = targets[-1]
    single = ws.paper(last)
    return TaskResult(
        id=task_id,
        task="forward",
        subject={"of": list(of)} if of else {},
        heading=Text("Forward pass")
        if not of
        else Text("Forward pass to {y}", {"y": Name(last.name)}),
        steps=tuple(steps),
        shape=last.shape,
        dims=dims.text(last.shape),
        symbol=Name(last.name),
        formula=last.formula,
        value=single,
        extra={"values": values},
        check=check_forward(ws, lines),
    )


def _entry(ws: Workspace, line: Line) -> dict[str, object]:
    value: Value | None = ws.paper(line)
    return {
        "shape": [as_json(d) for d in line.shape],
        "exact": value.strings() if value else None,
        "value": value.numbers() if value else None,
    }
