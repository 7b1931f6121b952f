"""Gradients of convolutions with groups, turned kernels, three axes and single rows: formulas."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import tutor
from tutor.notation import conv_calls, sliding_axes
from tutor.notation.latex import latex
from tutor.notation.text import text
from tutor.notation.unicode import unicode_text
from tutor.steps import Solution

TURNED = "convention: {conv: convolution}\n"
HELD = "sum(y**2)/2"


def drawn(shapes: dict[str, list[int]], seed: int = 0) -> str:
    """Givens of small whole numbers."""
    rows = [
        f"  {name}: randint({', '.join(map(str, dims))}, low=-3, high=3, seed={seed + k})\n"
        for k, (name, dims) in enumerate(shapes.items())
    ]
    return "given:\n" + "".join(rows)


def solved(head: str, definition: str, wrt: str, loss: str = HELD) -> Solution:
    source = f"{head}define:\n  y: {definition}\n  L: {loss}\n"
    return tutor.loads(f"{source}tasks:\n  - gradient: {{of: L, wrt: {wrt}}}\n").solve().solution


FORMULAS = [
    # groups
    ({"x": [4, 5], "K": [4, 1, 3]}, "conv1d(x, K, groups=4)", "x", "conv_transpose1d(y, K, groups=4)"),  # noqa: E501
    ({"x": [4, 5], "K": [4, 1, 3]}, "conv1d(x, K, groups=4)", "K",
     "permute(conv1d(unsqueeze(x, 0), unsqueeze(y, 1), groups=4), 1, 0, 2)"),
    ({"x": [4, 5, 5], "K": [6, 2, 3, 3]}, "conv2d(x, K, groups=2)", "x", "conv_transpose2d(y, K, groups=2)"),  # noqa: E501
    ({"x": [4, 5, 5], "K": [6, 2, 3, 3]}, "conv2d(x, K, groups=2)", "K",
     "permute(conv2d(permute(reshape(x, 2, 2, 5, 5), 1, 0, 2, 3), unsqueeze(y, 1), groups=2), 1, 0, 2, 3)"),  # noqa: E501
    ({"x": [4, 3, 4], "K": [4, 2, 2, 3]}, "conv_transpose2d(x, K, stride=2, groups=2)", "x",
     "conv2d(y, K, stride=2, groups=2)"),
    # three axes
    ({"x": [3, 4, 5], "K": [2, 3, 2]}, "conv3d(x, K)", "x", "conv_transpose3d(y, K)"),
    ({"x": [3, 4, 5], "K": [2, 3, 2]}, "conv3d(x, K)", "K", "conv3d(x, y)"),
    ({"x": [2, 3, 4, 5], "K": [3, 2, 2, 2, 3]}, "conv3d(x, K, stride=2, padding=1)", "x",
     "conv_transpose3d(y, K, stride=2, padding=1, output_padding=[1, 0, 0])"),
    # one row
    ({"x": [1, 7], "K": [1, 3]}, "conv1d(x, K, stride=2, padding=1)", "x",
     "conv_transpose1d(y, K, stride=2, padding=1)"),
    ({"x": [1, 7], "K": [1, 3]}, "conv1d(x, K, stride=2, padding=1)", "K",
     "conv1d(x, y, padding=1, dilation=2)"),
    ({"v": [7], "K": [2, 1, 3]}, "conv1d(v.T, K)", "K",
     "unsqueeze(conv1d(unsqueeze(v, 0), unsqueeze(y, 1)), 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "definition", "wrt", "formula"), FORMULAS)
def test_formula(shapes: dict[str, list[int]], definition: str, wrt: str, formula: str) -> None:
    (task,) = solved(drawn(shapes), definition, wrt).tasks
    whole = formula.replace("y", definition) if "(y" in formula or " y" in formula else formula
    assert task.formula is not None and text(task.formula) in (formula, whole)
    assert task.check is not None and task.check.passed


FLIPPED = [
    ({"x": [3, 4], "K": [2, 3]}, "conv2d(x, K)", "x", "conv_transpose2d(y, K)"),
    # the turned input with the upstream as a kernel
    ({"x": [3, 4], "K": [2, 3]}, "conv2d(x, K)", "K", "conv2d(flip(x), y)"),
    ({"x": [7], "K": [3]}, "conv1d(x, K, stride=2, padding=1)", "K", "conv1d(flip(x), y, padding=1, dilation=2)"),  # noqa: E501
    # the last entry of x meets nothing: the result is turned, not the input
    ({"x": [6], "K": [3]}, "conv1d(x, K, stride=2)", "K",
     "flip(conv1d(x, flip(y), dilation=2)[:3])"),
    ({"x": [2, 5, 5], "K": [3, 2, 2, 3]}, "conv2d(x, K)", "K",
     "permute(conv2d(flip(unsqueeze(x, 1), [2, 3]), unsqueeze(y, 1)), 1, 0, 2, 3)"),
    ({"x": [1, 7], "K": [1, 3]}, "conv1d(x, K)", "K", "conv1d(flip(x), y)"),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "definition", "wrt", "formula"), FLIPPED)
def test_formula_with_a_turned_kernel(
    shapes: dict[str, list[int]], definition: str, wrt: str, formula: str
) -> None:
    (task,) = solved(TURNED + drawn(shapes), definition, wrt).tasks
    whole = formula.replace("y", definition)
    assert task.formula is not None and text(task.formula) in (formula, whole)
    assert task.check is not None and task.check.passed


ONES = [  # what arrives is 1 everywhere
    ({"x": [4, 5, 3], "K": [6, 4, 2, 2]}, "conv2d(x, K)", "x",
     "conv_transpose2d(ones(6, 4, 2), K)"),
    ({"x": [4, 5, 3], "K": [6, 2, 3, 2]}, "conv2d(x, K, groups=2, padding=1)", "x",
     "conv_transpose2d(ones(6, 5, 4), K, padding=1, groups=2)"),
    ({"x": [4, 5, 3], "K": [4, 1, 3, 2]}, "conv2d(x, K, groups=4)", "K",
     "permute(conv2d(unsqueeze(x, 0), unsqueeze(ones(4, 3, 2), 1), groups=4), 1, 0, 2, 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("shapes", "definition", "wrt", "formula"), ONES)
def test_an_upstream_of_ones(
    shapes: dict[str, list[int]], definition: str, wrt: str, formula: str
) -> None:
    (task,) = solved(drawn(shapes), definition, wrt, "sum(y)").tasks
    assert task.formula is not None and text(task.formula) == formula
    assert task.check is not None and task.check.passed


# -- against PyTorch ------------------------------------------------------------------------------


def cases(count: int) -> Iterator[tuple[str, int, dict[str, list[int]], dict[str, object], bool]]:
    """Random calls: operation, axes, sizes, parameters, whether the kernel is turned."""
    draw = random.Random(29)
    while count:
        n, lead = draw.choice((1, 1, 2, 2, 3)), draw.choice((0, 1, 1, 2))
        spread = draw.random() < 0.4
        k, s, d = ([draw.randint(1, m) for _ in range(n)] for m in (3 if n < 3 else 2, 3, 2))
        groups = draw.choice((1, 2, 3)) if lead else 1
        per, each = draw.randint(1, 2), draw.randint(1, 3)
        size = [(a - 1) * b + 1 + draw.randint(0, 2) for a, b in zip(k, d, strict=True)]
        channels = [groups * per, each] if spread else [groups * each, per]
        front = ([], [groups * per], [2, groups * per])[lead]
        shapes = {"x": [*front, *size], "K": [*(channels if lead else []), *k]}
        if n == 1 and lead == 0 and draw.random() < 0.5:
            shapes = {name: [1, *dims] for name, dims in shapes.items()}
        padding = [draw.randint(0, 1) for _ in range(n)]
        more: dict[str, object] = {"stride": s, "padding": padding, "dilation": d, "groups": groups}
        if spread:
            full = [(a - 1) * b + c * (e - 1) + 1 for a, b, c, e in zip(size, s, d, k, strict=True)]
            if any(f - 2 * p < 1 for f, p in zip(full, padding, strict=True)):
                continue
            more["output_padding"] = [
                draw.randint(0, max(a, b) - 1) for a, b in zip(s, d, strict=True)
            ]
        count -= 1
        yield ("conv_transpose" if spread else "conv"), n, shapes, more, draw.random() < 0.4


@pytest.mark.parametrize(("name", "n", "shapes", "more", "turned"), list(cases(32)))
def test_against_torch(
    name: str, n: int, shapes: dict[str, list[int]], more: dict[str, object], turned: bool
) -> None:
    """The values are PyTorch's; the printed formula, typed again, gives them as well."""
    torch = pytest.importorskip("torch")
    call = f"{name}{n}d(x, K, {', '.join(f'{k}={v}' for k, v in more.items())})"
    solution = solved((TURNED if turned else "") + drawn(shapes, 7), call, "[x, K]")
    given = solution.variables
    x, w = (
        torch.tensor(np.array(given[v].value.floats()), requires_grad=True)  # type: ignore[union-attr]
        for v in ("x", "K")
    )
    kernel = w.flip(tuple(range(-n, 0))) if turned else w
    bare = w.ndim == n or (n == 1 and w.ndim == 2)  # a 1×L image has no channels
    inner = x.reshape(1, *x.shape[-n:]) if bare else x
    kernel = kernel.reshape(1, 1, *w.shape[-n:]) if bare else kernel
    y = getattr(torch.nn.functional, f"{name}{n}d")(inner, kernel, **more)
    ((y**2).sum() / 2).backward()
    for task, tensor in zip(solution.tasks, (x, w), strict=True):
        assert task.value is not None and tensor.grad is not None
        np.testing.assert_allclose(task.value.floats(), tensor.grad.numpy(), rtol=1e-10, atol=1e-9)
        assert task.check is not None and task.check.passed, call


