"""gradient and jacobian: derive along the chain, read the answer off the last step, check it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import independent, limits
from ..errors import InputError
from ..expr import Call, Expr, Name, Num, Partial, Transpose
from ..graph import dims
from ..problem.lines import Line
from ..steps import Check, Step, TaskResult, Text
from ..value import Value
from .chain import (
    Chain,
    chain_steps,
    has_subscripts,
    jacobian_size,
    local_steps,
    paper_value,
    size_text,
    subscripted,
)
from .forward import forward_steps, given_steps
from .numbers import approx, equation, exact_term
from .workspace import Workspace


def solve(ws: Workspace, task_id: str, kind: str, of: str, wrt: str) -> TaskResult:
    """One variable's gradient (of a scalar) or Jacobian."""
    target, variable = ws.line(of), ws.line(wrt)
    if kind == "gradient" and not target.has_one_entry:
        raise InputError(
            f"`{of}` has size {target.dims}: a gradient needs a scalar",
            hint="ask for its `jacobian`, or for the gradient of a scalar such as its sum",
        )
    base = rearranged_given(variable)
    if base is not None and not (
        ws.graph.depends(target, variable) and only_user(ws, base, variable)
    ):
        return _through(ws, task_id, kind, target, variable, base)
    return _direct(ws, task_id, kind, target, variable)


def _direct(ws: Workspace, task_id: str, kind: str, target: Line, variable: Line) -> TaskResult:
    chain = Chain(ws, target, variable, kind == "gradient")
    below = ws.graph.below([target])
    steps = [*given_steps(ws, below), *forward_steps(ws, below)]
    symbol = Partial(Name(target.name), Name(variable.name))
    layout = ws.problem.convention.layout
    size = jacobian_size(target, variable, layout)
    if chain.final is None and target is not variable:
        return _independent(ws, task_id, kind, target, variable, steps)
    steps += local_steps(chain, task_id)
    steps += chain_steps(chain, task_id)
    steps += symmetry_steps(ws, chain)
    formula, value = closing(ws, chain, kind)
    steps += closing_steps(ws, chain, kind, formula, value)
    steps += convention_steps(ws, chain)
    shape = variable.leaf.shape if kind == "gradient" else size
    if kind == "gradient" and "homogeneous" in variable.properties:
        shape = variable.symbol.shape
    return TaskResult(
        id=task_id,
        task=kind,
        subject={"of": target.name, "wrt": variable.name},
        heading=_heading(kind, target, variable),
        steps=tuple(steps),
        shape=shape,
        dims=dims.text(shape) if kind == "gradient" else size_text(size),
        jacobian_dims=size_text(size),
        symbol=symbol,
        formula=formula,
        value=value,
        check=check(ws, chain, kind, value),
    )


def _heading(kind: str, target: Line, variable: Line) -> Text:
    message = (
        "Gradient of {y} with respect to {x}"
        if kind == "gradient"
        else "Jacobian of {y} with respect to {x}"
    )
    return Text(message, {"y": Name(target.name), "x": Name(variable.name)})


# -- the closed form and the numbers --------------------------------------------------------------


def closing(ws: Workspace, chain: Chain, kind: str) -> tuple[Expr | None, Value | None]:
    """The closed form as a term, and the value read off the last adjoint."""
    if chain.of is chain.wrt:
        return (Num("1"), Value(_object(1))) if kind == "gradient" else _identity(chain)
    final = chain.final
    assert final is not None
    formula = chain.closed_term()
    if formula is None:
        formula = chain.formula(final)
    if symmetric(chain.wrt) and kind == "gradient" and formula is not None:
        formula = None if "symmetric" in chain.wrt.properties else Call("diag", (formula,))
        formula = symmetric_term(chain) if formula is None else formula
    value = None
    if final.value is not None:
        if kind == "gradient":
            value = paper_value(ws, chain.wrt, constrained(chain.wrt, final.value))
        else:
            value = unrolled(ws, chain, final.value)
    return formula, value


