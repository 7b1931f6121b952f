"""Sizes left open with `?` under windows: what fits is what PyTorch accepts, number by number."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

import tutor
from tutor.errors import InputError
from tutor.graph.dims import dim
from tutor.graph.sliding import Window
from tutor.problem.elaborate import elaborate
from tutor.problem.lines import Graph

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
