"""The steps that tell a chain: local derivatives, then one adjoint after the other."""

from __future__ import annotations

from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify
from ..expr import Binary, Expr, Name, Partial
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm, chained, is_identity
from ..notation.index import has_subscripts
from ..notation.jacobian import jacobian_term
from ..numeric.evaluate import NotFinite
from ..problem.lines import Line
from ..steps import Step, Text
from ..value import Value
from .by_hand import backward_by_hand, local_reason
from .chain import Adjoint, Chain, jacobian_size, paper_value, size_text
from .constrained import whole_symbol
from .duplication import without_swaps
from .indexed import entry_symbol, shortest_entry
from .numbers import approx, equation, exact_term, substituted
from .workspace import Workspace


def local_steps(chain: Chain, task_id: str) -> list[Step]:
    """∂line/∂operand for every line on the path that no earlier task has derived."""
    ws = chain.ws
    names = {x.name for x in chain.path}
    steps: list[Step] = []
    known: dict[str, list[Expr]] = {}
    here = (task_id, chain.wrt.name)
    for line in chain.path:
        for operand in line.operands:
            if operand.name not in names or line.val is None or line is chain.wrt:
                continue
            earlier = ws.local_in.setdefault((line.name, operand.name), here)
            if earlier != here:
                symbol = Partial(Name(line.name), Name(operand.name))
                known.setdefault(earlier[0], []).append(symbol)
            else:
                steps.append(_local_step(ws, line, operand))
    return [_known_step("local", t, task_id, partials) for t, partials in known.items()] + steps


def _known_step(kind: str, task: str, own: str, partials: list[Expr]) -> Step:
    return Step(
        f"{kind}.task{task}",
        kind,
        "",
        Text("Known from above: {list}", {"list": tuple(partials)})
        if task == own
        else Text("Known from task {t}: {list}", {"t": task, "list": tuple(partials)}),
    )


def _local_step(ws: Workspace, line: Line, operand: Line) -> Step:
    layout = ws.problem.convention.layout
    term, value = local_term(ws, line, operand, layout)
    symbol: Expr = Partial(Name(line.name), Name(operand.name))
    if term is None:
        term = local_entry(ws, line, operand)
        symbol = entry_symbol(ws, line, operand, False) if term else symbol
    size = jacobian_size(line, operand, layout)
    op = line.op
    assert op is not None
    scalars = line.leaf.order == operand.leaf.order == 0
    why = op.why_scalar if scalars and op.why_scalar else op.why
    if "linear in {x}" in why and operand.symbol in topological([local_node(line, operand)]):
        why = "{x} stands in {y} more than once: each place counts, the others held fixed."
    reason = Text(why, {"y": Name(line.name), "x": Name(operand.name)})
    reason = _with_others_fixed(ws, line, operand, local_reason(line, operand) or reason)
    return Step(
        f"local.{line.name}.{operand.name}",
        "local",
        op.rule,
        Text(
            "Derivative of {y} with respect to {x}",
            {"y": Name(line.name), "x": Name(operand.name)},
        ),
        equation(symbol, term, value) if term else (),
        why=_or_formless(reason, term),
        shape=size,
        jacobian_dims=size_text(size),
        uses=(f"forward.{line.name}",),
    )


def _with_others_fixed(ws: Workspace, line: Line, operand: Line, why: Text) -> Text:
    """z₁/z₂ by z₁, where z₂ depends on z₁ too: its sign is that of the whole derivative."""
    others = [
        Name(o.name)
        for o in dict.fromkeys(line.operands)
        if o is not operand and o.op is not None and ws.graph.depends(o, operand)
    ]
    if not others:
        return why
    return Text("{why} This is with {list} held fixed.", {"why": why, "list": tuple(others)})