def _object(x: int) -> np.ndarray:
    import sympy as sp

    out = np.empty((), dtype=object)
    out[()] = sp.Integer(x)
    return out


def _identity(chain: Chain) -> tuple[Expr | None, Value | None]:
    import sympy as sp

    from ..notation.build import size_term

    n = dims.product(chain.of.symbol.shape)
    if not isinstance(n, int):
        return Call("eye", (size_term(n),)), None
    data = np.full((n, n), sp.S.Zero, dtype=object)
    np.fill_diagonal(data, sp.S.One)
    return Call("eye", (Num(str(n)),)), Value(data)


def unrolled(ws: Workspace, chain: Chain, jacobian: np.ndarray) -> Value:
    """A Jacobian array as the rows × columns matrix of the chosen layout and vec."""
    rows = chain.of.leaf.node.order
    a = _flatten_axes(jacobian, 0, rows, unrolls_by_column(ws, rows))
    columns = jacobian.ndim - rows
    a = _flatten_axes(a, 1, columns, unrolls_by_column(ws, columns))
    if ws.problem.convention.layout == "denominator":
        a = a.T
    if a.size > limits.ELEMENTS:
        raise InputError(f"the Jacobian has {a.size:,} entries; the limit is {limits.ELEMENTS:,}")
    return Value(np.ascontiguousarray(a))


def unrolls_by_column(ws: Workspace, order: int) -> bool:
    """vec by columns for matrices; tensors of order 3 and more go row by row."""
    return ws.problem.convention.vec == "column" and order <= 2


def _flatten_axes(a: np.ndarray, start: int, count: int, column: bool) -> np.ndarray:
    """Merge `count` axes from `start` on into one."""
    shape = a.shape
    inner = shape[start : start + count]
    if column and count > 1:
        order = list(range(a.ndim))
        order[start : start + count] = reversed(order[start : start + count])
        a = np.transpose(a, order)
    size = int(np.prod(inner)) if inner else 1
    return a.reshape(*shape[:start], size, *shape[start + count :])


def closing_steps(
    ws: Workspace, chain: Chain, kind: str, formula: Expr | None, value: Value | None
) -> list[Step]:
    """The last step, off which the answer is read: closed form and numbers."""
    symbol = Partial(Name(chain.of.name), Name(chain.wrt.name))
    size = jacobian_size(chain.of, chain.wrt, ws.problem.convention.layout)
    shape = chain.wrt.symbol.shape if kind == "gradient" else size
    number = exact_term(value)
    why = Text("Everything written out, from the result back to {x}.", {"x": Name(chain.wrt.name)})
    indexed = formula is not None and has_subscripts(formula)
    if indexed or formula is None:
        members, why = equation(symbol, number), None
    else:
        members = equation(symbol, formula, number)
    if len(members) < 2:
        members = equation(subscripted(symbol, chain.wrt), formula) if formula else ()
    return [
        Step(
            "answer",
            "closed",
            "substitution",
            Text("Put together"),
            members,
            approx=approx(value) if value is not None else None,
            why=why,
            shape=shape,
            jacobian_dims=size_text(size) if kind == "jacobian" else None,
            uses=(f"chain.{chain.wrt.name}",),
            level=0,
        )
    ]


def convention_steps(ws: Workspace, chain: Chain) -> list[Step]:
    """At a tie or kink on the path, say which choice was made."""
    if ws.numbers[chain.of.name] is None:
        return []
    steps = []
    env = ws.reference(chain.of)
    for line in chain.path:
        if (
            line.op is None
            or line.op.kinks is None
            or line.op.convention is None
            or line is chain.wrt
        ):
            continue
        if independent.kink_distance([line], env) > 1e-12:
            continue
        operand = next((o for o in line.operands if o in chain.path), line.operands[0])
        words = line.op.convention
        if ws.problem.convention.ties == "split" and line.op.rule == "maximum":
            words = "where several entries are largest, they share the gradient in equal parts"
        steps.append(
            Step(
                f"note.{line.name}",
                "note",
                "convention",
                Text("A choice at {y}", {"y": Name(line.name)}),
                why=Text(
                    "Here {y} has no unique derivative: " + words + ".",
                    {"y": Name(line.name), "x": Name(operand.name)},
                ),
            )
        )
    return steps


