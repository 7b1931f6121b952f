"""`python -m benchmarks`: run every benchmark, print the table, write nothing."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .harness import ROUNDS, Measured, Row, processes

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent


def installed_command() -> list[str]:
    """The `tutor` that belongs to this interpreter."""
    beside = shutil.which("tutor", path=str(Path(sys.executable).parent))
    return [beside] if beside else [sys.executable, "-c", "from tutor.cli import main; main()"]


def solve() -> Row:
    commands = {
        "ours": [*installed_command(), "solve", str(ROOT / "problems/seeds/sine_neuron.yaml")]
    }
    if importlib.util.find_spec("torch"):
        commands["peer"] = [sys.executable, str(HERE / "peer_torch.py")]
    found = processes(commands)
    return Row(
        "`tutor solve` of the sine neuron, whole process",
        found["ours"],
        "PyTorch script",
        found.get("peer"),
        "≤ 0.45, ≤ 90 MiB",
    )


def help_() -> Row:
    found = processes(
        {
            "ours": [*installed_command(), "--help"],
            "peer": [sys.executable, str(HERE / "peer_hello.py")],
        }
    )
    return Row("`tutor --help`", found["ours"], "typer + rich hello", found["peer"], "≤ 1.2")


def derivation() -> Row:
    from . import derive

    found = derive.measured()
    note = (
        f"{found.derived} of {len(derive.records())} rows derived, {found.right} of them "
        f"equal to the table's closed form; {len(found.missing)} need operations or tasks "
        "that are not there yet"
    )
    if found.crashed:
        note += f"; crashed: {', '.join(found.crashed)}"
    return Row(
        "derivation to the closed form, median over the expression table",
        Measured(found.ours),
        "SymPy, entry by entry",
        Measured(found.peer),
        "≤ 10 ms",
        note,
    )


BENCHMARKS: tuple[Callable[[], Row], ...] = (solve, help_, derivation)


def amount(m: Measured | None) -> str:
    if m is None:
        return "not installed"
    memory = "" if m.mebibytes is None else f", {m.mebibytes:.0f} MiB"
    return f"{m.seconds * 1000:.1f} ms{memory}" if m.seconds < 0.1 else f"{m.seconds:.2f} s{memory}"


def line(row: Row) -> str:
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    peer = f"{row.peer_name} {amount(row.peer)}"
    return f"| {row.what} | {amount(row.ours)} | {peer} | {ratio} | {row.bar} |"


def main() -> None:
    print(f"Medians of {ROUNDS} interleaved rounds; BLAS on one thread.\n")
    print("| what | ours | peer | ratio | bar |\n| --- | --- | --- | --- | --- |")
    notes = []
    for benchmark in BENCHMARKS:
        row = benchmark()
        print(line(row), flush=True)
        notes += [f"{row.what}: {row.note}."] if row.note else []
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
