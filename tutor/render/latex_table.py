r"""LaTeX tables: on one page and no wider than it, or broken by pages with the head on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

CELL = 48  # a cell longer than this is a small paragraph
LINES = 40  # of a table before it is continued
_LINE, _LETTER, _GAP = 16.5, 0.19, 0.42  # cm: a line of text, a small letter, between columns
_CANDIDATES = 4  # for the widest cell of a column, which only TeX can tell
_END = r" \\ "
_RULE = r" \\ \hline\noalign{\vskip 2pt} "

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row], right: frozenset[int]) -> Iterator[str]:
    """The table, in parts that fit on a page, each shrunk only when it must be."""
    spec = _spec(head, right)
    for part in _parts(rows):
        body = _line(head) + _RULE + _END.join(map(_line, part))
        yield (
            rf"\smallskip\fit{{\linewidth}}{{\small\begin{{tabular}}{{@{{}}{spec}@{{}}}} "
            rf"{body} \end{{tabular}}}}\par\smallskip"
        )


def broken(head: Row, rows: Sequence[Row], plain: Sequence[Row], right: frozenset[int]) -> str:
    """The table, to be broken by pages; plain: the cells of head and rows as they look."""
    whole = zip(zip(head, *rows, strict=True), zip(*plain, strict=True), strict=True)
    widths = [rf"\widest{{{_END.join(_longest(column, looks))}}}" for column, looks in whole]

    def held(row: Row) -> str:  # a row that is as wide as the whole table
        pairs = zip(row, widths, strict=True)
        return _line(
            [
                rf"{w}\llap{{{cell}}}" if k in right else rf"\rlap{{{cell}}}{w}"
                for k, (cell, w) in enumerate(pairs)
            ]
        )

    body = _END.join([held(rows[0]), *map(_line, rows[1:])])
    return (
        rf"{{\small\begin{{longtable}}[l]{{@{{}}{_spec(head, right)}@{{}}}} "
        rf"{held(head)}{_RULE}\endhead {body} \end{{longtable}}}}"
    )


def breaks(plain: Sequence[Row]) -> bool:
    """Whether a table of these cells is long, and so narrow that it need not be shrunk."""
    columns = [max(map(len, column)) for column in zip(*plain, strict=True)]
    wide = _LETTER * sum(columns) + _GAP * len(columns)
    return len(plain) > LINES + 1 and max(columns) <= CELL and wide <= _LINE


def _line(row: Row) -> str:
    return " & ".join(row)


def _spec(head: Row, right: frozenset[int]) -> str:
    return "".join("r" if i in right else "l" for i in range(len(head)))


def _longest(column: Row, looks: Row) -> list[str]:
    sizes = {cell: len(look) for cell, look in zip(column, looks, strict=True)}
    return sorted(sizes, key=lambda cell: -sizes[cell])[:_CANDIDATES]


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    lines = 0
    for row in rows:
        tall = max(len(c) // CELL + c.count(r"\\") for c in row) + 1
        if part and lines + tall > LINES:
            yield part
            part, lines = [], 0
        part.append(row)
        lines += tall
    yield part
