"""gradient and jacobian: derive along the chain, read the answer off the last step, check it."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..expr import Call, Expr, Name, Num, Partial, Transpose, walk
from ..graph import dims
from ..notation.index import has_subscripts
from ..problem.lines import Line
from ..steps import Check, Step, TaskResult, Text
from ..value import Value
from .chain import Chain, paper_value, size_text, zeros
from .chain_steps import chain_steps, local_steps
from .checked import check
from .conditions import condition_steps, convention_steps
from .constrained import (
    constrained,
    constrained_gradient,
    constrained_jacobian,
    free_jacobian_size,
    free_steps,
    put_together,
    symmetric,
    symmetry_steps,
    whole_symbol,
)
from .duplication import duplication, folded_columns, free_name
from .forward import forward_steps, given_steps
from .indexed import entry_symbol, index_form, reading_steps
from .layouts import layout_steps
from .numbers import approx, equation, exact_term
from .paths import PathChain, path_steps
from .recognised import recognised_steps
from .renamed import ints, only_user, rearranged_given, renamed
from .undefined import is_undefined, reason, with_reason
from .unrolled import unrolled
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
    if base is None or (ws.graph.depends(target, variable) and only_user(ws, base)):
        return _direct(ws, task_id, kind, target, variable)
    return _through(ws, task_id, kind, target, variable, base)


def _direct(ws: Workspace, task_id: str, kind: str, target: Line, variable: Line) -> TaskResult:
    along_paths = ws.problem.convention.style == "jacobian"
    chain = (PathChain if along_paths else Chain)(ws, target, variable, kind == "gradient")
    below = ws.graph.below([target])
    chain.missing = is_undefined(chain)
    steps = [*given_steps(ws, below), *forward_steps(ws, below)]
    if chain.final is None and target is not variable:
        return _independent(ws, task_id, kind, target, variable, steps)
    steps += recognised_steps(ws, below)
    steps += local_steps(chain, task_id)
    steps += (
        path_steps(chain, task_id) if isinstance(chain, PathChain) else chain_steps(chain, task_id)
    )
    steps += symmetry_steps(chain)
    formula, value = closing(ws, chain, kind)
    steps += condition_steps(ws, chain.of, chain.path, chain.wrt)
    steps += closing_steps(ws, chain, kind, formula, value)
    steps += convention_steps(ws, chain)
    steps += free_steps(chain)
    steps += layout_steps(chain, kind)
    steps += reading_steps(ws, steps)
    found = check(ws, chain, value, formula, lambda at, near: shown_value(at, near, kind))
    result = _result(ws, task_id, kind, target, variable, steps, formula, value, found)
    return with_reason(result, reason(chain) if chain.missing else None)


def _through(
    ws: Workspace, task_id: str, kind: str, target: Line, variable: Line, base: Line
) -> TaskResult:
    """∂L/∂vec(W) from ∂L/∂W, in one more step."""
    if kind == "jacobian" and symmetric(base):
        raise InputError(
            f"`{variable.name}` holds the entries of `{base.name}`, which are not all free",
            hint=f"ask with respect to `{base.name}`",
        )
    inner = _direct(ws, task_id, kind, target, base)
    formula, value = renamed(ws, kind, inner, variable, base)
    names = {"w": Name(variable.name), "W": Name(base.name)}
    step = Step(
        "answer.renamed",
        "value",
        "rearrangement",
        Text("The same variable as {W}", names),
        equation(_symbol(kind, target, variable), formula, exact_term(value)),
        approx=approx(value) if value else None,
        why=Text(
            "{w} holds the entries of {W} in another order, so its derivative holds those of the "
            "derivative with respect to {W} in that order.",
            names,
        ),
        shape=_shape(ws, kind, target, variable),
        jacobian_dims=_jacobian_dims(ws, target, variable),
        uses=("answer",),
        level=0,
    )
    steps = [*inner.steps, step]
    result = _result(ws, task_id, kind, target, variable, steps, formula, value, inner.check)
    return with_reason(result, inner.undefined)


def _independent(
    ws: Workspace, task_id: str, kind: str, target: Line, variable: Line, steps: list[Step]
) -> TaskResult:
    """The result does not depend on the variable: its derivative is zero."""
    import sympy as sp

    shape = _shape(ws, kind, target, variable)
    value = None
    if all(isinstance(d, int) for d in shape):
        value = Value(np.full(ints(shape), sp.S.Zero, dtype=object))
    names = {"y": Name(target.name), "x": Name(variable.name)}
    zero = zeros(shape)
    step = Step(
        "answer",
        "value",
        "constant",
        Text("No path from {x} to {y}", names),
        equation(_symbol(kind, target, variable), exact_term(value) if value else zero),
        why=Text("{y} does not depend on {x}, so its derivative is zero.", names),
        shape=shape,
        jacobian_dims=_jacobian_dims(ws, target, variable),
        level=0,
    )
    found = Check("the definitions do not mention the variable", 0.0, True)
    steps = [*steps, step]
    return _result(ws, task_id, kind, target, variable, steps, zero, value, found)


def _result(
    ws: Workspace,
    task_id: str,
    kind: str,
    target: Line,
    variable: Line,
    steps: list[Step],
    formula: Expr | None,
    value: Value | None,
    found: Check | None,
) -> TaskResult:
    message = (
        "Gradient of {y} with respect to {x}"
        if kind == "gradient"
        else "Jacobian of {y} with respect to {x}"
    )
    shape = _shape(ws, kind, target, variable)
    size = _jacobian_dims(ws, target, variable)
    symbol: Expr = _symbol(kind, target, variable)
    extra: dict[str, str] = {}
    if formula is not None and has_subscripts(formula):
        entries = entry_symbol(ws, target, variable, kind == "gradient")
        extra = {"form": "index", **index_form(entries, formula)}
        symbol = entries if value is None else symbol
    return TaskResult(
        id=task_id,
        task=kind,
        subject={"of": target.name, "wrt": variable.name},
        heading=Text(message, {"y": Name(target.name), "x": Name(variable.name)}),
        steps=tuple(steps),
        shape=shape,
        dims=dims.text(shape) if kind == "gradient" else size,
        jacobian_dims=size,
        symbol=symbol,
        formula=formula,
        value=value,
        extra=extra,
        check=found,
    )


def _symbol(kind: str, target: Line, variable: Line) -> Partial:
    free = kind == "jacobian" and symmetric(variable)
    return Partial(Name(target.name), free_name(variable) if free else Name(variable.name))


def _shape(ws: Workspace, kind: str, target: Line, variable: Line) -> tuple[dims.Dim, ...]:
    """Of a gradient its variable's free entries; of a Jacobian rows × columns."""
    if kind == "jacobian":
        return free_jacobian_size(target, variable, ws.problem.convention.layout)
    return variable.free_shape


