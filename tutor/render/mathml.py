"""Formulas as MathML, in pieces between which a browser may break the line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..errors import ToolError
from ..expr import Expr
from ..notation.text import text
from ..steps import Variable
from . import breaking, escape, signs
from .signs import LATEX

LONGEST = 6_000  # characters of LaTeX that are typeset; beyond, the formula is shown as typed
_LEVEL = '<mtable displaystyle="false" scriptlevel="0"'
_TABLE = '<mtable displaystyle="false"'
NARROW = 26  # characters of a formula that fit on a telephone, by its Unicode width


class MathML:
    """LaTeX of ours into MathML."""

    def __init__(self) -> None:
        try:
            from math_core import LatexError, LatexToMathML
        except ImportError as e:
            raise ToolError(
                "cannot write HTML: the package math-core is not installed",
                hint="`pip install math-core`; `--format markdown` and `latex` do without it",
            ) from e
        self.error = LatexError
        self.converter = LatexToMathML(fancy_error=False)

    def __call__(self, tex: str, display: bool) -> str | None:
        """None where the formula is too long or cannot be set."""
        if len(tex) > LONGEST:
            return None
        try:
            found = self.converter.convert_with_local_state(tex, displaystyle=display)
        except self.error:
            return None
        # MathML Core has the attribute everywhere, HTML's validator on mstyle alone
        return found.replace(_LEVEL, _TABLE)

    def lines(self, members: Sequence[Expr], names: Mapping[str, Variable]) -> str:
        """e0 = e1 = … on a line of its own, broken at signs where it has to be."""
        signed = [(LATEX[sign], m) for sign, m in signs.signed(members)]
        first, *more = breaking.summands(members[0], names, NARROW)
        pieces = [(first, more)]
        for mark, e in signed:
            lead, *more = breaking.summands(e, names, NARROW)
            pieces.append((f"{mark} {lead}", more))
        if signed and not pieces[0][1]:  # the left side stays with the first sign
            (left, _), (lead, more), *others = pieces
            pieces = [(f"{left} {lead}", more), *others]
        found = [self._piece(tex) for lead, more in pieces for tex in (lead, *more)]
        if None in found:
            shown = signs.chain(members, text)
            return f'<div class="formula"><code>{escape.html(shown)}</code></div>'
        return scrolled("formula", " ".join(f for f in found if f), self._wide(members, names))

    def _piece(self, tex: str) -> str | None:
        """One formula in a row of them: a sign at its beginning stands between two terms."""
        found = self(tex, True)
        if found is None:
            return None
        found = found.replace('<math display="block">', '<math displaystyle="true">', 1)
        return re.sub(r'^(<math[^>]*>)<mo lspace="0"( rspace="0")?>', r'\1<mo form="infix">', found)

    def _wide(self, members: Sequence[Expr], names: Mapping[str, Variable]) -> bool:
        """Whether some line may not fit on a telephone and has to be scrolled."""
        sizes = [breaking.size(e, names) for e in members]
        return max(sizes) > NARROW or (len(sizes) > 1 and sizes[0] + sizes[1] > NARROW)


def scrolled(kind: str, body: str, wide: bool = True) -> str:
    """A block that is scrolled sideways when it is wide, also from the keyboard."""
    focus = ' tabindex="0"' if wide else ""
    return f'<div class="{kind}"{focus}>{body}</div>'
