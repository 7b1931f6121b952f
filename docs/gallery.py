"""Pages that follow from the code: the operation table and the solved problems."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import reference

import tutor
from tutor.catalogue import entries
from tutor.render import escape, figure
from tutor.render.markdown import markdown
from tutor.render.picture import to_svg
from tutor.render.write import write_atomic
from tutor.steps import Solution

ROOT = Path(__file__).parents[1]
SECTIONS = {
    "seeds": "Exercises from slides and sheets",
    "matrix_calculus": "Matrix calculus",
    "optimisers": "Optimisers and training",
    "networks": "Networks",
    "cs231n": "From CS231n",
    "d2l": "From Dive into Deep Learning",
    "classics": "Classics",
}


def write(folder: Path) -> None:
    """Everything into `folder`; a file that is the same already keeps its date."""
    pages = {
        "operations.md": operations(),
        "contributing.md": contributing(),
        "keys.md": reference.page(),
    }
    found: list[tuple[str, str, Solution]] = []
    for path in sorted((ROOT / "problems").rglob("*.yaml")):
        solution = tutor.load(path).solve(checking=False).solution
        section = path.parent.relative_to(ROOT / "problems").parts
        name = "-".join((*section, path.stem))
        found.append((section[0] if section else "", name, solution))
        graph = drawing(solution)
        if graph is not None:
            pages[f"{name}.svg"] = graph
        pages[f"{name}.md"] = solved(solution, path, f"{name}.svg" if graph else None)
    pages["gallery.md"] = gallery(found)
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.suffix in (".md", ".svg") and old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        target = folder / name
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            write_atomic(target, text.encode("utf-8"))


def contributing() -> str:
    """CONTRIBUTING.md with its links as they are from here; what is no page is only named."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = text.replace("](docs/", "](../")
    return re.sub(r"\[([^\]]+)\]\([A-Z]+\.md\)", r"\1", text)


def operations() -> str:
    """The operation table."""
    rows = [
        f"| {_code(e.name)} | {_code(e.signature)} | {escape.markdown(e.law)} |" for e in entries()
    ]
    return (
        "# Operations\n\n"
        "Every operation that a problem may use, with its axes and its rule. "
        "`tutor ops NAME` says all about one of them.\n\n"
        "| operation | axes | rule |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def drawing(solution: Solution) -> str | None:
    """The first graph that the solution draws, as SVG."""
    for diagram in figure.drawn(solution).values():
        return to_svg(figure.source(diagram, solution.variables))
    return None


def solved(solution: Solution, path: Path, picture: str | None = None) -> str:
    """The worked solution, with a picture of its graph, and the file that it came from."""
    text = markdown(solution, picture=picture)
    text = re.sub(r"^( *)```math$", r"\1```{math}", text, flags=re.MULTILINE)
    source = path.read_text(encoding="utf-8")
    return f"{text}\n## The problem file\n\n````yaml\n{source}````\n"


def gallery(found: list[tuple[str, str, Solution]]) -> str:
    """Links to the solved problems, folder by folder."""
    rows = [
        "# Solved problems",
        "",
        "Every problem of the package, as `tutor` solves it today.",
        "",
    ]
    for section, group in groupby(found, key=lambda f: f[0]):
        heading = SECTIONS.get(section, section.replace("_", " ").capitalize() or "More")
        rows += [f"## {heading}", "", "```{toctree}", ":maxdepth: 1", ""]
        rows += [name for _, name, _ in group]
        rows += ["```", ""]
    return "\n".join(rows)