def _jacobian_dims(ws: Workspace, target: Line, variable: Line) -> str:
    return size_text(free_jacobian_size(target, variable, ws.problem.convention.layout))


# -- the closed form and the numbers --------------------------------------------------------------


def closing(ws: Workspace, chain: Chain, kind: str) -> tuple[Expr | None, Value | None]:
    """The closed form as a term, and the value read off the last adjoint."""
    if chain.of is chain.wrt:
        import sympy as sp

        one = Value(np.array(sp.S.One, dtype=object))
        return (Num("1"), one) if kind == "gradient" else _identity(chain)
    final = chain.final
    assert final is not None
    formula = chain.closed_term() or chain.closed_by_name()
    if symmetric(chain.wrt) and kind == "jacobian":
        formula = constrained_jacobian(chain, formula)
    elif formula is None:
        formula = chain.closed_entry()
        formula = zeros(_shape(ws, kind, chain.of, chain.wrt)) if formula == Num("0") else formula
        if formula is None and not symmetric(chain.wrt):
            formula = chain.formula(final)
    elif symmetric(chain.wrt):
        formula = constrained_gradient(chain, formula)
    value = None if final.value is None else shown_value(ws, chain, kind)
    return formula, value


def shown_value(ws: Workspace, chain: Chain, kind: str) -> Value:
    """The last adjoint's number in the shape in which it is shown."""
    assert chain.final is not None and chain.final.value is not None
    number = chain.final.value
    if kind == "gradient":
        return paper_value(chain.wrt, constrained(chain.wrt, number))
    turned = ws.problem.convention.layout == "denominator"
    return folded_columns(unrolled(ws, chain, number), chain.wrt, turned)


def _identity(chain: Chain) -> tuple[Expr | None, Value | None]:
    import sympy as sp

    from ..notation.build import size_term

    n = dims.product(chain.of.symbol.shape)
    turned = chain.ws.problem.convention.layout == "denominator"
    formula: Expr | None = Call("eye", (size_term(n),))
    if symmetric(chain.wrt):
        formula = duplication(chain.wrt)
        formula = Transpose(formula) if formula is not None and turned else formula
    if not isinstance(n, int):
        return formula, None
    data = np.full((n, n), sp.S.Zero, dtype=object)
    np.fill_diagonal(data, sp.S.One)
    return formula, folded_columns(Value(data), chain.wrt, turned)


def _written_out(chain: Chain, kind: str, formula: Expr | None) -> Text:
    at = {"x": Name(chain.wrt.name), "d": chain.wrt.dims}
    if isinstance(chain, PathChain) and kind == "gradient" and not chain.wrt.has_one_entry:
        return Text("The same numbers written in the shape of {x}, {d}: that is the gradient.", at)
    if chain.final is not None and chain.final.bridged:
        return Text(
            "Everything written out. At this point a factor of the steps does not exist (it is "
            "0/0), but here it has cancelled.",
            at,
        )
    if formula is None:
        return Text("The numbers of the last step; written out, it would be too long to read.", at)
    if any(isinstance(x, Partial) for x in walk(formula)):
        return Text("By the names of the steps; all written out, it would be too long.", at)
    return Text("Everything written out, from the result back to {x}.", at)


def closing_steps(
    ws: Workspace, chain: Chain, kind: str, formula: Expr | None, value: Value | None
) -> list[Step]:
    """The last step, off which the answer is read: closed form and numbers."""
    symbol = _symbol(kind, chain.of, chain.wrt)
    size = free_jacobian_size(chain.of, chain.wrt, ws.problem.convention.layout)
    shape = chain.wrt.symbol.shape if kind == "gradient" else size
    number = exact_term(value)
    why = _written_out(chain, kind, formula)
    indexed = formula is not None and has_subscripts(formula)
    entries = entry_symbol(ws, chain.of, chain.wrt, kind == "gradient") if indexed else symbol
    shown = formula if indexed else put_together(chain, formula)
    if shown != formula:
        why = Text("With {g} from above.", {"g": whole_symbol(chain)})
    members = equation(entries, shown, None if indexed else number)
    steps: list[Step] = []
    if indexed and value is not None:
        steps.append(Step("entries", "closed", "substitution", Text("Entry by entry"), members,
                          why=why, shape=shape, uses=(f"chain.{chain.wrt.name}",)))  # fmt: skip
        members, why = equation(symbol, number), None
    if len(members) < 2 and value is None:
        members = ()
        why = Text("Written out, this is too long to read; the steps above say how it is made.")
    steps.append(
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
    )
    return steps