def _unless_alone(members: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """An equation; a symbol that is equal to nothing shown says nothing."""
    return members if len(members) > 1 else ()


def _or_formless(why: Text, shown: object) -> Text:
    """The reason; and where no formula stands above it, why there is none."""
    if shown is not None:
        return why
    return Text("{why} Written out, it would be too long to read.", {"why": why})


def local_node(line: Line, operand: Line) -> Node:
    assert line.val is not None
    return simplify(pullback(line.val.node, identity(line.val.node.shape), [operand.symbol])[0])


def local_term(
    ws: Workspace, line: Line, operand: Line, layout: str
) -> tuple[Expr | None, Expr | None]:
    """The local Jacobian as a term, and its value where that is a short scalar or vector."""
    node = local_node(line, operand)
    rows = line.leaf.node.order
    node = ws.whole(node)
    try:
        term: Expr | None = jacobian_term(
            node, rows, ws.leaf_term, layout, ws.problem.convention.vec
        )
        term = without_swaps(term, operand, layout == "denominator")
    except NoMatrixForm:
        term = None
    value = None
    if node.order == 0:
        try:
            value = Value(ws.value_of(node)).expr()
        except (KeyError, NotFinite):
            value = None
    return term, value


def local_entry(ws: Workspace, line: Line, operand: Line) -> Expr | None:
    """An entry of the local Jacobian, where there is no matrix form."""
    return shortest_entry(ws, [lambda: local_node(line, operand)], line.symbol.order)


def chain_steps(chain: Chain, task_id: str) -> list[Step]:
    """One step per adjoint, from the result back to the variable."""
    ws = chain.ws
    numbers: dict[Expr, Value] = {}
    for line in chain.ws.graph.below([chain.of]):
        v = ws.paper(line)
        if v is not None:
            numbers[Name(line.name)] = v
    steps: list[Step] = []
    known: dict[str, list[Expr]] = {}
    here = (task_id, chain.wrt.name)
    for adjoint in chain.adjoints.values():
        line = adjoint.line
        symbol: Expr = Partial(Name(chain.of.name), Name(line.name))
        if line is chain.wrt:
            symbol = whole_symbol(chain)
        earlier = ws.adjoint_in.setdefault((chain.of.name, line.name), here)
        if earlier != here and line is not chain.wrt:
            known.setdefault(earlier[0], []).append(symbol)
            if adjoint.value is not None and chain.gradient:
                numbers[symbol] = paper_value(line, adjoint.value)
            continue
        term = _told(chain, adjoint)
        value = None
        if adjoint.value is not None and chain.gradient and not adjoint.bridged:
            value = paper_value(line, adjoint.value)
        indexed = term is not None and has_subscripts(term)
        middle = (
            substituted(term, numbers)
            if term is not None and value is not None and not indexed
            else None
        )
        steps.append(
            Step(
                f"chain.{line.name}",
                "chain",
                "sum over paths" if len(adjoint.consumers) > 1 else "chain rule",
                Text(
                    "Gradient at {x}" if chain.gradient else "Jacobian at {x}",
                    {"x": Name(line.name)},
                ),
                _unless_alone(
                    equation(
                        symbol,
                        _along(chain, adjoint),
                        None if indexed else term,
                        middle,
                        exact_term(value),
                    )
                )
                if not indexed
                else equation(entry_symbol(ws, chain.of, line, chain.gradient), term),
                approx=approx(value) if value is not None and not indexed else None,
                why=_or_formless(_reason(chain, adjoint), term or value),
                shape=line.leaf.shape
                if chain.gradient
                else jacobian_size(chain.of, line, ws.problem.convention.layout),
                jacobian_dims=None
                if chain.gradient
                else size_text(jacobian_size(chain.of, line, ws.problem.convention.layout)),
                uses=tuple(f"chain.{c.name}" for c in adjoint.consumers if c is not chain.of)
                + tuple(f"local.{c.name}.{line.name}" for c in adjoint.consumers),
            )
        )
        if indexed and value is not None:
            steps.append(
                Step(
                    f"value.{line.name}",
                    "chain",
                    "substitution",
                    Text("Numbers for the gradient at {x}", {"x": Name(line.name)}),
                    equation(symbol, exact_term(value)),
                    approx=approx(value),
                    shape=line.leaf.shape,
                    uses=(f"chain.{line.name}",),
                )
            )
        steps += backward_by_hand(chain, adjoint)
        if value is not None:
            numbers[symbol] = value
    return [_known_step("chain", t, task_id, partials) for t, partials in known.items()] + steps


def _told(chain: Chain, adjoint: Adjoint) -> Expr | None:
    """An adjoint in terms of the next ones: in matrices where there is a way, else by entries."""
    if chain.gradient:
        return chain.formula(adjoint)
    return chain.matrix(adjoint) or _factored(chain, adjoint) or chain.formula(adjoint)


def _factored(chain: Chain, adjoint: Adjoint) -> Expr | None:
    """∂y/∂z · (Iₙ ⊗ A): upstream Jacobians by name times local ones, where all have a form."""
    layout = chain.ws.problem.convention.layout
    total: Expr | None = None
    for user in adjoint.consumers:
        part = local_term(chain.ws, user, adjoint.line, layout)[0]
        if part is None:
            return None
        if user is not chain.of:
            upstream = Partial(Name(chain.of.name), Name(user.name))
            if is_identity(part):
                part = upstream
            else:
                first, last = (part, upstream) if layout == "denominator" else (upstream, part)
                part = chained(first, last)
        total = part if total is None else Binary("+", total, part)
    return total


def _along(chain: Chain, adjoint: Adjoint) -> Expr | None:
    """∂L/∂z · ∂z/∂x + …, where everything is a scalar (for arrays the order needs transposes)."""
    if not chain.gradient or adjoint.line.symbol.order or len(adjoint.consumers) > 3:
        return None
    total: Expr | None = None
    for user in adjoint.consumers:
        if user.leaf.node.order:
            return None
        local = Partial(Name(user.name), Name(adjoint.line.name))
        if user is chain.of:
            if len(adjoint.consumers) == 1:
                return None
            part: Expr = local
        else:
            part = Binary("*", Partial(Name(chain.of.name), Name(user.name)), local)
        total = part if total is None else Binary("+", total, part)
    return total


def _reason(chain: Chain, adjoint: Adjoint) -> Text:
    line, of = Name(adjoint.line.name), Name(chain.of.name)
    users = adjoint.consumers
    if len(users) > 1:
        return Text(
            "{x} is used more than once (in {users}), so the contributions of all paths add up.",
            {"x": line, "users": tuple(Name(u.name) for u in users)},
        )
    (user,) = users
    if user is chain.of:
        return Text("{x} enters {y} directly.", {"y": of, "x": line})
    holes = {"y": of, "x": line, "z": Name(user.name)}
    if "one path" in chain.ws.said:  # said once in full
        return Text("{x} reaches {y} only through {z}.", holes)
    chain.ws.said.add("one path")
    return Text(
        "{x} reaches {y} only through {z}: what arrived there, times the local derivative.", holes
    )
