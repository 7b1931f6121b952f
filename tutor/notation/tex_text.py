"""Words as literal text for LaTeX: every character prints as itself and does nothing."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from .names import GREEK, SUBSCRIPTS, SUPERSCRIPTS

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\texttt{\char34}",
    "`": r"\textasciigrave{}", "'": "'", "-": "-{}", "\u2013": "--", "\u2014": "---",
    "\u2018": "`", "\u2019": "'", "\u201c": "``", "\u201d": "''", "\u201e": ",,",
    "\u2026": r"\ldots{}", "\u00a0": "~", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}",
    "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}",
    "ı": r"\i{}", "§": r"\S{}", "¶": r"\P{}", "©": r"\copyright{}", "£": r"\pounds{}",
    "\t": " ", "\n": " ", "\r": " ", "¡": "!`", "¿": "?`",
}  # fmt: skip
_MATH = {c: latex for c, latex in GREEK.values()} | {
    "×": r"\times", "·": r"\cdot", "−": "-", "±": r"\pm", "≤": r"\le", "≥": r"\ge", "≠": r"\ne",
    "≈": r"\approx", "∂": r"\partial", "∇": r"\nabla", "√": r"\surd", "∞": r"\infty",
    "∈": r"\in", "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "⊙": r"\odot",
    "⊗": r"\otimes", "⋆": r"\star", "∘": r"\circ", "ᵀ": r"{}^{\top}", "‖": r"\Vert",
    "⟨": r"\langle", "⟩": r"\rangle", "∑": r"\sum", "∫": r"\int", "°": r"{}^{\circ}",
    "∗": r"\ast", "⋯": r"\cdots", "⋮": r"\vdots", "µ": r"\mu", "ℓ": r"\ell", "ϵ": r"\epsilon",
    "½": r"\tfrac12", "¼": r"\tfrac14", "¾": r"\tfrac34", "ℝ": r"\mathbf{R}", "⌈": r"\lceil",
    "⌉": r"\rceil", "⌊": r"\lfloor", "⌋": r"\rfloor", "•": r"\bullet",
    **{small: f"{{}}^{{{c}}}" for c, small in SUPERSCRIPTS.items() if c != "−"},
    **{small: f"{{}}_{{{c}}}" for c, small in SUBSCRIPTS.items() if c.isascii() and c != "-"},
}  # fmt: skip
_MARKS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=",
    "\u0306": r"\u", "\u0307": r"\.", "\u0308": r"\"", "\u030a": r"\r", "\u030b": r"\H",
    "\u030c": r"\v", "\u0323": r"\d", "\u0327": r"\c", "\u0331": r"\b",
}  # fmt: skip


def tex_text(text: str) -> str:
    """`text` in ASCII LaTeX for text mode, in any font encoding.

    Characters that plain pdflatex cannot set (Chinese, emoji, control characters) are named by
    their code, `U+4E2D`, rather than dropped.
    """
    return "".join(_character(c) for c in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=1024)
def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if " " <= c <= "~":
        return c
    if c in _MATH:
        return rf"\ensuremath{{{_MATH[c]}}}"
    base, *marks = unicodedata.normalize("NFD", c)
    if len(marks) == 1 and marks[0] in _MARKS and base.isascii() and base.isalpha():
        base = {"i": r"\i", "j": r"\j"}.get(base, base)
        return f"{_MARKS[marks[0]]}{{{base}}}"
    return rf"\texttt{{U+{ord(c):04X}}}"