# -- constrained variables ------------------------------------------------------------------------


def symmetric(line: Line) -> bool:
    return bool({"symmetric", "diagonal"} & line.properties) and line.symbol.order == 2


def constrained(line: Line, gradient: np.ndarray) -> np.ndarray:
    """Of a symmetric variable each free entry counts once: G + Gᵀ − G∘I; of a diagonal one G∘I."""
    if not symmetric(line):
        return gradient
    diagonal = np.zeros_like(gradient)
    np.fill_diagonal(diagonal, np.diagonal(gradient))
    if gradient.dtype == object:
        import sympy as sp

        diagonal = np.where(np.eye(len(gradient)) == 1, gradient, sp.S.Zero)
    return diagonal if "diagonal" in line.properties else gradient + gradient.T - diagonal


def symmetric_term(chain: Chain) -> Expr:
    from ..expr import Binary
    from ..notation.build import size_term

    symbol = Name("G")
    size = size_term(chain.wrt.symbol.shape[0])
    both = Binary("+", symbol, Transpose(symbol))
    return Binary("-", both, Binary("*", symbol, Call("eye", (size,)), elementwise=True))


def symmetry_steps(ws: Workspace, chain: Chain) -> list[Step]:
    if not symmetric(chain.wrt) or not chain.gradient:
        return []
    x = {"x": Name(chain.wrt.name)}
    if "diagonal" in chain.wrt.properties:
        why = Text(
            "Only the diagonal entries of {x} are free, so only they have a derivative: G ∘ I.", x
        )
    else:
        why = Text(
            "{x} is symmetric: entries (i, j) and (j, i) move together, so each free entry is "
            "counted once: G + Gᵀ − G ∘ I, where G treats all entries as free.",
            x,
        )
    return [Step("constraint", "chain", "symmetry", Text("Free entries of {x}", x), why=why)]


# -- the same variable under another name ---------------------------------------------------------


def rearranged_given(line: Line) -> Line | None:
    """The given that this line only rearranges (w = vec(W)), or None."""
    base = line
    while base.op is not None and base.op.moves and len(base.operands) == 1:
        inside = base.operands[0]
        if "homogeneous" in inside.properties:
            return None
        same = dims.same(dims.product(inside.symbol.shape), dims.product(base.symbol.shape))
        if not same or base.op.name == "index":
            return None
        base = inside
    return base if base is not line and base.op is None else None


def only_user(ws: Workspace, base: Line, variable: Line) -> bool:
    """Whether the given is used through the renamed variable alone."""
    users = ws.graph.consumers()[base.name]
    return all(rearranged_given(u) is base for u in users) and len(users) == 1


