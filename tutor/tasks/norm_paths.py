"""A normalisation by hand: its parts forward, and the three paths of its gradient.

With x̂ = (x − μ)/σ and g = ∂L/∂x̂, an input counts directly, g/σ; through the variance,
−x̂ mean(g x̂)/σ; and through the mean, −mean(g)/σ. Without a mean (RMS norm) there are two paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import independent
from ..calculus.reverse import pullback
from ..calculus.simplify import simplify
from ..expr import Binary, Call, Const, Expr, List, Name, Neg, Num, Partial, Transpose
from ..graph import dims
from ..graph.dims import number
from ..graph.node import Node, call, ein, topological
from ..notation.build import size_term
from ..notation.scalars import term_of
from ..problem.lines import Line
from ..steps import Step, Text, in_turn
from ..value import Value
from .chain import Adjoint, Chain, paper_value
from .numbers import approx, equation, exact_term
from .workspace import Workspace

NORMS = ("batch_norm", "layer_norm", "instance_norm", "rms_norm")


@dataclass(frozen=True)
class Norm:
    line: Line
    x: Line
    hat: Node  # x̂, over the line's leaves
    axes: tuple[int, ...]
    eps: Any
    centred: bool
    names: tuple[Name, Name, Name]  # μ, σ and x̂

    @property
    def inverse(self) -> Node:
        rest = [d for k, d in enumerate(self.hat.shape) if k not in self.axes]
        return call("rstd", [self.hat.args[0]], self.hat.attr[1], rest)

    @property
    def own(self) -> tuple[int, ...]:
        return tuple(range(self.hat.order))

    @property
    def rest(self) -> tuple[int, ...]:
        return tuple(k for k in self.own if k not in self.axes)

    @property
    def share(self) -> Any:
        return 1 / number(dims.product([self.hat.shape[k] for k in self.axes]))

    def over(self, name: str, e: Expr) -> Expr:
        """mean(e) or var(e) over the axes, as it is typed."""
        if len(self.axes) == self.hat.order:
            return Call(name, (e,))
        one = tuple(Num(str(k)) for k in self.axes)
        axis: tuple[tuple[str, Expr], ...] = (("axis", one[0] if len(one) == 1 else List(one)),)
        if self.hat.order > 2:
            axis = (*axis, ("keepdims", Const(True)))
        return Call(name, (e,), axis)

    def shown(self, reduced: np.ndarray) -> Value:
        """A mean or deviation with the axes that it has on paper."""
        if self.hat.order > 2:
            return Value(np.expand_dims(reduced, self.axes))
        return Value(reduced[None, :] if self.axes == (0,) and reduced.ndim else reduced)


def norm(ws: Workspace, line: Line) -> Norm | None:
    """The normalisation that a line is, by the statistics of its own input."""
    if line.op is None or line.op.name not in NORMS or line.val is None:
        return None
    found = [
        n for n in topological([line.val.node]) if n.kind == "call" and n.attr[0] == "normalized"
    ]
    if len(found) != 1 or line.leaf.row or not isinstance(line.terms[0], Name):
        return None
    (hat,), x = found, ws.graph.lines.get(line.terms[0].id)
    if x is None or hat.args[0] is not x.symbol:
        return None
    axes, (eps,), centred = hat.attr[1]
    wanted = ("mu", "sigma", f"{x.name}_hat")
    names = [next(n for n in (w, f"{w}_{line.name}") if n not in ws.graph.lines) for w in wanted]
    return Norm(line, x, hat, tuple(axes), eps, centred, (*map(Name, names),))  # type: ignore[arg-type]


# -- forward --------------------------------------------------------------------------------------


def parts(ws: Workspace, line: Line) -> list[Step]:
    """Mean, deviation and normalised input, with numbers."""
    n = norm(ws, line)
    if n is None or ws.numbers[n.x.name] is None:
        return []
    x, (mu, sigma, hat) = Name(n.x.name), n.names
    found: list[tuple[Name, Expr, Value]] = []
    inside: Expr = n.over("var", x)
    top: Expr = x
    if n.centred:
        mean = ein([(n.x.symbol, n.own)], n.rest, n.share)
        found.append((mu, n.over("mean", x), n.shown(ws.value_of(mean))))
        top = Binary("-", x, mu)
    else:
        inside = n.over("mean", Binary("**", x, Num("2"), elementwise=True))
    if n.eps != 0:
        inside = Binary("+", inside, term_of(n.eps))
    inverse = ws.value_of(n.inverse)
    one = 1 / inverse
    found.append((sigma, Call("sqrt", (inside,)), n.shown(np.asarray(one, dtype=inverse.dtype))))
    whole = Binary("/", top, sigma, elementwise=True)
    found.append((hat, whole, Value(ws.value_of(n.hat))))
    what = {"mu": Text("the mean"), "sigma": Text("the deviation")}
    return [
        Step(
            f"part.{line.name}.{name.id}",
            "forward",
            line.op.name if line.op else "",
            Text(
                "In it: {what}",
                {"what": what.get(name.id.split("_")[0], Text("the normalised input"))},
            ),
            equation(name, formula, exact_term(value)),
            approx=approx(value),
            uses=(f"forward.{line.name}",),
        )
        for name, formula, value in found
    ]


# -- backward -------------------------------------------------------------------------------------


def paths(chain: Chain, adjoint: Adjoint) -> list[Step]:
    """The gradient of the input as a sum of three; the sum is compared with the derived value."""
    (user, *more) = adjoint.consumers
    n = None if more or user is chain.of else norm(chain.ws, user)
    if n is None or n.x is not adjoint.line or adjoint.value is None:
        return []
    upstream = chain.arriving(user)
    assert user.val is not None
    arriving = simplify(pullback(user.val.node, upstream, [n.hat])[0])
    of, (mu, sigma, hat) = Name(chain.of.name), n.names
    scaled = arriving is not upstream
    gh: Expr = Partial(of, hat) if scaled else Partial(of, Name(user.name))
    steps = _scaled(chain, user, n, arriving, gh) if scaled else []
    told = _told(n, arriving, gh, sigma, hat, mu)
    values = [chain.value(node) for _, node, _, _ in told]
    known = [v for v in values if v is not None]
    if len(known) < len(told):
        return []
    total = sum(np.asarray(Value(v).floats()) for v in known)
    if independent.relative_error(np.asarray(total), Value(adjoint.value).floats()) > 1e-9:
        return []
    for k, ((title, _, term, why), v) in enumerate(zip(told, known, strict=True)):
        value = paper_value(n.x, v)
        steps.append(
            _step(
                f"path.{n.x.name}.{k}", title, equation(term, exact_term(value)), why, approx(value)
            )
        )
    last = steps[-1]
    count = Text("These three add up to {d}.", {"d": Partial(of, Name(n.x.name))})
    two = Text("These two add up to {d}.", {"d": Partial(of, Name(n.x.name))})
    why = in_turn(last.why, count if n.centred else two)
    steps = [*steps[:-1], Step(**{**vars(last), "why": why})]
    if n.centred and n.hat.order > 2:
        m = Name("m" if "m" not in chain.ws.graph.lines else "m_0")
        steps.append(_together(n, gh, of, m, paper_value(n.x, adjoint.value)))
    return steps


def _step(
    name: str, title: Text, members: tuple[Expr, ...], why: Text | None, decimal: Expr | None
) -> Step:
    return Step(name, "chain", "paths of a normalisation", title, members, approx=decimal, why=why)


def _scaled(chain: Chain, user: Line, n: Norm, arriving: Node, gh: Expr) -> list[Step]:
    """∂L/∂x̂: what arrives, times the weight."""
    found = chain.value(arriving)
    weight = (
        dict(zip((p.name for p in user.op.parameters), user.terms, strict=False)) if user.op else {}
    )
    w = weight.get("weight")
    term = Partial(Name(chain.of.name), Name(user.name))
    along = w if w is None or n.hat.order != 2 else Transpose(w)
    if w is not None and n.hat.order > 2:
        along = _by_channel(w, n, user)
    whole: Expr = term if along is None else Binary("*", term, along, elementwise=True)
    if found is None:
        return []
    value = paper_value(n.x, found)
    holes = {"h": n.names[2], "w": w or Num("1")}
    return [
        _step(
            f"path.{n.x.name}.hat",
            Text("Gradient at the normalised input {h}", holes),
            equation(gh, whole, exact_term(value)),
            Text("{w} scales {h}, so it scales what arrives.", holes) if w is not None else None,
            approx(value),
        )
    ]


def _by_channel(w: Expr, n: Norm, user: Line) -> Expr:
    """A weight with one entry per channel, laid along the axis of the channels."""
    if user.op is None or user.op.name not in ("batch_norm", "instance_norm"):
        return w  # a layer's: it has the last axes, along which it spreads as it is
    shape = (size_term(n.hat.shape[1]), *(Num("1"),) * (n.hat.order - 2))
    return Call("reshape", (w, *shape))


def _together(n: Norm, gh: Expr, of: Name, m: Name, value: Value) -> Step:
    """The three paths as one formula, with sums in place of means."""
    _, sigma, hat = n.names
    sums = (n.over("sum", gh), n.over("sum", Binary("*", gh, hat, elementwise=True)))
    inside = Binary("-", Binary("*", m, gh), sums[0])
    inside = Binary("-", inside, Binary("*", hat, sums[1], elementwise=True))
    whole = Binary("/", Binary("/", inside, m), sigma, elementwise=True)
    x = Name(n.x.name)
    count = dims.product([n.hat.shape[k] for k in n.axes])
    over = Text("all entries of a channel")
    if n.rest != (1,):
        over = Text("the entries that share a mean")
    return _step(
        f"together.{n.x.name}",
        Text("The three paths as one formula"),
        equation(Partial(of, x), whole, exact_term(value)),
        Text(
            "Each sum is over {over}, of which there are {m}.",
            {"over": over, "m": Binary("==", m, size_term(count))},
        ),
        approx(value),
    )


def _told(n: Norm, g_: Node, gh: Expr, sigma: Name, hat: Name, mu: Name) -> list[Any]:
    """Of each path: title, node, term, reason."""
    own, rest, inverse = n.own, n.rest, n.inverse
    size = {k: n.hat.shape[k] for k in own}
    along = ein([(g_, own), (n.hat, own)], rest, n.share)
    through = ein([(along, rest), (n.hat, own), (inverse, rest)], own, -1)
    product = Binary("*", gh, hat, elementwise=True)
    pulled = Binary("*", hat, n.over("mean", product), elementwise=True)
    holes = {"s": sigma, "h": hat, "x": Name(n.x.name), "m": mu, "g": gh}
    found = [
        (
            Text("First path: {x} itself", holes),
            ein([(g_, own), (inverse, rest)], own),
            Binary("/", gh, sigma, elementwise=True),
            Text("Were {m} and {s} fixed, {h} would move by 1/{s}.", holes)
            if n.centred
            else Text("Were {s} fixed, {h} would move by 1/{s}.", holes),
        ),
        (
            Text("Second path: through the variance, in {s}", holes),
            through,
            Neg(Binary("/", pulled, sigma, elementwise=True)),
            Text(
                "Moving an entry changes {s} by {h}/n. A larger {s} shrinks all entries of {h}, "
                "each by {h}/{s}; weighted with {g} and added up, that gives the mean.",
                holes,
            ),
        ),
    ]
    if n.centred:
        mean = ein([(g_, own)], rest, n.share)
        found.append(
            (
                Text("Third path: through the mean {m}", holes),
                ein([(mean, rest), (inverse, rest)], own, -1, size),
                Neg(Binary("/", n.over("mean", gh), sigma, elementwise=True)),
                Text(
                    "Moving an entry moves {m} by 1/n, which lowers every entry of {h} by 1/{s}. "
                    "The variance does not feel it: deviations from the mean add up to 0.",
                    holes,
                ),
            )
        )
    return found


def local_reason(user: Line, operand: Line) -> Text | None:
    """Weight and bias have one path, not three."""
    if user.op is None or user.op.name not in (*NORMS, "group_norm"):
        return None
    named = dict(zip((p.name for p in user.op.parameters), user.terms, strict=False))
    names = {"y": Name(user.name), "w": Name(operand.name)}
    if user.operands.count(operand) != 1:
        return None
    if named.get("weight") == Name(operand.name):
        return Text(
            "{w} scales the normalised input, so its gradient adds up what arrives, times the "
            "normalised input.",
            names,
        )
    if named.get("bias") == Name(operand.name):
        return Text("{w} is added to every example, so its gradient adds up what arrives.", names)
    return None
