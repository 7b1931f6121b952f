"""Closed forms as code: NumPy, PyTorch and JAX functions, printed or callable.

libraries spelling   how a library spells a call
kinds functions translate   matrix notation into array code
tensors              graph nodes into einsum, where there is no matrix notation
program              shared subterms, names, line breaks
function             one derivative as a function: parameters, sizes, body
module closure       the same function as text, and as something to call
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InputError
from ..steps import TaskResult
from ..tasks.workspace import Workspace

KINDS = ("gradient", "jacobian", "hessian")


def source(ws: Workspace, results: Sequence[TaskResult], library: str) -> str:
    """A module with one function per result."""
    from .function import function
    from .libraries import library as found
    from .module import module

    wanted = [r for r in results if r.task in KINDS]
    if not wanted:
        raise InputError("only gradients, Jacobians and Hessians have code")
    names = [r.task for r in wanted]
    if len(wanted) > 1:
        names = [f"{r.task}_{r.subject['wrt']}" for r in wanted]
    return module([function(ws, r, found(library), n) for r, n in zip(wanted, names, strict=True)])


def function_of(ws: Workspace, result: TaskResult, library: str) -> Callable[..., Any]:
    """The derivative as something to call."""
    from .callable import callable_
    from .function import function
    from .libraries import library as found

    if result.task not in KINDS:
        raise InputError("only gradients, Jacobians and Hessians have code")
    return callable_(function(ws, result, found(library), result.task))
