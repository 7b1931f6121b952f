"""A solution as a Jupyter notebook: one Markdown cell for the head, one per task, no code."""

from __future__ import annotations

import json as _json
from typing import Any

from ..expr import Expr
from ..notation.latex import latex as formula
from ..steps import Solution
from . import escape
from .markdown import Page
from .wording import in_its_language


@in_its_language
def notebook(solution: Solution, *, level: int = 1) -> str:
    """The notebook as JSON text (nbformat 4.5)."""
    page = _Cells(solution, level)
    page.head(None)
    cells = [page.cell_text()]
    for task in solution.tasks:
        page.task(task)
        cells.append(page.cell_text())
    page.notes()
    if page.out:
        cells.append(page.cell_text())
    data = {
        "cells": [_markdown(k, text) for k, text in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return escape.json_text(_json.dumps(data, ensure_ascii=False, indent=1)) + "\n"


def _markdown(k: int, text: str) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "id": f"cell-{k}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }


class _Cells(Page):
    """Jupyter's Markdown: MathJax between dollars, no fences."""

    def math(self, e: Expr) -> str:
        return escape.markdown_math(formula(e, self.names))

    def display(self, body: str, indent: str = "") -> None:
        self.put(f"{indent}$$", indent + body, f"{indent}$$")

    def cell_text(self) -> str:
        text = "\n".join(self.out).strip("\n")
        self.out.clear()
        return text
