r"""A safe subset of LaTeX mathematics, for labels and statements written by authors.

`parse` reads a formula with its own grammar and writes it out again from the tree, so that nothing
but whitelisted commands, in places where they compile, can reach LaTeX. Anything else (an unknown
command, unbalanced braces, `^^5c`, `%`, a double subscript) makes the whole formula None: the
caller then shows it as literal text. The same pass gives a plain Unicode reading for the terminal.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .names import ACCENTS, GREEK, SUBSCRIPTS, SUPERSCRIPTS
from .tex_text import tex_text

DEPTH = 24
CHARACTERS = 2_000


@dataclass(frozen=True)
class Tex:
    latex: str
    plain: str


class _UnsafeError(Exception):
    pass


_SYMBOLS: dict[str, str] = {
    **{latex[1:]: char for char, latex in GREEK.values()},
    "epsilon": "ϵ", "phi": "ϕ", "vartheta": "ϑ", "varrho": "ϱ", "varsigma": "ς",
    "cdot": "·", "times": "×", "div": "÷", "pm": "±", "mp": "∓", "ast": "∗", "star": "⋆",
    "circ": "∘", "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "oplus": "⊕", "bullet": "•",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "equiv": "≡", "sim": "∼", "simeq": "≃", "propto": "∝", "ll": "≪", "gg": "≫",
    "in": "∈", "notin": "∉", "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩",
    "emptyset": "∅", "forall": "∀", "exists": "∃", "to": "→", "rightarrow": "→",
    "leftarrow": "←", "mapsto": "↦", "Rightarrow": "⇒", "Leftrightarrow": "⇔", "infty": "∞",
    "partial": "∂", "nabla": "∇", "ell": "ℓ", "sum": "Σ", "prod": "Π", "int": "∫", "top": "⊤",
    "intercal": "⊺", "dots": "…", "ldots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱",
    "langle": "⟨", "rangle": "⟩", "lVert": "‖", "rVert": "‖", "lvert": "|", "rvert": "|",
    "Vert": "‖", "vert": "|", "mid": "|", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈",
    "rceil": "⌉", "prime": "′", "dagger": "†", "perp": "⊥", "quad": "  ", "qquad": "    ",
    "thinspace": " ", "colon": ":", "lbrace": "{", "rbrace": "}", "Re": "Re", "Im": "Im",
}  # fmt: skip
_FUNCTIONS = frozenset((
    "sin", "cos", "tan", "cot", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "exp", "log",
    "ln", "max", "min", "sup", "inf", "lim", "det", "dim", "ker", "arg", "deg", "gcd", "Pr",
))  # fmt: skip
# "\," and its like; `\|` is a norm bar, `\{` and `\}` are braces, `\%` and `\_` themselves
_PUNCTUATION = {
    ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "|": "‖", "{": "{", "}": "}", "%": "%",
    "_": "_", "&": "&", "#": "#",
}  # fmt: skip
_ACCENTS = {
    **{k: v[0] for k, v in ACCENTS.items()},
    "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7", "widehat": "\u0302",
    "widetilde": "\u0303", "overline": "\u0304",
}  # fmt: skip
_FONTS = frozenset((
    "mathbf", "mathrm", "mathit", "mathcal", "mathsf", "mathtt", "mathbb", "boldsymbol",
    "operatorname",
))  # fmt: skip
_TEXT = frozenset(("text", "textbf", "textit", "textrm", "mbox"))
_AMS_FREE = {"mathbb": "mathbf", "mbox": "text", "intercal": "top"}  # amsmath alone compiles these
_MATRICES = frozenset(
    ("matrix", "bmatrix", "pmatrix", "vmatrix", "Vmatrix", "Bmatrix", "cases", "aligned")
)
_BLACKBOARD = dict(zip("RNZQCEP", "ℝℕℤℚℂ𝔼ℙ", strict=True))
_CHARACTERS = {c: latex for c, latex in GREEK.values()} | {
    "∂": r"\partial", "∇": r"\nabla", "·": r"\cdot", "×": r"\times", "≤": r"\le", "≥": r"\ge",
    "≠": r"\ne", "∈": r"\in", "→": r"\to", "∞": r"\infty", "−": "-", "′": "'", "…": r"\dots",
    "ᵀ": r"{}^{\top}", "²": "{}^{2}", "³": "{}^{3}", "⊙": r"\odot", "⊗": r"\otimes",
    "√": r"\surd", "Σ": r"\Sigma", "‖": r"\Vert", "≈": r"\approx", "±": r"\pm", "ℝ": r"\mathbf{R}",
}  # fmt: skip
_PLAIN = frozenset("+-*/=<>()[]|.,:;!?'`\"@ ")
_DELIMITERS = frozenset("()[]|./") | {
    r"\{", r"\}", r"\|", r"\langle", r"\rangle", r"\lVert", r"\rVert", r"\lvert", r"\rvert",
    r"\vert", r"\Vert", r"\lfloor", r"\rfloor", r"\lceil", r"\rceil",
}  # fmt: skip
_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL)
_STOP = frozenset(("}", "&", r"\\", r"\right", r"\end"))


def parse(source: str) -> Tex | None:
    """The formula, normalised, or None when any part of it is not in the safe subset."""
    if len(source) > CHARACTERS or "^^" in source:
        return None
    reader = _Reader([t if t not in "\t\n\r" else " " for t in _TOKEN.findall(source)])
    try:
        latex, plain = reader.items(0)
        if reader.peek() is not None:
            return None
    except _UnsafeError:
        return None
    plain = re.sub(rf"\b({'|'.join(sorted(_FUNCTIONS))}) (?=\()", r"\1", plain)
    return Tex(latex.strip(), re.sub(r" {2,}", " ", plain).strip())


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.i = 0

    def peek(self) -> str | None:
        return self.tokens[self.i] if self.i < len(self.tokens) else None

    def next(self) -> str:
        token = self.peek()
        if token is None:
            raise _UnsafeError
        self.i += 1
        return token

    def spaces(self) -> None:
        while self.peek() == " ":
            self.i += 1

    def items(self, depth: int, stop: frozenset[str] = _STOP) -> tuple[str, str]:
        if depth > DEPTH:
            raise _UnsafeError
        latex: list[str] = []
        plain: list[str] = []
        scripts: set[str] = set()
        while (token := self.peek()) is not None and token not in stop:
            if token in ("^", "_", "'"):
                mark = "_" if token == "_" else "^"
                if mark in scripts:
                    raise _UnsafeError  # a double superscript does not compile
                scripts.add(mark)
                a, b = self.script(token, depth)
                latex.append(f"{mark}{{{a}}}")
                plain.append(b)
                continue
            a, b = self.item(depth)
            if token != " ":
                scripts = set()
            latex.append(a)
            plain.append(b)
        return "".join(latex), "".join(plain)

    def script(self, token: str, depth: int) -> tuple[str, str]:
        """What stands above or below; primes and a power after them are one superscript."""
        primes = 0
        while token == "'" and self.peek() == "'":
            self.i += 1
            primes += 1
        if primes and self.peek() != "^":
            return r"\prime " * primes, "′" * primes
        mark = self.next()
        a, b = self.argument(depth)
        return r"\prime " * primes + a, "′" * primes + _script(mark, b)

    def argument(self, depth: int) -> tuple[str, str]:
        self.spaces()
        if self.peek() in ("^", "_", "'", None) or self.peek() in _STOP:
            raise _UnsafeError
        if depth > DEPTH:
            raise _UnsafeError
        return self.item(depth + 1, grouped=False)

    def item(self, depth: int, *, grouped: bool = True) -> tuple[str, str]:
        token = self.next()
        if token == "{":
            inner = self.items(depth + 1)
            if self.next() != "}":
                raise _UnsafeError
            return (f"{{{inner[0]}}}", inner[1]) if grouped else inner
        if token.startswith("\\"):
            return self.command(token[1:], depth)
        if token in _CHARACTERS:
            out = _CHARACTERS[token]
            return (out + " " if out[-1:].isalpha() else out), token
        if token.isascii() and (token.isalnum() or token in _PLAIN):
            return token, {"-": "−", "'": "′"}.get(token, token)
        raise _UnsafeError

    def command(self, name: str, depth: int) -> tuple[str, str]:
        if name in _SYMBOLS:
            if name in ("partial", "nabla"):
                self.spaces()  # ∂L, not ∂ L
            return rf"\{_AMS_FREE.get(name, name)} ", _SYMBOLS[name]
        if name in _FUNCTIONS:
            return rf"\{name} ", f"{name} "
        if name in _PUNCTUATION:
            return rf"\{name}", _PUNCTUATION[name]
        if name in _ACCENTS:
            a, b = self.argument(depth)
            return rf"\{name}{{{a}}}", _accented(b, _ACCENTS[name])
        if name in _FONTS:
            a, b = self.argument(depth)
            b = _BLACKBOARD.get(b, b) if name == "mathbb" else b
            return rf"\{_AMS_FREE.get(name, name)}{{{a}}}", b
        if name in _TEXT:
            words = self.words()
            return rf"\{_AMS_FREE.get(name, name)}{{{tex_text(words)}}}", words
        if name in ("frac", "dfrac", "tfrac"):
            (a, b), (c, d) = self.argument(depth), self.argument(depth)
            return rf"\{name}{{{a}}}{{{c}}}", f"{_tight(b)}/{_tight(d)}"
        if name == "sqrt":
            if self.peek() == "[":
                raise _UnsafeError
            a, b = self.argument(depth)
            return rf"\sqrt{{{a}}}", f"√{_tight(b)}"
        if name == "left":
            return self.fenced(depth)
        if name == "begin":
            return self.matrix(depth)
        raise _UnsafeError

    def words(self) -> str:
        r"""The argument of \text, literally."""
        self.spaces()
        if self.next() != "{":
            raise _UnsafeError
        out = ""
        while (token := self.next()) != "}":
            if token[0] in "\\{$":
                raise _UnsafeError
            out += token
        return out

    def fenced(self, depth: int) -> tuple[str, str]:
        left = self.delimiter()
        a, b = self.items(depth + 1)
        if self.next() != r"\right":
            raise _UnsafeError
        right = self.delimiter()
        return rf"\left{left[0]} {a}\right{right[0]} ", f"{left[1]}{b}{right[1]}"

    def delimiter(self) -> tuple[str, str]:
        self.spaces()
        token = self.next()
        if token not in _DELIMITERS:
            raise _UnsafeError
        name = token.lstrip("\\")
        return token, "" if token == "." else _SYMBOLS.get(name) or _PUNCTUATION.get(name, name)

    def matrix(self, depth: int) -> tuple[str, str]:
        name = self.name()
        if name not in _MATRICES:
            raise _UnsafeError
        rows: list[list[tuple[str, str]]] = [[]]
        while True:
            rows[-1].append(self.items(depth + 1))
            token = self.next()
            if token == r"\\":
                rows.append([])
            elif token == r"\end":
                break
            elif token != "&":
                raise _UnsafeError
        if self.name() != name or max(map(len, rows)) > (2 if name in ("cases", "aligned") else 10):
            raise _UnsafeError
        if not any(latex.strip() for latex, _ in rows[-1]):
            rows.pop()  # the author ended the last row with \\
        latex = r" \\ ".join(" & ".join(a.strip() for a, _ in row) for row in rows)
        plain = "; ".join(" ".join(b.strip() for _, b in row) for row in rows)
        return rf"\begin{{{name}}} {latex} \end{{{name}}}", f"[{plain}]"

    def name(self) -> str:
        self.spaces()
        if self.next() != "{":
            raise _UnsafeError
        out = ""
        while (token := self.next()) != "}":
            if not (token.isascii() and token.isalpha()):
                raise _UnsafeError
            out += token
        return out


def _script(mark: str, text: str) -> str:
    text = re.sub(r"\s*([×·])\s*", r"\1", text.strip())
    if mark == "^" and text in ("T", "⊤", "⊺", "′"):
        return "ᵀ" if text != "′" else "′"
    table = SUPERSCRIPTS if mark == "^" else SUBSCRIPTS
    if text and all(c in table for c in text):
        return "".join(table[c] for c in text)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"


def _accented(text: str, mark: str) -> str:
    if len(text) == 1:
        return unicodedata.normalize("NFC", text + mark)
    return text


def _tight(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"[^\s+\-−/]+", text) else f"({text})"
