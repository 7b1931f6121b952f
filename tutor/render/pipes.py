"""Markdown's pipe tables: read from the rows of a statement, and set for each target.

The text of a cell is of no concern here: `show` sets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from . import paper

_T = TypeVar("_T")
_S = TypeVar("_S")
_RULE = re.compile(r"\s*:?-+:?\s*")
# a cell ends at a | that is neither escaped nor inside of code or mathematics
_PIECE = re.compile(r"\\.|`[^`]*`|\$(?:\\.|[^$\\])+\$|[^|]", re.DOTALL)
_BARE = re.compile(r"(?<!\\)\|")
ALIGNED = ("left", "centre", "right")


@dataclass(frozen=True)
class Pipes(Generic[_T]):
    """A table: how its columns are aligned (see ALIGNED), and its rows, the head first."""

    aligned: tuple[str, ...]
    rows: tuple[tuple[_T, ...], ...]

    def each(self, new: Callable[[_T], _S]) -> Pipes[_S]:
        """The same table with other cells."""
        return Pipes(self.aligned, tuple(tuple(map(new, row)) for row in self.rows))


def leading(rows: Sequence[str]) -> tuple[Pipes[str] | None, int]:
    """The table with which the rows begin, and how many of them it takes; else None and 0."""
    if len(rows) < 2 or "|" not in rows[0]:
        return None, 0
    head, rules = cells(rows[0]), cells(rows[1])
    if len(head) != len(rules) or not all(_RULE.fullmatch(r) for r in rules):
        return None, 0
    if "|" not in rows[1]:
        return None, 0
    body = []
    for row in rows[2:]:
        if "|" not in row:
            break
        found = cells(row)[: len(head)]
        body.append((*found, *[""] * (len(head) - len(found))))
    aligned = tuple(map(_alignment, rules))
    return Pipes(aligned, (tuple(head), *body)), 2 + len(body)


def _alignment(rule: str) -> str:
    rule = rule.strip()
    if not rule.endswith(":"):
        return "left"
    return "centre" if rule.startswith(":") else "right"


def cells(row: str) -> list[str]:
    """The cells of one row; the pipes at its ends may be missing."""
    row = row.strip()
    row = row.removeprefix("|")
    found, at = [""], 0
    while at < len(row):
        piece = _PIECE.match(row, at)
        if piece is None:
            found.append("")
            at += 1
            continue
        found[-1] += "|" if piece[0] == r"\|" else piece[0]
        at = piece.end()
    if len(found) > 1 and not found[-1].strip():  # behind the last pipe
        found.pop()
    return [cell.strip() for cell in found]


# -- one table, for each target -------------------------------------------------------------------


def to_rows(table: Pipes[str], columns: int) -> list[str]:
    """For the terminal: aligned, with a rule below the head, no wider than `columns`."""
    head, *body = table.rows
    return paper.ruled(head, body, columns, table.aligned)


def to_html(table: Pipes[str]) -> list[str]:
    """Sideways scrolled where it is too wide."""
    ends = {"left": "", "centre": ' class="centre"', "right": ' class="right"'}
    marks = [ends[a] for a in table.aligned]
    head, *body = table.rows
    titles = (f'<th scope="col"{m}>{c}</th>' for c, m in zip(head, marks, strict=True))
    out = ['<div class="table" tabindex="0">', "<table>", f"<thead><tr>{''.join(titles)}</tr>"]
    out.append("</thead><tbody>")
    for row in body:
        found = (f"<td{m}>{c}</td>" for c, m in zip(row, marks, strict=True))
        out.append(f"<tr>{''.join(found)}</tr>")
    return [*out, "</tbody></table></div>"]


def to_latex(table: Pipes[str]) -> str:
    """A tabular that is shrunk where it is wider than the page."""
    spec = "".join(a[0] for a in table.aligned)
    head, *body = table.rows
    rows = [" & ".join(rf"\textbf{{{c}}}" if c else "" for c in head)]
    rows[0] += r" \\ \hline\noalign{\vskip 2pt}"
    rows.append(r" \\ ".join(" & ".join(row) for row in body))
    tabular = rf"\begin{{tabular}}{{@{{}}{spec}@{{}}}} {' '.join(rows)} \end{{tabular}}"
    return rf"\smallskip\fit{{\linewidth}}{{{tabular}}}\par\smallskip"


def to_typst(table: Pipes[str]) -> str:
    align = ", ".join({"centre": "center"}.get(a, a) for a in table.aligned)
    head, *body = table.rows
    titles = ", ".join(f"[#strong[{c}]]" for c in head)
    rows = "".join(",\n  " + ", ".join(f"[{c}]" for c in row) for row in body)
    return (
        f"#fit(table(columns: {len(head)}, align: ({align},), "
        "stroke: (x, y) => (bottom: 0.4pt + luma(70%)), inset: (x: 4pt, y: 5pt),\n"
        f"  table.header({titles}){rows}))"
    )


def to_markdown(table: Pipes[str]) -> list[str]:
    """A pipe of the text or its mathematics would end the cell."""
    rules = {"left": "---", "centre": ":---:", "right": "---:"}
    head, *body = table.each(lambda cell: _BARE.sub(r"\|", cell)).rows
    rows = [head, tuple(rules[a] for a in table.aligned), *body]
    return [f"| {' | '.join(row)} |" for row in rows]
