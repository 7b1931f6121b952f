"""What was compared with what, operation by operation: `python -m tests.compared` prints the table.

The counts are those of the tests' own tables, so that the page cannot promise what no test does;
`python -m tests.compared --write` renews docs/compared.md. Needs PyTorch, as the tests do.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "compared.md"
BEGIN, END = "<!-- written by python -m tests.compared --write -->", "<!-- end -->"
COLUMNS = ("SymPy", "PyTorch", "kinks", "differences", "forward mode", "exact")


def counts() -> dict[str, tuple[int | str, ...]]:
    """For each operation: comparisons per column of the table; "too long" has no exact values."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))  # the tests import one another by their bare names
    import test_forward_mode
    import test_gradients_sympy as by_sympy
    import test_gradients_torch as by_torch
    import test_gradients_torch_layers as layers
    import test_gradients_torch_linalg as linalg
    import test_operations as samples

    from tutor.ops import EVERY

    assert test_forward_mode.CASES is samples.CASES
    sympy_ = Counter(c.values[0] for c in by_sympy.cases())
    torch_ = Counter(c[0] for m in (by_torch, linalg, layers) for c in m.CASES)
    kinks = Counter(c[0] for c in by_torch.KINKS)
    numeric = Counter(c.values[0].name for c in samples.CASES)
    exact = Counter(op.name for op, _ in samples.SMALL)
    return {
        op.name: (
            sympy_[op.name],
            torch_[op.name],
            kinks[op.name],
            numeric[op.name],
            numeric[op.name],
            "too long" if op.name in samples.LONG else exact[op.name],
        )
        for op in EVERY
    }


def optimisers() -> dict[str, int]:
    """For each optimiser: first steps compared with torch.optim."""
    import test_optimisers

    return dict(Counter(row[0] for row in test_optimisers.ROWS))


def table() -> str:
    found = counts()
    head = f"| operation | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}\n"
    rows = [
        f"| `{name}` | {' | '.join(str(n) if n else '–' for n in row)} |\n"
        for name, row in found.items()
    ]
    sums = [
        sum(n for n in column if isinstance(n, int)) for column in zip(*found.values(), strict=True)
    ]
    total = f"| **{len(found)} operations** | {' | '.join(f'**{n}**' for n in sums)} |\n"
    steps = "".join(f"| `{name}` | {n} |\n" for name, n in optimisers().items())
    return (
        head + "".join(rows) + total + "\n"
        "| optimiser | runs of 1 and 3 steps compared with `torch.optim` |\n| --- | --- |\n" + steps
    )


def page(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, "the page has lost the marks of its table"
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")