def _through(
    ws: Workspace, task_id: str, kind: str, target: Line, variable: Line, base: Line
) -> TaskResult:
    """∂L/∂vec(W) from ∂L/∂W: the same entries in another order."""
    inner = _direct(ws, task_id, kind, target, base)
    names = {"w": Name(variable.name), "W": Name(base.name)}
    symbol = Partial(Name(target.name), Name(variable.name))
    order = unrolling(ws, variable, base)
    value, formula = inner.value, inner.formula
    layout = ws.problem.convention.layout
    size = jacobian_size(target, variable, layout)
    if kind == "gradient":
        if inner.value is not None:
            data = inner.value.data.ravel()[order].reshape(_ints(variable.symbol.shape))
            value = Value(data[None, :] if variable.leaf.row else data)
        formula = _rearranged_term(variable, base, formula)
        shape: tuple[dims.Dim, ...] = variable.leaf.shape
    else:
        shape = size
        if inner.value is not None and inner.value.data.ndim == 2:
            # columns of the inner result follow this file's vec; put them in the variable's order
            column = unrolls_by_column(ws, base.symbol.order)
            flat = np.arange(len(order)).reshape(_ints(base.symbol.shape))
            at = np.argsort(flat.ravel("F" if column else "C"))[order]
            data = inner.value.data
            value = Value(data[at, :] if layout == "denominator" else data[:, at])
    why = Text(
        "{w} holds the entries of {W} in another order, so its derivative holds those of the "
        "derivative with respect to {W} in that order.",
        names,
    )
    step = Step(
        "answer.renamed",
        "value",
        "rearrangement",
        Text("The same variable as {W}", names),
        equation(symbol, formula, exact_term(value)),
        approx=approx(value) if value else None,
        why=why,
        shape=shape,
        jacobian_dims=size_text(size),
        uses=("answer",),
        level=0,
    )
    return TaskResult(
        id=task_id,
        task=kind,
        subject={"of": target.name, "wrt": variable.name},
        heading=_heading(kind, target, variable),
        steps=(*inner.steps, step),
        shape=shape,
        dims=dims.text(shape) if kind == "gradient" else size_text(size),
        jacobian_dims=size_text(size),
        symbol=symbol,
        formula=formula,
        value=value,
        check=inner.check,
    )


def _ints(shape: Sequence[dims.Dim]) -> tuple[int, ...]:
    return tuple(d for d in shape if isinstance(d, int))


def unrolling(ws: Workspace, variable: Line, base: Line) -> np.ndarray:
    """Which row-major entry of the base each entry of the variable is; empty for symbolic sizes."""
    shape = base.symbol.shape
    if not all(isinstance(d, int) for d in shape):
        return np.arange(0)
    numbers = np.arange(int(np.prod(_ints(shape)))).reshape(_ints(shape)).astype(float)
    env = independent.forward(ws.graph.below([variable]), {base.name: numbers})
    return np.ravel(env[variable.name]).astype(int)


def _rearranged_term(variable: Line, base: Line, formula: Expr | None) -> Expr | None:
    if formula is None or variable.formula is None or variable.operands != (base,):
        return None
    return _swap(variable.formula, Name(base.name), formula)


def _swap(e: Expr, old: Expr, new: Expr) -> Expr:
    if e == old:
        return new
    match e:
        case Call():
            return Call(e.func, tuple(_swap(a, old, new) for a in e.args), e.kwargs)
        case Transpose():
            return Transpose(_swap(e.arg, old, new))
        case _:
            return e


# -- edge cases and checks ------------------------------------------------------------------------


def _independent(
    ws: Workspace, task_id: str, kind: str, target: Line, variable: Line, steps: list[Step]
) -> TaskResult:
    """The result does not depend on the variable: its derivative is zero."""
    import sympy as sp

    layout = ws.problem.convention.layout
    size = jacobian_size(target, variable, layout)
    free = variable.symbol if "homogeneous" in variable.properties else variable.leaf
    shape = free.shape if kind == "gradient" else size
    value = None
    if all(isinstance(d, int) for d in shape):
        value = Value(np.full(_ints(shape), sp.S.Zero, dtype=object))
    names = {"y": Name(target.name), "x": Name(variable.name)}
    symbol = Partial(Name(target.name), Name(variable.name))
    steps = [
        *steps,
        Step(
            "answer",
            "value",
            "constant",
            Text("No path from {x} to {y}", names),
            equation(symbol, exact_term(value) if value else Num("0")),
            why=Text("{y} does not depend on {x}, so its derivative is zero.", names),
            shape=shape,
            jacobian_dims=size_text(size),
            level=0,
        ),
    ]
    return TaskResult(
        id=task_id,
        task=kind,
        subject={"of": target.name, "wrt": variable.name},
        heading=_heading(kind, target, variable),
        steps=tuple(steps),
        shape=shape,
        dims=dims.text(shape) if kind == "gradient" else size_text(size),
        jacobian_dims=size_text(size),
        symbol=symbol,
        formula=Num("0"),
        value=value,
        check=Check("the definitions do not mention the variable", 0.0, True),
    )


