"""Sizes left open with `?` under windows: what fits is what PyTorch accepts, number by number."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import tutor
from tutor.errors import InputError, ShapeError
from tutor.graph.dims import dim
from tutor.graph.node import topological
from tutor.graph.sliding import Window
from tutor.problem.elaborate import elaborate
from tutor.problem.lines import Graph
from tutor.problem.told import plain
from tutor.render.terminal import terminal
from tutor.tasks.graph import diagram
from tutor.tasks.workspace import Workspace

MOST = 70  # numbers of entries that are tried one by one
CHAINS = 100


def graph(text: str) -> Graph:
    return elaborate(tutor.loads(text).problem)


# -- random chains of windows ---------------------------------------------------------------------


class Chain:
    """Layers over an image of 2 channels and width 13, told to tutor and to PyTorch."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.channels = 2
        self.given = ["  x: tensor(2, ?, 13)"]
        self.define: list[str] = []
        self.run: list[Callable[[Any], Any]] = []
        for k in range(self.rng.randint(1, 3)):
            self.add(f"h{k}", f"h{k - 1}" if k else "x", k)
        self.last = f"h{k}"

    def add(self, y: str, x: str, k: int) -> None:
        torch = pytest.importorskip("torch")
        functional = torch.nn.functional
        r = self.rng
        kernel, stride, padding = r.randint(1, 4), r.randint(1, 3), r.randint(0, 2)
        kind = r.choice(["conv", "conv", "max", "avg", "transposed", "relu", "unit"])
        own = {"stride": stride, "padding": padding}
        if kind == "conv":
            own["dilation"] = r.randint(1, 2)
        if kind in ("max", "avg"):
            own["padding"] = min(padding, kernel // 2)
            own["ceil_mode"] = r.random() < 0.4
            pool = {"max": functional.max_pool2d, "avg": functional.avg_pool2d}[kind]
            self.run.append(lambda t: pool(t, (kernel, 1), **_rows(own)))
            self.define.append(f"{y}: {kind}_pool2d({x}, [{kernel}, 1]{_told(own)})")
        elif kind in ("conv", "transposed"):
            outs = r.randint(1, 3)
            first = (outs, self.channels) if kind == "conv" else (self.channels, outs)
            if kind == "transposed":
                own["stride"] = min(stride, 2)
            layer = functional.conv2d if kind == "conv" else functional.conv_transpose2d
            weight = torch.empty(*first, kernel, 1, device="meta")
            self.run.append(lambda t: layer(t, weight, **_rows(own)))
            name = "conv2d" if kind == "conv" else "conv_transpose2d"
            self.given.append(f"  K{k}: tensor({first[0]}, {first[1]}, {kernel}, 1)")
            self.define.append(f"{y}: {name}({x}, K{k}{_told(own)})")
            self.channels = outs
        elif kind == "relu":
            self.run.append(torch.relu)
            self.define.append(f"{y}: relu({x})")
        else:  # ⌈n/s⌉ windows: torch has no such stride, so it pads by hand
            weight = torch.empty(1, self.channels, kernel, 1, device="meta")

            def same(t: Any) -> Any:
                n = t.shape[1]
                total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
                return functional.conv2d(
                    functional.pad(t, (0, 0, 0, total)), weight, stride=(stride, 1)
                )

            self.run.append(same)
            self.given.append(f"  K{k}: tensor(1, {self.channels}, {kernel}, 1)")
            self.define.append(f"{y}: 'conv2d({x}, K{k}, stride=[{stride}, 1], padding=\"same\")'")
            self.channels = 1

    def outputs(self, n: int) -> tuple[int, ...] | None:
        """The last layer's shape for n rows; None where PyTorch refuses."""
        torch = pytest.importorskip("torch")
        t = torch.empty(2, n, 13, device="meta")
        try:
            for step in self.run:
                t = step(t)
        except RuntimeError:
            return None
        return tuple(t.shape) if min(t.shape) > 0 else None

    def text(self, more: str = "", given: str = "") -> str:
        rows = ["given:", *self.given, *([f"  {given}"] if given else []), "define:"]
        rows += [f"  {d}" for d in self.define]
        return "\n".join([*rows, *([f"  {more}"] if more else []), "tasks: [shapes]", ""])


def _rows(own: dict[str, Any]) -> dict[str, Any]:
    """Along the height alone."""
    plain = {"padding": 0}
    return {k: v if isinstance(v, bool) else (v, plain.get(k, 1)) for k, v in own.items()}


def _told(own: dict[str, Any]) -> str:
    return "".join(
        f", {k}={v}" if isinstance(v, bool) else f", {k}=[{v}, {0 if k == 'padding' else 1}]"
        for k, v in own.items()
    )


def numbers(found: Graph) -> set[int] | None:
    """All that x's height can be; None if there is no end."""
    d = found["x"].shape[1]
    if isinstance(d, int):
        return {d}
    fit = next(f for f in found.fits if d in f.sizes)
    several = fit.numbers(d)
    return None if several is None else set(several)


def verdict(seed: int) -> str:
    """forced | several | none: what came of a chain that ends in a matrix product."""
    chain = Chain(seed)
    shapes = {n: chain.outputs(n) for n in range(1, MOST)}
    n = chain.rng.choice([k for k in range(1, 40) if shapes[k]])
    entries = _entries(shapes[n])
    if seed % 4 == 0:  # an output that need not exist
        entries += chain.rng.randint(1, 30)
    wanted = {k for k, shape in shapes.items() if shape and _entries(shape) == entries}
    text = chain.text(f"y: W @ flatten({chain.last})", f"W: matrix(2, {entries})")
    try:
        found = numbers(graph(text))
    except InputError as error:
        assert not wanted, (seed, wanted, error.message)
        return "none"
    assert found == wanted, (seed, text, found, wanted)
    return "forced" if len(wanted) == 1 else "several"


def _entries(shape: tuple[int, ...] | None) -> int:
    assert shape is not None
    return shape[0] * shape[1] * shape[2]


def test_what_fits_is_what_torch_accepts() -> None:
    seen = Counter(verdict(seed) for seed in range(CHAINS))
    assert min(seen[k] for k in ("forced", "several", "none")) > CHAINS // 12, seen


def test_a_wrong_formula_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: one entry of padding too many counts."""
    right = Window.count
    monkeypatch.setattr(Window, "count", lambda w, size, kernel: right(w, size + 1, kernel))
    bad = 0
    for seed in range(20):
        try:
            verdict(seed)
        except AssertionError:
            bad += 1
    assert bad > 5


def test_what_nothing_constrains_is_free_from_the_least_number_that_fits() -> None:
    for seed in range(CHAINS // 2):
        chain = Chain(seed)
        found = graph(chain.text())
        n = found["x"].shape[1]
        fit = next((f for f in found.fits if n in f.sizes), None)
        first = fit.bounds[fit.sizes.index(n)][0] if fit else 1  # type: ignore[arg-type]
        for k in range(1, MOST):
            shape = chain.outputs(k)
            assert (shape is not None) == (k >= first), (seed, chain.text(), k, first)
            if shape is not None:
                sizes = [dim(d) for d in found[chain.last].shape]
                put = tuple(d if isinstance(d, int) else int(d.subs(n, k)) for d in sizes)
                assert put == shape, (seed, chain.text(), k)


# -- what is said ---------------------------------------------------------------------------------


IMAGE = """
given:
  x: tensor(3, ?, 33)
  K: tensor(8, 3, 3, 3)
  W: matrix(10, 448)
define:
  h: conv2d(x, K, stride=2, padding=1)
  p: max_pool2d(h, 2)
  t: flatten(p)
  y: W @ t
tasks: [shapes]
"""


def told(text: str, name: str) -> str:
    return " ".join(plain(t) for t in graph(text).reasons[name])


def test_several_sizes_fit() -> None:
    found = graph(IMAGE)
    assert found["x"].dims == "3×n×33"
    assert found["h"].dims == "8×(⌊(n - 1)/2⌋ + 1)×17"
    assert found["p"].shape == (8, 7, 8) and found["t"].shape == (448,)  # forced all the same
    said = told(IMAGE, "x")
    assert said.startswith("In `W @ t`, `W` has 448 columns, 64 times 7, so `t` needs 448 rows")
    assert said.endswith(
        "`p` has 7 entries along axis 1. "
        "`p` has 7 entries along axis 1 only if `h` has 14 or 15 there. "
        "`h` has 14 or 15 entries along axis 1 only if `x` has 27, 28, 29 or 30 there. "
        "So `n` is 27, 28, 29 or 30: all of these fit, and nothing says which it is."
    )


def test_a_task_that_needs_the_number_is_told_all_that_fit() -> None:
    text = IMAGE.replace("tasks: [shapes]", "tasks: [shapes, forward]")
    with pytest.raises(ShapeError, match="27, 28, 29 or 30 would fit") as caught:
        graph(text)
    assert caught.value.where is not None and caught.value.where.line == 3
    assert len(caught.value.notes) == 3


def test_no_size_fits() -> None:
    with pytest.raises(ShapeError) as caught:
        graph(IMAGE.replace("448", "392"))
    assert "cannot multiply `W` (10×392) and `t`" in caught.value.message
    assert any("a multiple of 64" in n and "384 or 448" in n for n in caught.value.notes)


def test_a_size_that_windows_rule_out_names_both_operations() -> None:
    text = IMAGE.replace("define:", "  c: tensor(3, 31, 33)\ndefine:\n  u: x + c", 1)
    late = text.replace("  u: x + c\n", "").replace("tasks:", "  u: x + c\ntasks:")
    with pytest.raises(ShapeError, match=r"`x` \(3×\?×33\) and `c` \(3×31×33\)") as caught:
        graph(late)
    notes = " ".join([*caught.value.notes, caught.value.hint or ""])
    assert "in `W @ t`, `W` has 448 columns" in notes
    assert "so `x` has 27, 28, 29 or 30 entries along axis 1" in notes
    with pytest.raises(ShapeError, match=r"`W` \(10×448\) and `t` \(512×1\)"):
        graph(text)
    assert graph(late.replace("31", "29"))["x"].shape == (3, 29, 33)


TWO_PATHS = """
given: {x: vector(?), k: vector(3), q: vector(4), y: vector(10), z: vector(7)}
define:
  h: conv1d(x, k, stride=2)
  g: conv1d(x, q, stride=3)
  L: sum((h - y)**2) + sum((g - z)**2)
tasks: [shapes, {gradient: {of: L, wrt: [x]}}]
"""


def test_two_windows_leave_one_size_and_all_tasks_work() -> None:
    assert graph(TWO_PATHS)["x"].shape == (22,)
    said = told(TWO_PATHS, "x")
    assert "`h` has 10 entries only if `x` has 21 or 22 entries." in said
    assert "`g` has 7 entries only if `x` has 22, 23 or 24 entries." in said
    assert said.endswith("So `x` has 22 entries.")
    gradient = tutor.loads(TWO_PATHS).solve().tasks[1]
    assert gradient.shape == (22,) and gradient.check is not None and gradient.check.passed


CASES = [
    # given, define, what the sizes are; n and m are free
    ({"x": "vector(?)", "k": "vector(3)", "y": "vector(30)"},
     {"e": "conv1d(x, k) - y"}, {"x": "32×1"}),
    ({"x": "vector(?)", "k": "vector(3)"}, {"e": "conv1d(x, k)"}, {"x": "n×1", "e": "(n - 2)×1"}),
    ({"x": "vector(?)", "k": "vector(3)"}, {"e": "conv1d(x, k, stride=3)"}, {"e": "⌊n/3⌋×1"}),
    ({"x": "vector(?)", "k": "vector(3)"}, {"e": 'conv1d(x, k, stride=2, padding="same")'},
     {"e": "(⌊(n - 1)/2⌋ + 1)×1"}),
    ({"x": "tensor(2, 9, 9)", "K": "tensor(5, ?, ?, ?)", "y": "tensor(5, 7, 4)"},
     {"e": "conv2d(x, K, stride=[1, 2]) - y"}, {"K": "5×2×3×n"}),
    ({"x": "tensor(4, 9, 9)", "K": "tensor(8, ?, 3, 3)"}, {"e": "conv2d(x, K, groups=2)"},
     {"K": "8×2×3×3"}),
    ({"x": "tensor(?, 9, 9)", "K": "tensor(?, 3, 3, 3)", "b": "vector(6)"},
     {"e": "conv2d(x, K, b, groups=2)"}, {"x": "6×9×9", "K": "6×3×3×3"}),
    ({"x": "tensor(?, 9, 9)", "K": "tensor(6, ?, 3, 3)"}, {"e": "conv2d(x, K, groups=2)"},
     {"x": "2*n×9×9", "K": "6×n×3×3"}),
    ({"x": "tensor(2, ?, 8)", "K": "tensor(2, 3, 4, 4)", "u": "tensor(3, 14, 16)"},
     {"e": "conv_transpose2d(x, K, stride=2, padding=1) - u"}, {"x": "2×7×8"}),
    ({"x": "tensor(?, ?, 8)", "K": "tensor(2, ?, 4, 4)", "b": "vector(3)"},
     {"e": "conv_transpose2d(x, K, b, stride=2, padding=1)"},
     {"x": "2×n×8", "K": "2×3×4×4", "e": "3×2*n×16"}),
    ({"x": "tensor(2, ?, 8)", "W": "matrix(5, ?)"}, {"e": "W @ flatten(adaptive_avg_pool2d(x, 3))"},
     {"x": "2×n×8", "W": "5×18"}),
    ({"x": "tensor(?, 7, 8)", "U": "matrix(8, ?)"}, {"e": "unfold(x, 2, stride=2) + U"},
     {"x": "2×7×8", "U": "8×12"}),
    ({"x": "matrix(?, 12)"}, {"e": "fold(x, output_size=[4, 5], kernel_size=2)"},
     {"x": "4*n×12", "e": "n×4×5"}),
    ({"x": "matrix(?, 9)", "k": "matrix(3, 3)", "y": "matrix(5, 5)"},
     {"p": 'pad(x, [[2, 2], [1, 1]], mode="reflect")', "e": "conv2d(p, k, stride=2) - y"},
     {"x": "n×9", "p": "(n + 4)×11", "e": "5×5"}),
    ({"x": "tensor(?, ?, 4)", "y": "vector(12)"}, {"e": "flatten(avg_pool2d(x, 2)) + y"},
     {"y": "12×1"}),
    ({"x": "matrix(h, w)", "k": "matrix(3, 3)"}, {"e": "max_pool2d(conv2d(x, k), 2)"},
     {"e": "(⌊h/2⌋ - 1)×(⌊w/2⌋ - 1)"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "define", "sizes"), CASES)
def test_sizes(given: dict[str, str], define: dict[str, str], sizes: dict[str, str]) -> None:
    found = graph(problem(given, define))
    assert {name: found[name].dims for name in sizes} == sizes
    solution = tutor.loads(problem(given, define)).solve()
    assert solution.tasks[0].check is not None and solution.tasks[0].check.passed


def problem(given: dict[str, str], define: dict[str, str], tasks: str = "[shapes]") -> str:
    rows = ["given:", *(f'  {n}: "{s}"' for n, s in given.items())]
    return "\n".join([*rows, "define:", *(f"  {n}: '{s}'" for n, s in define.items()),
                      f"tasks: {tasks}", ""])  # fmt: skip


@pytest.mark.parametrize(("given", "define", "sizes"), CASES)
def test_no_entry_is_computed_over_an_open_size(
    given: dict[str, str], define: dict[str, str], sizes: dict[str, str]
) -> None:
    """A task that works with entries has numbers, or is refused in words."""
    text = problem(given, define, "[shapes, forward]")
    try:
        found = graph(text)
    except InputError as error:
        assert "infer" in error.message or "symbolic" in error.message or "letters" in error.message
        return
    calls = [n for line in found.lines.values() if line.val for n in topological([line.val.node])]
    assert not any("over open sizes" in str(n.attr) for n in calls)
    sizes_ = [d for x in found.lines.values() for d in x.shape if not isinstance(d, int)]
    assert not any(d.has(sp.floor) for d in sizes_)


def test_two_sizes_that_go_together() -> None:
    text = problem(
        {"x": "tensor(2, ?, ?)", "K": "tensor(4, 2, 3, 3)", "W": "matrix(5, 36)"},
        {"y": "W @ flatten(conv2d(x, K, stride=2))"},
    )
    found = graph(text)
    n, m = found["x"].shape[1:]
    (fit,) = found.fits
    at = [fit.sizes.index(d) for d in (n, m)]
    pairs = {tuple(s[k] for k in at) for s in fit.solutions or ()}
    sizes = range(1, MOST)
    brute = {(a, b) for a in sizes for b in sizes
             if a > 2 and b > 2 and 4 * ((a - 3) // 2 + 1) * ((b - 3) // 2 + 1) == 36}  # fmt: skip
    assert pairs == brute
    assert "So `n` is 3, 4, 7, 8, 19 or 20, but not every one goes with every `m`." in told(
        text, "x"
    )


def test_groups_that_do_not_divide_are_refused_while_other_sizes_are_open() -> None:
    given = {"x": "tensor(5, ?, 9)", "K": "tensor(8, ?, 3, 3)"}
    with pytest.raises(ShapeError, match="2 groups do not divide the 5 input channels"):
        graph(problem(given, {"e": "conv2d(x, K, groups=2)"}))


def test_a_window_that_is_too_large_for_all_that_fit() -> None:
    text = IMAGE.replace("define:", "  q: matrix(40, 3)\ndefine:").replace(
        "tasks:", "  r: max_pool2d(x, [40, 3])\ntasks:"
    )
    with pytest.raises(ShapeError, match="no window of 40 fits") as caught:
        graph(text)
    notes = " ".join([*caught.value.notes, caught.value.hint or ""])
    assert "so `x` has 27, 28, 29 or 30 entries along axis 1" in notes


def test_a_question_mark_in_a_network_points_to_the_task_that_answers_it() -> None:
    text = 'network:\n  input: [3, "?", 33]\n  layers: [ReLU]\ntasks: [parameters]\n'
    with pytest.raises(InputError) as caught:
        tutor.loads(text)
    assert "solve_shape: {unknown: n" in (caught.value.hint or "")


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_with_entries_of_an_open_axis_asks_for_them(mode: str) -> None:
    found = graph(problem({"x": "vector(?)"}, {"p": f'pad(x, 3, mode="{mode}")'}))
    (fit,) = found.fits
    (first, last), least = fit.bounds[0], {"reflect": 4, "replicate": 1, "circular": 3}[mode]
    assert (first, last) == (least, None) and found["p"].dims == "(n + 6)×1"


def test_no_gradient_goes_through_a_window_over_an_open_size() -> None:
    text = IMAGE.replace("tasks:", "  L: sum(y)\ntasks:")
    ws = Workspace(tutor.loads(text).problem, graph(text))
    with pytest.raises(InputError, match="a derivative through `max_pool2d` needs a number"):
        diagram(ws, values=False, backward=True)


# -- sizes erased anywhere ------------------------------------------------------------------------


def erased(seed: int) -> str:
    """forced | open: what became of a chain with a third of its sizes erased.

    What is forced is the original; with the original's numbers for the letters all sizes are.
    """
    chain = Chain(seed)
    n = next(k for k in range(9, MOST) if chain.outputs(k))
    entries = _entries(chain.outputs(n))
    text = chain.text(f"y: W @ flatten({chain.last})", f"W: matrix(2, {entries})")
    whole = graph(text.replace("?", str(n), 1))
    rng = random.Random(seed)
    rows = []
    for line in text.replace("?", str(n), 1).splitlines():
        head, bracket, sizes = line.partition("(")
        if line.startswith("  ") and bracket and not head.strip().startswith(("h", "y")):
            kept = [s if rng.random() < 0.7 else "?" for s in sizes.rstrip(")").split(", ")]
            line = f"{head}({', '.join(kept)})"
        rows.append(line)
    found = graph("\n".join([*rows, ""]))
    put: dict[sp.Basic, int] = {}
    for name, line in found.lines.items():
        for d, size in zip(line.shape, whole[name].shape, strict=True):
            if isinstance(d, sp.Symbol):
                put[d] = int(size)
    for name, line in found.lines.items():
        for d, size in zip(line.shape, whole[name].shape, strict=True):
            value = d if isinstance(d, int) else int(d.subs(put))
            assert value == size, (seed, rows, name, d, size)
    for fit in found.fits:  # the original is among what fits
        if fit.solutions is not None and set(fit.sizes) <= put.keys():
            assert tuple(put[u] for u in fit.sizes) in fit.solutions, (seed, rows)
        for u, (first, last) in zip(fit.sizes, fit.bounds, strict=True):
            if u in put:
                assert first <= put[u] and (last is None or put[u] <= last), (seed, rows)
    return "open" if put else "forced"


def test_erased_sizes_come_back_where_they_are_forced() -> None:
    seen = Counter(erased(seed) for seed in range(CHAINS))
    assert min(seen["forced"], seen["open"]) > CHAINS // 10, seen


@pytest.mark.parametrize(
    ("h", "entry", "least"),
    [("max_pool1d(x, 2)", "h[5]", 12), ("max_pool1d(x, 2)", "h[-3]", 6), ("2*x", "h[4]", 5)],
)
def test_an_entry_that_is_picked_needs_to_be_there(
    h: str, entry: str, least: int, tmp_path: Path
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        f"given: {{x: 'vector(?)'}}\ndefine: {{h: '{h}', z: '{entry}'}}\ntasks: [shapes]\n"
    )
    solution = tutor.load(file).solve().solution
    assert not solution.failed
    said = " ".join(terminal(solution).split())
    assert f"from {least} on will do for n." in said
