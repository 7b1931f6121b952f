"""Parameter tables of networks as whole processes, beside torchinfo's, and a very deep one."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .harness import Row, processes

ROUNDS = 7
HERE = Path(__file__).parent
PROBLEMS = HERE.parent / "problems" / "networks"
PUBLISHED = {"resnet50": 25_557_032, "vgg16": 138_357_544}
BLOCKS = 334  # of a convolution, a normalisation and a ReLU: 1,002 layers


def rows(command: Sequence[str]) -> list[Row]:
    """command: how `tutor` is started."""
    return [*(table(name, command) for name in PUBLISHED), deep(command)]


def table(name: str, command: Sequence[str]) -> Row:
    commands = {"ours": [*command, "solve", str(PROBLEMS / f"{name}.yaml")]}
    if all(importlib.util.find_spec(m) for m in ("torch", "torchinfo")):
        peer = [sys.executable, str(HERE / "peer_torchinfo.py"), name, str(PUBLISHED[name])]
        commands["peer"] = peer
    found = processes(commands, ROUNDS)
    return Row(
        f"`tutor solve` of {name}, whole process", found["ours"], "torchinfo", found.get("peer"),
        "≤ 1/5, ≤ 90 MiB",
    )  # fmt: skip


def deep_text() -> str:
    """Every layer written out, not folded into a repeat; a wrong count fails the process."""
    block = (
        "    - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}\n"
        "    - BatchNorm2d\n    - ReLU\n"
    )
    first, later = 16 * (3 * 9 + 1) + 32, 16 * (16 * 9 + 1) + 32
    return (
        f"network:\n  input: [3, 32, 32]\n  layers:\n{block * BLOCKS}"
        f"tasks:\n  - parameters:\n    answer: {first + (BLOCKS - 1) * later}\n"
    )


def deep(command: Sequence[str]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep.yaml"
        path.write_text(deep_text(), encoding="utf-8")
        found = processes({"ours": [*command, "solve", str(path)]}, ROUNDS)
    return Row(
        f"`tutor solve` of a network of {3 * BLOCKS:,} layers, whole process",
        found["ours"], "", None, "< 2 s",
    )  # fmt: skip