def check(ws: Workspace, chain: Chain, kind: str, value: Value | None) -> Check | None:
    """The value against central differences; the closed form against the value."""
    if value is None or chain.final is None or not ws.checking:
        return None
    note = None
    here = ws
    env = ws.reference(chain.of)
    if independent.kink_distance(chain.path, env) < independent.NEAR_KINK:
        moved = step_aside(ws, chain)
        if moved is None:
            return Check(
                "none",
                0.0,
                True,
                Text("The point is a kink from every side, so no difference can check it."),
            )
        here = moved
        note = Text("The point lies at a kink or tie; the check was made at a point next to it.")
    near = chain if here is ws else Chain(here, chain.of, chain.wrt, chain.gradient)
    assert near.final is not None and near.final.value is not None
    derived = Value(near.final.value).floats()
    error = difference_error(here, near, derived)
    try:
        closed = Value(here.value_of(near.closed())).floats()
        error = max(error, independent.relative_error(closed, derived))
    except KeyError:
        pass
    return Check("central differences", error, error < independent.AGREE, note)


def difference_error(ws: Workspace, chain: Chain, derived: np.ndarray) -> float:
    """The largest relative deviation from central differences along the chosen directions."""
    base = ws.reference(chain.of)
    moves = {line.name for line in chain.path}
    fixed = {name: value for name, value in base.items() if name not in moves}
    x = _reference_value(ws, chain.wrt)
    extra = 1 if "homogeneous" in chain.wrt.properties else 0

    def f(at: np.ndarray) -> np.ndarray:
        place = np.append(at, 1.0) if extra else at
        if chain.wrt.leaf.row:
            place = at[None, :]
        env = independent.forward(chain.path, {**fixed, chain.wrt.name: place})
        out = env[chain.of.name]
        if chain.gradient:
            return np.reshape(out, ())
        return out[0] if chain.of.leaf.row else out

    along = independent.directions(x.shape)
    if "symmetric" in chain.wrt.properties:  # entries (i, j) and (j, i) move together
        along = [d + d.T - np.diag(np.diag(d)) for d in along]
    got = np.array([np.tensordot(derived, d, axes=x.ndim) for d in along])
    best = np.inf
    for step in independent.STEPS:
        want = np.array([independent.differences(f, x, d, step) for d in along])
        best = min(best, independent.relative_error(got, want))
        if best < independent.AGREE:
            break
    return best


def _reference_value(ws: Workspace, line: Line) -> np.ndarray:
    number = ws.numbers[line.name]
    assert number is not None
    return Value(number).floats()


def step_aside(ws: Workspace, chain: Chain) -> Workspace | None:
    """The same problem at a point nearby that is not a kink."""
    rng = np.random.Generator(np.random.PCG64(2024))
    givens = [
        x for x in ws.graph.below([chain.of]) if x.op is None and ws.numbers[x.name] is not None
    ]
    for attempt in range(40):
        size = 0.02 * (1 + attempt // 10)
        point = {}
        for line in givens:
            if line.kind != "given":
                continue
            x = _reference_value(ws, line)
            point[line.name] = np.asarray(x + size * rng.standard_normal(x.shape))
        try:
            moved = ws.moved(point)
        except InputError:
            continue
        if independent.kink_distance(chain.path, moved.reference(chain.of)) > independent.NEAR_KINK:
            return moved
    return None
