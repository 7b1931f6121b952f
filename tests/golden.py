"""Golden files: six typical solutions in every text format, to be read by a person.

`python -m tests.golden` renews them; look at the difference before you commit it. The terminal
shows all details, the others the normal level; HTML is kept without the picture of the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tutor
from tutor.render.html import Page
from tutor.render.json import json
from tutor.render.latex import Document
from tutor.render.markdown import markdown
from tutor.render.terminal import terminal
from tutor.steps import Solution

HERE = Path(__file__).parent
FOLDER = HERE / "golden"
PROBLEMS = (
    "seeds/sine_neuron",  # scalar output, exact numbers, an update
    "seeds/pooling",  # arrays, pictures of windows
    "seeds/dimensions",  # sizes only, tables
    "matrix_calculus/quadratic_form",  # symbols only, a Hessian
    "matrix_calculus/second_order_cosine",  # Taylor
    "networks/softmax_cross_entropy",  # a classifier, rounded numbers
)


def _html(solution: Solution) -> str:
    """The body alone: the style sheet is a file of its own."""
    page = Page(solution, 1)
    page.head(False)
    for task in solution.tasks:
        page.task(task)
    page.notes()
    return "\n".join(row for row in page.out if "<svg" not in row) + "\n"


FORMATS: dict[str, Callable[[Solution], str]] = {
    "txt": lambda s: terminal(s, level=2),
    "md": markdown,
    "tex": lambda s: "\n".join(Document(s, 1, None).body()) + "\n",
    "html": _html,
    "json": json,
}


def rendered(problem: str) -> dict[Path, str]:
    """The golden files of one problem and what they should hold."""
    path = HERE.parent / "problems" / f"{problem}.yaml"
    solution = tutor.load(path).solve(checking=False).solution
    stem = problem.split("/")[-1]
    return {FOLDER / f"{stem}.{ext}": make(solution) for ext, make in FORMATS.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for problem in PROBLEMS:
        for path, text in rendered(problem).items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                print("renewed", path.relative_to(HERE))


if __name__ == "__main__":
    main()
