"""`python -m benchmarks`: run every benchmark, print the table, write nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .harness import ONE_THREAD, ROUNDS, Measured, Row, processes

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


def tables() -> Row:
    from . import derive

    times = sorted(derive.every())
    return Row(
        f"all {len(times)} rows of the tests' tables, solved up to the closed form, median",
        Measured(times[len(times) // 2]),
        "",
        None,
        "≤ 10 ms",
        f"nine of ten rows take less than {times[len(times) * 9 // 10] * 1000:.1f} ms, "
        f"the longest {times[-1] * 1000:.0f} ms",
    )


def engine() -> list[Row]:
    from . import engine as nodes

    return [nodes.scalars(), nodes.chain(), *nodes.hard()]


def hessians() -> list[Row]:
    from . import hessians as compiled

    return compiled.rows()


def checking() -> list[Row]:
    from . import checking as check

    return [check.row()]


def convolutions() -> list[Row]:
    from . import convolutions as layers

    return [*layers.rows(), layers.training()]


def networks() -> list[Row]:
    from . import networks as tables

    return tables.rows(installed_command())


BENCHMARKS: dict[str, Callable[[], list[Row]]] = {
    "solve": lambda: [solve()],
    "help": lambda: [help_()],
    "derivation": lambda: [derivation(), tables()],
    "engine": engine,
    "hessians": hessians,
    "checking": checking,
    "convolutions": convolutions,
    "networks": networks,
}


def amount(m: Measured | None) -> str:
    if m is None:
        return "not installed"
    memory = "" if m.mebibytes is None else f", {m.mebibytes:.0f} MiB"
    if m.seconds < 0.001:
        return f"{m.seconds * 1e6:.0f} µs{memory}"
    return f"{m.seconds * 1000:.1f} ms{memory}" if m.seconds < 0.1 else f"{m.seconds:.2f} s{memory}"


def line(row: Row) -> str:
    ratio = "–" if row.ratio is None else shown(row.ratio)
    peer = f"{row.peer_name} {amount(row.peer)}" if row.peer_name else "–"
    return f"| {row.what} | {amount(row.ours)} | {peer} | {ratio} | {row.bar} |"


def shown(ratio: float) -> str:
    return f"1/{1 / ratio:.0f}" if ratio < 0.05 else f"{ratio:.2f}"


def main() -> None:
    """All benchmarks, or those named: python -m benchmarks [engine hessians …]."""
    os.environ.update(ONE_THREAD)  # read when NumPy is imported, which is later
    unknown = [n for n in sys.argv[1:] if n not in BENCHMARKS]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(f"Medians of {ROUNDS} interleaved rounds (7 where a row is long); BLAS on one thread.\n")
    print("| what | ours | peer | ratio | bar |\n| --- | --- | --- | --- | --- |")
    notes = []
    for name in sys.argv[1:] or BENCHMARKS:
        for row in BENCHMARKS[name]():
            print(line(row), flush=True)
            notes += [f"{row.what}: {row.note}."] if row.note else []
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
