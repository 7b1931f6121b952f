"""Code of pools, class indices, masked softmax and norms of images, against autograd.

Each case is run as a callable and as the printed text, and compared with the graph's own value and
with PyTorch's gradient of the same loss.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tutor
from tutor.codegen import kept
from tutor.codegen.program import WIDTH

INSTALLED = [n for n in ("numpy", "torch", "jax") if importlib.util.find_spec(n) is not None]
Values = dict[str, np.ndarray]


def drawn(**shapes: tuple[int, ...]) -> Values:
    rng = np.random.default_rng(7)
    return {n: rng.normal(size=s).round(3) for n, s in shapes.items()}


def functional() -> Any:
    return pytest.importorskip("torch").nn.functional


X2, X3, X4 = (5, 7), (2, 5, 3), (2, 3, 5, 7)
MASK = [[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
Z = {"z": (3, 4), "W": (3, 4)}

# name: (shapes, more givens, definition, variable, loss in torch)
CASES: dict[str, tuple[dict[str, tuple[int, ...]], dict[str, Any], str, str, Callable[[Any, Any], Any]]] = {  # noqa: E501
    "max 1-D": ({"x": (7,)}, {}, "sum(sin(max_pool1d(x, 3, stride=2)))", "x",
                lambda F, v: F.max_pool1d(v["x"][None], 3, 2).sin().sum()),
    "max 2-D": ({"x": X2}, {}, "sum(max_pool2d(x, 2)**2)", "x",
                lambda F, v: (F.max_pool2d(v["x"][None], 2) ** 2).sum()),
    "max channels": ({"x": X3}, {}, "sum(max_pool2d(x, [2, 3], stride=1, dilation=[2, 1])**3)", "x",
                     lambda F, v: (F.max_pool2d(v["x"], (2, 3), 1, 0, (2, 1)) ** 3).sum()),
    "max batch": ({"x": X4}, {}, "sum(max_pool2d(x, 3, stride=2, padding=1)**2)", "x",
                  lambda F, v: (F.max_pool2d(v["x"], 3, 2, 1) ** 2).sum()),
    "max ceil": ({"x": X3}, {}, "sum(max_pool2d(x, 2, ceil_mode=True)**2)", "x",
                 lambda F, v: (F.max_pool2d(v["x"], 2, ceil_mode=True) ** 2).sum()),
    "max 3-D": ({"x": X4}, {}, "sum(max_pool3d(x, 2, stride=[1, 2, 3])**2)", "x",
                lambda F, v: (F.max_pool3d(v["x"], 2, (1, 2, 3)) ** 2).sum()),
    "avg": ({"x": X4}, {}, "sum(avg_pool2d(x, 3, stride=2, padding=1)**3)", "x",
            lambda F, v: (F.avg_pool2d(v["x"], 3, 2, 1) ** 3).sum()),
    "avg inside": ({"x": X3}, {}, "sum(avg_pool2d(x, 2, padding=1, count_include_pad=False)**2)", "x",  # noqa: E501
                   lambda F, v: (F.avg_pool2d(v["x"], 2, padding=1, count_include_pad=False) ** 2).sum()),  # noqa: E501
    "conv and pool": ({"x": X3, "K": (4, 2, 2, 2)}, {}, "sum(max_pool2d(relu(conv2d(x, K, padding=1)), 2)**2)", "K",  # noqa: E501
                      lambda F, v: (F.max_pool2d(F.conv2d(v["x"], v["K"], padding=1).relu(), 2) ** 2).sum()),  # noqa: E501
    "classes": ({"z": (3, 4)}, {"t": [0, 2, 1]}, "cross_entropy(z, t)", "z",
                lambda F, v: F.cross_entropy(v["z"], v["t"].long())),
    "weighted classes": ({"z": (3, 4)}, {"t": [0, 2, 1], "w": [1, 2, 3, 5]}, "cross_entropy(z, t, w)", "z",  # noqa: E501
                         lambda F, v: F.cross_entropy(v["z"], v["t"].long(), v["w"])),
    "ignored": ({"z": (3, 4)}, {"t": [0, 2, 1]}, "cross_entropy(z, t, ignore_index=2, reduction=\"sum\")", "z",  # noqa: E501
                lambda F, v: F.cross_entropy(v["z"], v["t"].long(), ignore_index=2, reduction="sum")),  # noqa: E501
    "nll": ({"z": (3, 4)}, {"t": [3, 0, 1]}, "nll_loss(log_softmax(z), t)", "z",
            lambda F, v: F.nll_loss(F.log_softmax(v["z"], -1), v["t"].long())),
    "margin": ({"z": (3, 4)}, {"t": [3, 0, 1]}, "multi_margin_loss(z, t)", "z",
               lambda F, v: F.multi_margin_loss(v["z"], v["t"].long())),
    "rows": ({"W": (5, 3)}, {"t": [4, 0, 4]}, "sum(embedding(t, W)**3)", "W",
             lambda F, v: (F.embedding(v["t"].long(), v["W"]) ** 3).sum()),
    "masked": (Z, {"m": MASK}, "sum(W*masked_softmax(z, m))", "z",
               lambda F, v: (v["W"] * v["z"].masked_fill(v["m"] == 0, -np.inf).softmax(-1)).sum()),
    "masked columns": (Z, {"m": MASK}, "sum(W*masked_softmax(z, m, axis=0))", "z",
                       lambda F, v: (v["W"] * v["z"].masked_fill(v["m"] == 0, -np.inf).softmax(0)).sum()),  # noqa: E501
    "softmax of channels": ({"x": X3, "W": X3}, {}, "sum(W*softmax(x, axis=0))", "x",
                            lambda F, v: (v["W"] * v["x"].softmax(0)).sum()),
    "log-sum-exp": ({"x": X3}, {}, "sum(logsumexp(x, axis=1)**2)", "x",
                    lambda F, v: (v["x"].logsumexp(1) ** 2).sum()),
    "batch norm": ({"x": X4, "W": X4, "g": (3,)}, {}, "sum(W*batch_norm(x, weight=g)**2)", "x",
                   lambda F, v: (v["W"] * F.batch_norm(v["x"], None, None, v["g"], training=True) ** 2).sum()),  # noqa: E501
    "its upstream": ({"x": X4, "W": X4}, {}, "sum(W*batch_norm(x))", "W",
                     lambda F, v: (v["W"] * F.batch_norm(v["x"], None, None, training=True)).sum()),
    "layer norm": ({"x": X3, "W": X3, "g": (3,)}, {}, "sum(W*layer_norm(x, weight=g)**2)", "x",
                   lambda F, v: (v["W"] * F.layer_norm(v["x"], [3], v["g"]) ** 2).sum()),
    "largest": ({"x": X3}, {}, "sum(max(x, axis=1)**2)", "x",
                lambda F, v: (v["x"].amax(1) ** 2).sum()),
}  # fmt: skip


def problem(name: str) -> tuple[Any, Values]:
    """The derivative, and the values of its givens."""
    shapes, more, loss, wrt, _ = CASES[name]
    values = drawn(**shapes) | {n: np.array(v, dtype=float) for n, v in more.items()}
    rows = [f"  {n}: {v.tolist()}" for n, v in values.items()]
    source = "given:\n" + "\n".join(rows) + f"\ndefine:\n  L: '{loss}'\n"
    source += f"tasks:\n  - gradient: {{of: L, wrt: {wrt}}}\n"
    return tutor.loads(source).solve(checking=False)["L"].gradient(wrt), values


def executed(code: str, library: str, values: Values) -> np.ndarray:
    """The printed text, run as a user would; class indices as the whole numbers that they are."""
    space: dict[str, Any] = {}
    exec(compile(code, "generated", "exec"), space)
    own = inspect.signature(space["gradient"]).parameters
    found: dict[str, Any] = {n: values[n] for n in own}
    if "t" in found:
        found["t"] = found["t"].astype(int)
    if library == "torch":
        import torch

        found = {n: torch.tensor(v) for n, v in found.items()}
    return np.asarray(space["gradient"](**found))


@pytest.fixture
def doubles() -> Any:
    jax = pytest.importorskip("jax") if "jax" in INSTALLED else None
    if jax is None:
        yield
        return
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize("name", list(CASES))
def test_code(name: str, library: str, doubles: None) -> None:
    d, values = problem(name)
    want = d.value.floats() if hasattr(d.value, "floats") else np.asarray(d.value, dtype=float)
    code = d.code(library)
    assert all(len(x) <= WIDTH or "einsum" in x for x in code.splitlines()), code
    for got in (np.asarray(d.compile(library)(**values)), executed(code, library, values)):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11, err_msg=code)


@pytest.mark.parametrize("name", list(CASES))
def test_against_autograd(name: str) -> None:
    torch = pytest.importorskip("torch")
    d, values = problem(name)
    wrt, loss = CASES[name][3:]
    tensors = {n: torch.tensor(v) for n, v in values.items()}
    tensors[wrt].requires_grad_()
    loss(functional(), tensors).backward()
    want = tensors[wrt].grad.numpy()
    np.testing.assert_allclose(d.compile("numpy")(**values), want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize(("ties", "want"), [("first", [2, 0, 0, 6]), ("split", [1, 1, 0, 6])])
def test_ties(ties: str, want: list[float], library: str) -> None:
    source = (
        f"convention: {{ties: {ties}}}\ngiven: {{x: [1, 1, 0, 3]}}\n"
        "define: {L: sum(max_pool1d(x, 2)**2)}\ntasks:\n  - gradient: {of: L, wrt: x}\n"
    ).replace("sum(max_pool1d(x, 2)**2)", "'sum(max_pool1d(x, 2)**2)'")
    d = tutor.loads(source).solve(checking=False)["L"].gradient("x")
    got = np.asarray(d.compile(library)(x=np.array([1.0, 1, 0, 3])))
    np.testing.assert_allclose(got, want)


def test_the_text_of_a_pool() -> None:
    d, _ = problem("max 2-D")
    code = d.code("numpy")
    assert "pool_windows(x, [2, 2], [2, 2], [0, 0], [1, 1], [2, 3])" in code
    assert "def pool_windows" in code and "def first_largest" in code


@pytest.mark.parametrize(
    ("name", "row", "case"),
    [
        ("ALWAYS", "max_pool_winner", "max 2-D"),
        ("ALWAYS", "one_hot", "classes"),
        ("ALWAYS", "masked_softmax", "masked"),
        ("TENSORS", "rstd", "batch norm"),
    ],
)
def test_a_wrong_row_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, row: str, case: str
) -> None:
    """Each row matters: with twice its values the result is another."""
    table = getattr(kept, name)
    right = table[row]

    def twice(node: Any, operands: Any) -> Any:
        found = right(node, operands)
        return kept.Binary("*", kept.Num("2"), found)

    d, values = problem(case)
    before = np.asarray(d.compile("numpy")(**values))
    monkeypatch.setitem(table, row, twice)
    again, _ = problem(case)
    after = np.asarray(again.compile("numpy")(**values))
    assert np.abs(after - before).max() > 1e-3
