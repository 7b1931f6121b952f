"""The tasks and their arguments, one row each; `task` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import limits


@dataclass(frozen=True)
class Arg:
    """An argument of a task.

    kind: node | nodes | expression | integer | flag | word | edges | unknowns | targets | report |
    state | after. A default of None means that the argument may be missing, and is then None.
    """

    kind: str
    default: Any = None
    required: bool = False
    words: tuple[str, ...] = ()
    least: int = 1
    most: int = limits.TRAIN_STEPS


# The optimisers of update and train; which of the parameters (torch's names) each of them takes
# stands in the table of tasks/optimisers.py.
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "newton")
OPTIMIZER_NUMBERS = (
    "momentum", "dampening", "betas", "alpha", "eps", "weight_decay", "lr_decay",
    "initial_accumulator_value",
)  # fmt: skip
OPTIMIZER_FLAGS = ("nesterov", "centered", "amsgrad", "maximize")

_OF = Arg("node", required=True)
_WRT = Arg("nodes", required=True)
_AFTER = Arg("after")
_FORM = Arg("word", "matrix", words=("matrix", "index"))
_STEP = {
    "of": _OF,
    "wrt": _WRT,
    "rate": Arg("expression"),  # required by every optimiser but newton
    "optimizer": Arg("word", "sgd", words=OPTIMIZERS),
    **{name: Arg("expression") for name in OPTIMIZER_NUMBERS},
    **{name: Arg("flag") for name in OPTIMIZER_FLAGS},
    "state": Arg("state"),
}

# `of: ()` means every name, `edges: "all"` every edge; `edges` is () when only `of` is given.
TASKS: dict[str, dict[str, Arg]] = {
    "forward": {"of": Arg("nodes", ()), "after": _AFTER},
    "graph": {"values": Arg("flag", False), "gradients": Arg("flag", False)},
    "shapes": {"of": Arg("nodes", ()), "edges": Arg("edges")},
    "gradient": {"of": _OF, "wrt": _WRT, "after": _AFTER, "form": _FORM},
    "jacobian": {"of": _OF, "wrt": _WRT, "form": _FORM},
    "hessian": {"of": _OF, "wrt": _WRT, "form": _FORM},
    "directional": {"of": _OF, "wrt": _OF, "along": Arg("expression", required=True)},
    "taylor": {
        "of": _OF,
        "wrt": _OF,
        "order": Arg("integer", 2, most=2),
        "at": Arg("expression"),
    },
    "stationary": {"of": _OF, "wrt": _WRT},
    "update": {**_STEP, "steps": Arg("integer", 1)},
    "train": {**_STEP, "steps": Arg("integer", required=True), "report": Arg("report")},
    "parameters": {},
    "matrix_form": {"of": _OF},
    "solve_shape": {
        "unknown": Arg("unknowns", required=True),
        "so_that": Arg("targets", required=True),
    },
    "stencil": {
        "derivative": Arg("integer", required=True, least=0, most=20),
        "accuracy": Arg("integer", 2, most=20),
        "dims": Arg("integer", 1, most=2),
        "side": Arg("word", "central", words=("central", "forward", "backward")),
    },
    "evaluate": {"expr": Arg("expression", required=True), "after": _AFTER},
}
COMMON_KEYS = ("id", "text", "points", "answer", "tolerance", "hint")
UPDATES = ("update", "train")