# -- the checker can fail -------------------------------------------------------------------------


def test_a_wrong_formula_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups left out, or a kernel that is not turned: the printed formula gives other numbers."""
    grouped = conv_calls.Pair._finished

    def without(pair: conv_calls.Pair, *args: object) -> object:
        return grouped(replace(pair, groups=None), *args)  # type: ignore[arg-type]

    monkeypatch.setattr(conv_calls.Pair, "_finished", without)
    (task,) = solved(drawn({"x": [4, 5], "K": [4, 2, 3]}), "conv1d(x, K, groups=2)", "x").tasks
    assert task.check is not None and task.check.passed is False
    monkeypatch.undo()
    monkeypatch.setattr(conv_calls, "flips", lambda: False)
    (task,) = solved(TURNED + drawn({"x": [5], "K": [3]}), "conv1d(x, K)", "x").tasks
    assert task.check is not None and task.check.passed is False


# -- signs ----------------------------------------------------------------------------------------

PROBLEM = (
    "given: {x: [1, 2, 3], w: [1, 4]}\ndefine: {y: 'conv1d(x, w)', L: sum(y)}\n"
    "tasks:\n  - gradient: {of: L, wrt: w}\n"
)


def printed(source: str, form: str) -> str:
    from tutor.render import html, latex, markdown, terminal, typst

    solution = tutor.loads(source).solve().solution
    match form:
        case "terminal":
            return terminal.terminal(solution)
        case "markdown":
            return markdown.markdown(solution)
        case "latex":
            return latex.latex(solution)
        case "html":
            return html.html(solution)
        case _:
            return typst.typst(solution, lambda tex: tex)


def test_each_convention_has_its_sign() -> None:
    call = tutor.loads(PROBLEM).solve().solution.tasks[0]
    assert call.formula is not None
    forward = next(s for s in call.steps if s.id == "forward.y").equation[1]
    assert unicode_text(forward) == "x ⋆ w" and r"\star" in latex(forward)
    with sliding_axes.convolving("convolution"):
        assert unicode_text(forward) == "x ∗ w" and r"\ast" in latex(forward)
    assert unicode_text(forward) == "x ⋆ w"


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "html", "typst"])
def test_a_file_that_turns_the_kernel_has_the_sign_of_convolution(form: str) -> None:
    plain, turned = printed(PROBLEM, form), printed(TURNED + PROBLEM, form)
    ast, star = ("∗", "⋆") if form in ("terminal", "html") else (r"\ast", r"\star")
    assert star in plain and ast not in plain
    assert ast in turned


def test_an_entry_of_a_transposed_convolution_with_a_turned_kernel() -> None:
    source = (
        "given: {x: [1, 2, 3], w: [1, 4]}\ndefine: {y: 'conv_transpose1d(x, w)'}\n"
        "tasks: [forward: {of: y}]\n"
    )
    plain, turned = (
        {s.id: s for s in tutor.loads(head + source).solve().solution.tasks[0].steps}
        for head in ("", TURNED)
    )
    assert [text(e) for e in plain["entry.y"].equation[1:]] == [
        "x[0] * w[1] + x[1] * w[0]", "1*4 + 2*1", "6",
    ]  # fmt: skip
    assert [text(e) for e in turned["entry.y"].equation[1:]] == [
        "x[0] * w[0] + x[1] * w[1]", "1*1 + 2*4", "9",
    ]  # fmt: skip
    assert "turns the kernel around" in str(turned["entry.y"].why)
    assert "Turn the kernel around" in str(turned["forward.y"].why)
    assert "urn" not in str(plain["forward.y"].why)
