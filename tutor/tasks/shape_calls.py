"""The chain of layers that leads to a node: of a `network`, or of calls in `define`.

A call such as `conv2d(x, w, padding=p)` becomes the layer of the same meaning (`Conv2d` with the
kernel's sizes), so that every size comes from the one layer table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError, ShapeError, did_you_mean
from ..expr import Call, Const, Expr, List, Name, Str
from ..problem.applied import Namer, check_size
from ..problem.layers import LAYERS
from ..problem.model import Block, Layer, Network, Problem, Source
from .arithmetic import rational
from .shape_chain import Chain, Stage

_CONVS = ("conv", "conv1d", "conv2d")
_POOLS = {
    f"{kind}{join}pool{axes}": (title, axes)
    for kind, title in (("max", "Max"), ("avg", "Avg"))
    for join in ("_", "")
    for axes in ("", "1d", "2d")
}
# fmt: off
_ELEMENTWISE = frozenset((
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus",
    "softsign", "hardsigmoid", "hardswish", "logsigmoid", "softmax", "log_softmax", "exp", "log",
    "abs", "sqrt", "square",
))
# fmt: on
_LISTED = 12  # names in a hint
_CONV_ARGUMENTS = ("bias", "stride", "padding", "dilation", "groups")
KNOWN = (*_CONVS, *_POOLS, *sorted(_ELEMENTWISE), "flatten", "linear")


def chain_to(problem: Problem, node: str, where: Any) -> Chain:
    """The chain to a node of the network (`output`, `input`, a layer) or of `define`."""
    network, known = problem.network, []
    defined = {d.names[0] for d in problem.define if len(d.names) == 1}
    if network is not None:
        check_size(network)
        start = tuple(_size(n, network.where) for n in network.input)
        known = ["input", "output"]
        found = _Walk(node, Namer(), known).run(network)
        if found is not None and node in defined and "input" not in problem.given:
            message = f"`{node}` is a layer of the network, and a definition as well"
            raise InputError(message, hint="choose another name", where=where)
        if found is not None:
            return Chain(node, start, tuple(found), network.where, True)
    if node in defined or node in problem.given:
        return _Calls(problem, node, where).chain()
    known = [*defined, *problem.given, *known]
    some = ", ".join(f"`{k}`" for k in known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
    raise InputError(
        f"there is no node `{node}`",
        hint=did_you_mean(node, known) or f"the nodes are {some}",
        where=where,
    )


@dataclass
class _Walk:
    """Looks for a node in a network; `known` collects the names that it passes."""

    node: str
    name: Namer
    known: list[str]
    layers: list[str] = field(default_factory=list)

    def run(self, network: Network) -> list[Stage] | None:
        if self.node == "input":
            return []
        stages: list[Stage] = []
        if self._parts(network.layers, stages):
            return stages
        return stages if self.node == "output" else None

    def _parts(self, parts: Sequence[Layer | Block], stages: list[Stage]) -> bool:
        """Whether the node was found; `stages` then end with it."""
        for part in parts:
            if isinstance(part, Layer):
                name = self.name(part)
                self.known.append(name)
                self.layers.append(name)
                stages.append(Stage(name, part))
                if name == self.node:
                    return True
            elif part.kind in ("Sequential", "Repeat"):
                for _ in range(part.times):
                    if self._parts(part.branches[0], stages):
                        return True
            else:
                before = len(self.layers)
                for branch in part.branches:
                    inner = list(stages)
                    if self._parts(branch, inner):
                        stages[:] = inner
                        return True
                name = self.name.joint(part)
                self.known.append(name)
                stages.append(Stage(name, part, names=tuple(self.layers[before:])))
                if name == self.node:
                    return True
        return False


def _size(n: Any, where: Any) -> Any:
    """A declared size: an integer, or a name to be solved for."""
    if isinstance(n, str):
        n = Name(n)
    if isinstance(n, Name):
        return n
    exact = rational(n)
    if exact is None or exact.denominator != 1 or exact < 1:
        raise InputError("this size must be a whole number or a single name here", where=where)
    return int(exact)


class _Calls:
    """Follows the calls of `define` from a node back to a declared shape."""

    def __init__(self, problem: Problem, node: str, where: Any) -> None:
        self.problem, self.node, self.where = problem, node, where
        self.defined = {d.names[0]: d for d in problem.define if len(d.names) == 1}
        self.stages: list[Stage] = []
        self.place: Any = where

    def chain(self) -> Chain:
        todo: list[tuple[Call, Any, str]] = []
        expr: Expr = Name(self.node)
        source: Source | None = None
        label = base = self.node
        seen: set[str] = set()
        while True:
            if isinstance(expr, Name):
                if expr.id in seen:
                    raise InputError(f"`{expr.id}` is defined by itself", where=self.where)
                seen.add(expr.id)
                if expr.id not in self.defined:
                    break
                definition = self.defined[expr.id]
                label = base = expr.id
                source, expr = definition.source, definition.expr
                continue
            place = source.where(expr.span) if source else self.where
            if not isinstance(expr, Call) or expr.func not in KNOWN or not expr.args:
                raise InputError(
                    "`solve_shape` follows convolutions, pools, linear layers, `flatten` and "
                    "elementwise functions, and this is none of them",
                    hint=did_you_mean(expr.func, KNOWN) if isinstance(expr, Call) else None,
                    where=place,
                )
            todo.append((expr, place, label))
            expr = expr.args[0]
            label = f"{expr.func} in {base}" if isinstance(expr, Call) else base
        start = self._shape(expr.id, self.where)
        order = len(start)
        for call, place, name in reversed(todo):
            self.place = place
            order = self._stage(call, name, order)
        return Chain(self.node, start, tuple(self.stages), self.where)

    def _shape(self, name: str, place: Any) -> tuple[Any, ...]:
        given = self.problem.given.get(name)
        if given is None:
            known = (*self.defined, *self.problem.given)
            raise InputError(
                f"`{name}` is not given, so its shape is not known",
                hint=did_you_mean(name, known) or f"declare it: `{name}: tensor(…)`",
                where=place,
            )
        if given.shape is None:
            return () if given.value is None else given.value.shape
        return tuple(_size(n, given.where) for n in given.shape)

    def _stage(self, call: Call, name: str, order: int) -> int:
        """Append the call's layer; the order of its result."""
        if call.func in _ELEMENTWISE:
            return self._add(name, "Identity", {}, 0, False, order)
        if call.func in _CONVS:
            return self._conv(call, name, order)
        if call.func in _POOLS:
            return self._pool(call, name, order)
        if call.func == "linear":
            weight = self._operand(call, 1, "weight")
            if len(weight) != 2:
                raise ShapeError(
                    f"the weight of `linear` must have 2 axes [out, in], not {len(weight)}",
                    where=self.place,
                )
            args = {"out_features": weight[0], "in_features": weight[1]}
            return self._add(name, "Linear", args, 0, False, order)
        return self._flatten(call, name, order)

    def _flatten(self, call: Call, name: str, order: int) -> int:
        args = self._arguments(call, ("start_dim", "end_dim"), 1)
        start, end = args.get("start_dim", 0), args.get("end_dim", -1)
        if not all(isinstance(i, int) and -order <= i < order for i in (start, end)):
            raise ShapeError(f"`flatten` of {order} axes has no such axis", where=self.place)
        start, end = start % order, end % order
        # the function counts from its first axis, the layer from the one behind the batch
        args = {"start_dim": start + 1, "end_dim": end + 1}
        return self._add(name, "Flatten", args, 0, False, order - max(end - start, 0))

    def _conv(self, call: Call, name: str, order: int) -> int:
        weight = self._operand(call, 1, "weight")
        args = self._arguments(call, _CONV_ARGUMENTS, 2)
        args.pop("bias", None)
        axes = {1: 1, 2: 2, 3: 1, 4: 2}.get(len(weight))
        wanted = {"conv1d": (1, 2, 3), "conv2d": (2, 4)}.get(call.func, (1, 2, 3, 4))
        if axes is None or len(weight) not in wanted:
            raise ShapeError(
                f"the kernel of `{call.func}` has {len(weight)} axes, but must have "
                + " or ".join(map(str, wanted)),
                where=self.place,
            )
        plain = len(weight) <= 2  # one channel in, one out
        if plain:
            args |= {"out_channels": 1, "kernel_size": weight}
            lead = order - axes
        else:
            args |= {"out_channels": weight[0], "kernel_size": weight[2:]}
            groups = args.get("groups", 1)
            if not isinstance(groups, int):
                raise InputError("`groups` must be a number here", where=self.place)
            if isinstance(weight[1], int):
                args["in_channels"] = weight[1] * groups
            lead = order - axes - 1
        if lead not in ((0,) if plain else (0, 1)):
            raise ShapeError(
                f"the input of `{call.func}` has {order} axes, which its kernel with "
                f"{len(weight)} does not slide over",
                where=self.place,
            )
        return self._add(name, f"Conv{axes}d", args, lead, plain, order)

    def _pool(self, call: Call, name: str, order: int) -> int:
        kind, axes = _POOLS[call.func]
        kernel = call.args[1] if len(call.args) > 1 else dict(call.kwargs).get("kernel_size")
        if isinstance(kernel, List):
            axes = f"{len(kernel.items)}d"
        elif not axes:
            axes = "1d" if order == 1 else "2d"
        type_ = f"{kind}Pool{axes}"
        if type_ not in LAYERS:
            raise InputError(f"`{call.func}` takes 1 or 2 kernel sizes", where=self.place)
        args = self._arguments(call, LAYERS[type_].arguments, 1)
        slid = int(axes[0])
        lead, channel = max(order - slid - 1, 0), order == slid
        if order < slid or lead > 1:
            raise ShapeError(
                f"the input of `{call.func}` has {order} axes, which a window with {slid} "
                "does not slide over",
                where=self.place,
            )
        return self._add(name, type_, args, lead, channel, order)

    def _add(
        self, name: str, type_: str, args: dict[str, Any], lead: int, channel: bool, order: int
    ) -> int:
        self.stages.append(Stage(name, Layer(type_, args, self.place), lead, channel))
        return order

    def _operand(self, call: Call, position: int, keyword: str) -> tuple[Any, ...]:
        """The declared shape of a weight."""
        given = dict(call.kwargs).get(keyword)
        operand = call.args[position] if len(call.args) > position else given
        if not isinstance(operand, Name):
            raise InputError(
                f"`{call.func}` needs a declared {keyword} here: a name", where=self.place
            )
        return self._shape(operand.id, self.place)

    def _arguments(self, call: Call, order: tuple[str, ...], skip: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in (*zip(order, call.args[skip:], strict=False), *call.kwargs):
            if key in ("input", "weight"):
                continue
            if key not in order:
                raise InputError(
                    f"`{call.func}` has no argument `{key}`",
                    hint=did_you_mean(key, order),
                    where=self.place,
                )
            out[key] = value if key == "bias" else self._plain(value)
        return out

    def _plain(self, e: Expr) -> Any:
        """An argument as a layer holds it: int, str, bool, None, Name or a tuple of these."""
        if isinstance(e, List):
            return tuple(self._plain(x) for x in e.items)
        if isinstance(e, Str | Const):
            return e.value
        if isinstance(e, Name):
            given = self.problem.given.get(e.id)
            if given is None or given.value is None or given.value.shape != ():
                return e
            number = float(given.value.floats())
            return int(number) if number.is_integer() else number
        exact = rational(e)
        if exact is None:
            raise InputError("this must be a number or a single name here", where=self.place)
        return int(exact) if exact.denominator == 1 else float(exact)
