"""Measuring: interleaved rounds, medians, whole processes with their peak memory.

Everything that is compared runs in the same rounds, one after the other, so that a busy machine
slows all of it alike; a ratio of two medians then means something where a time alone does not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ROUNDS = 9
LOOP = 0.01
SETTLED = 16_000_000  # bytes; beyond 32 MB the allocator learns nothing
ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass(frozen=True)
class Measured:
    """Medians over the rounds."""

    seconds: float
    mebibytes: float | None = None  # peak resident memory of a process


@dataclass(frozen=True)
class Row:
    """One line of the table: what, ours, the peer's, and what to reach."""

    what: str
    ours: Measured
    peer_name: str
    peer: Measured | None  # None: not installed here
    bar: str
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours.seconds / self.peer.seconds if self.peer else None


def _environment() -> dict[str, str]:
    """One BLAS thread, and bytecode kept as an installation keeps it."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | ONE_THREAD


def process(command: Sequence[str]) -> tuple[float, float]:
    """Wall-clock seconds and peak MiB of one run of a command, which must succeed."""
    began = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"exit status {child.returncode}: {' '.join(command)}")
    return seconds, usage.ru_maxrss / 1024


def processes(commands: Mapping[str, Sequence[str]], rounds: int = ROUNDS) -> dict[str, Measured]:
    """Medians of whole processes; the first round warms the file cache and does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for at in range(rounds + 1):
        for name, command in commands.items():
            result = process(command)
            if at:
                taken[name].append(result)
    return {
        name: Measured(statistics.median(s for s, _ in runs), statistics.median(m for _, m in runs))
        for name, runs in taken.items()
    }


def calls(
    functions: Mapping[str, Callable[[], object]], rounds: int, before: Callable[[], object]
) -> dict[str, float]:
    """Median seconds of functions, called in turn; `before` each call, untimed, comes `before`."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, f in functions.items():
            before()
            began = time.perf_counter()
            f()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(t) for name, t in taken.items()}


def loops(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of short functions, each called in a loop of about LOOP seconds per round.

    One call alone would find its arrays in the cache or not, depending on whose turn came before.
    """
    settle()
    counts = {}
    for name, f in functions.items():
        f()
        began = time.perf_counter()
        f()
        counts[name] = max(1, round(LOOP / (time.perf_counter() - began)))
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, f in functions.items():
            f()
            began = time.perf_counter()
            for _ in range(counts[name]):
                f()
            taken[name].append((time.perf_counter() - began) / counts[name])
    return {name: statistics.median(t) for name, t in taken.items()}


def settle() -> None:
    """Free a large block, after which the allocator keeps what arrays give back.

    Before that it returns the memory of each array to the system and fetches it again for the next:
    times are then those of page faults, and depend on what ran before.
    """
    bytearray(SETTLED)
