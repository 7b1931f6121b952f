"""Whether a problem needs its network written out, and that.

A network that is only counted stays as it is: that takes a fraction of the time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..expr import Expr, Name, names
from ..steps import Text
from . import task as tasks
from . import tree
from .model import Given, Network, Problem

if TYPE_CHECKING:
    from .written import Written

_COUNTS = ("parameters", "solve_shape", "stencil")  # tasks that see no lines
_WHOLE = ("forward", "graph", "shapes")  # tasks that speak of everything there is


def written(
    top: tree.Mapping, network: Network, given: Mapping[str, Given], defined: Collection[str]
) -> Written | None:
    """The network's lines where something could use them; None also if a size is unknown."""
    section = top.get("tasks")
    heads = tasks.heads(section) if section is not None else []
    if top.get("define") is None and all(key.text in _COUNTS for key, _, _ in heads):
        return None
    from .arguments import UnknownSizeError
    from .written import write_out

    try:
        return write_out(network, given, defined)
    except UnknownSizeError:
        return None


def wanted(problem: Problem, found: Written) -> bool:
    """Whether the file speaks of anything that the network adds, or has nothing else."""
    own = set(found.names)
    asked = [t for t in problem.tasks if t.kind not in _COUNTS]
    if "input" in problem.given or any(n in own for d in problem.define for n in names(d.expr)):
        return True
    if not problem.define and any(t.kind in _WHOLE for t in asked):
        return True
    return any(n in own for t in asked for arg in t.args.values() for n in _named(arg))


_LIKE_A_WEIGHT = re.compile(r"[A-Za-z]+(_[a-z]+)?_[0-9]+\w*\Z")


def spare(problem: Problem, found: Written) -> tuple[Text, ...]:
    """A remark on each array that is named as a weight and that nothing takes."""
    lines = (*found.define, *problem.define)
    used = {n for d in lines for n in names(d.expr)} | set(found.weights)
    used |= {n for t in problem.tasks for arg in t.args.values() for n in _named(arg)}
    words = "{x} is given, but nothing uses it: the network has no weight of this name."
    return tuple(
        Text(words, {"x": Name(name)})
        for name in problem.given
        if _LIKE_A_WEIGHT.match(name) and name not in used
    )


def _named(arg: Any) -> Iterator[str]:
    if isinstance(arg, str):
        yield arg
    elif isinstance(arg, tuple | list | Mapping):
        for x in arg:
            yield from _named(x)
    elif isinstance(arg, Expr):
        yield from names(arg)
