"""The loss curves of a solution as a file."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..steps import Solution
from . import curve
from .picture import lettered, to_png
from .wording import in_its_language
from .write import write_atomic

KINDS = (".svg", ".png", ".pdf")


@in_its_language
def plot(solution: Solution, path: Path) -> None:
    """Write the curves of all trainings to one picture; the file's name says of which kind."""
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise InputError(f"--plot needs a name that ends in {', '.join(KINDS)}, not `{path}`")
    series = curve.curves(solution)
    if not series:
        raise InputError("--plot has nothing to draw: there is no `train` task here")
    if kind == ".pdf":
        with lettered():
            data = curve.to_pdf(curve.curves(solution), solution.title)
    else:
        svg = curve.to_svg(series, solution.title)
        data = to_png(svg) if kind == ".png" else svg.encode("utf-8")
    write_atomic(path, data)
