r"""Terms as LaTeX mathematics that amsmath alone compiles.

Vectors are bold lowercase, matrices bold uppercase, scalars italic; `names` says which is which.
No spacing command is a backslash with punctuation (`\,`), because Markdown would eat the backslash.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..expr import (
    Binary,
    Call,
    Component,
    Const,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Partial,
    Slice,
    Str,
    Sum,
    Transpose,
)
from ..expr import names as expr_names
from ..steps import Variable
from . import functions, tex
from .arrays import array_shape, grid, slices, without_ones
from .names import latex_name, parts
from .precedence import PAPER, PAPER_NEG, Level, associates, leading_minus, paper_op, pull_minus
from .tex_parts import THIN, below_bracket, cut, numeral, word
from .tex_text import tex_text

NAMES: Mapping[str, Variable] = {}

_SIGNS = {
    "+": " + ", "-": " - ", "<": " < ", "<=": r" \le ", ">": " > ", ">=": r" \ge ", "==": " = ",
    "!=": r" \ne ", ".*": r" \odot ", "./": r" \oslash ", "@": r" \mathinner{} ",
}  # fmt: skip


def latex(e: Expr, names: Mapping[str, Variable] = NAMES) -> str:
    """The term as the inside of a formula, without dollar signs."""
    return _Printer(names).at(e)


class _Printer:
    def __init__(self, names: Mapping[str, Variable]) -> None:
        self.names = names

    def at(self, e: Expr, least: Level = Level.COMPARE) -> str:
        out, level = self.show(e)
        if level >= least:
            return out
        return rf"\left[ {out} \right]" if level == Level.COMPARE else _parenthesise(out)

    def show(self, e: Expr) -> tuple[str, Level]:
        match e:
            case Num():
                return numeral(e.text)
            case Name():
                return self.name(e.id), Level.ATOM
            case Str() | Const():
                return word(str(e.value)), Level.ATOM
            case Neg():
                level, least = PAPER_NEG
                return "-" + self.at(e.arg, Level.ATOM if leading_minus(e.arg) else least), level
            case Binary(op="**"):
                return self.power(e)
            case Binary():
                pulled = pull_minus(e)
                return self.binary(e) if pulled is e else self.show(pulled)
            case Transpose(arg=Call(func="inv", args=(arg,))):
                return self.at(arg, Level.ATOM) + r"^{-\top}", Level.POWER
            case Transpose():
                return self.at(e.arg, Level.ATOM) + r"^{\top}", Level.POWER
            case Call():
                return self.call(e)
            case Slice():
                ends = [self.at(x) if x is not None else "" for x in (e.start, e.stop)]
                return ":".join(ends + ([self.at(e.step)] if e.step else [])), Level.ATOM
            case Index():
                inside = ", ".join(self.at(i) for i in e.items)
                return f"{self.at(e.arg, Level.ATOM)}[{inside}]", Level.ATOM
            case List():
                return self.array(e), Level.ATOM
            case Partial(Partial(of, x), z):
                below = "^2" if x == z else rf"\, \partial {self.at(z, Level.POWER)}"
                of, x = self.at(of, Level.ATOM), self.at(x, Level.ATOM)
                return rf"\frac{{\partial^2 {of}}}{{\partial {x}{below}}}", Level.UNARY
            case Partial():
                of, wrt = self.at(e.of, Level.ATOM), self.at(e.wrt, Level.ATOM)
                return rf"\frac{{\partial {of}}}{{\partial {wrt}}}", Level.UNARY
            case Component():
                return self.component(e), Level.ATOM
            case Sum():
                body = self.at(e.body, Level.HADAMARD)
                below = ", ".join(map(latex_name, e.indices))
                ends = "" if e.last is None else f"^{{{self.at(e.last)}}}"
                below += " = 0" if ends else ""
                return rf"\sum_{{{below}}}{ends} {body}", Level.HADAMARD

    def name(self, name: str, *, bold: bool = True) -> str:
        variable = self.names.get(name)
        if variable is not None and variable.label:
            label = tex.parse(variable.label)
            if label is not None:
                return f"{{{label.latex}}}"  # one unit, whatever scripts it ends with
            return word(cut(variable.label))
        if variable is None:  # w_new and w_tilde look like w
            variable = self.names.get(name.removesuffix("_new").removesuffix("_tilde"))
        return latex_name(name, bold=bold and variable is not None and variable.shape != ())

    def binary(self, e: Binary) -> tuple[str, Level]:
        op = paper_op(e)
        if op == "/":
            return rf"\frac{{{self.at(e.left)}}}{{{self.at(e.right)}}}", Level.UNARY
        level, least_left, least_right = PAPER[op]
        left, right = self.at(e.left, least_left), self.at(e.right, least_right)
        left = (self.dot(e.left) or left) if op == "*" else left
        bare = _is_fraction(e.right) or level == Level.COMPARE
        if leading_minus(e.right) and not bare and least_right <= Level.HADAMARD:
            right = _parenthesise(self.at(e.right))
        elif (isinstance(e.right, Sum) and op in ("*", "@")) or associates(e, e.right):
            right = self.at(e.right)
        return left + self.sign(e, right) + right, level

    def dot(self, e: Expr) -> str | None:
        """A product of vectors in front of a product: 2 (xᵀy) y."""
        if not isinstance(e, Binary) or e.elementwise:
            return None
        if e.op == "@":
            return _parenthesise(self.at(e))
        if e.op != "*" or not isinstance(e.right, Binary) or e.right.op != "@":
            return None
        right = _parenthesise(self.at(e.right))
        left = self.dot(e.left) or self.at(e.left, Level.MUL)
        return left + self.times(e, right) + right

    def sign(self, e: Binary, right: str) -> str:
        op = paper_op(e)
        if op == "*":
            return self.times(e, right)
        if op == "@":
            return " "
        return _SIGNS[op]

    def times(self, e: Binary, right: str) -> str:
        r"""Nothing between a number and a letter; \cdot wherever that would mislead."""
        last, first = _last(e.left), _first(e.right)
        if isinstance(first, Partial) and isinstance(last, Name | Num):
            return THIN
        if isinstance(last, Partial | List) or isinstance(first, Partial | List | Num | Neg):
            return r" \cdot "
        if right.startswith((r"\left( -", "(-", "-")):
            return r" \cdot "
        if isinstance(last, Num):
            return " " if expr_names(e.right) else r" \cdot "
        if isinstance(last, Call | Index) or right.startswith((r"\left(", "(")):
            return r" \cdot "
        return THIN

    def power(self, e: Binary) -> tuple[str, Level]:
        mark = self.at(e.right)
        base = e.left
        if (
            isinstance(base, Call)
            and base.func in functions.POWER_INSIDE
            and isinstance(e.right, Num)
        ):
            return rf"{functions.NAMES[base.func][1]}^{{{mark}}}{self.arguments(base)}", Level.ATOM
        circ = r"\circ " if e.elementwise else ""
        return f"{self.at(base, Level.ATOM)}^{{{circ}{mark}}}", Level.POWER

    def call(self, e: Call) -> tuple[str, Level]:
        rewritten = functions.rewrite(e)
        if rewritten is not e:
            return self.show(rewritten)
        if e.func in functions.CONSTANTS and not e.kwargs:
            sizes = e.args[0].items if len(e.args) == 1 and isinstance(e.args[0], List) else e.args
            below = r" \times ".join(self.at(a, Level.MUL) for a in sizes)
            return f"{functions.CONSTANTS[e.func][1]}_{{{below}}}", Level.ATOM
        if (entries := self.sum_of_entries(e)) is not None:
            return entries, Level.HADAMARD
        found = functions.layer(e)
        if found is not None:
            return self.layer(e, found)
        form = functions.FORMS.get((e.func, len(e.args)))
        if form is None or e.kwargs:
            two_words = " " in functions.NAMES.get(e.func, ("", ""))[0]  # (log det(A))²
            level = Level.POWER if two_words else Level.ATOM
            return _operator(e.func) + self.arguments(e), level
        out = form.latex
        # argument braces first doubled as markers, so that no argument is substituted twice
        pieces = [self.at(a, form.least) for a in e.args]
        if any(map(_is_tall, pieces)):
            out = out.replace(r"\lVert", r"\left\lVert").replace(r"\rVert", r"\right\rVert")
        for i in range(len(pieces)):
            out = out.replace(f"{{{i}}}", f"\0{i}\0")
        for i, piece in enumerate(pieces):
            out = out.replace(f"\0{i}\0", piece)
        return out, form.level

    def sum_of_entries(self, e: Call) -> str | None:
        """sum(x) of a named vector or matrix: the textbook's Σᵢ xᵢ."""
        if e.func != "sum" or e.kwargs or len(e.args) != 1 or not isinstance(e.args[0], Name):
            return None
        name = e.args[0].id
        variable = self.names.get(name)
        if variable is None or variable.label or len(variable.shape) not in (1, 2):
            return None
        if parts(name).subscripts:
            return None
        indices = "ij"[: len(variable.shape)]
        return rf"\sum_{{{','.join(indices)}}} {self.name(name, bold=False)}_{{{indices}}}"

    def arguments(self, e: Call) -> str:
        given = [self.at(a) for a in e.args]
        given += [rf"{word(k)} = {self.option(v)}" for k, v in e.kwargs]
        return _parenthesise(", ".join(given))

    def option(self, e: Expr) -> str:
        """The value of an argument that is named; a list of axes is no column."""
        if isinstance(e, List) and all(isinstance(x, Num) for x in e.items):
            return _parenthesise(", ".join(map(self.at, e.items)))
        return self.at(e)

    def layer(self, e: Call, found: functions.Layer) -> tuple[str, Level]:
        operands = [self.at(x, Level.MUL if found.star else Level.COMPARE) for x in found.operands]
        if found.star:
            return f"{operands[0]} {functions.STARS[found.star]} {operands[1]}", Level.HADAMARD
        below = r" \times ".join(self.at(x) for x in found.below)
        notes = ", ".join(rf"{word(k)}\ {self.sizes(v)}" for k, v in found.notes)
        inside = ", ".join(operands) + (rf";\ {notes}" if notes else "")
        name = _operator(e.func) + (f"_{{{below}}}" if below else "")
        return name + _parenthesise(inside), Level.ATOM

    def sizes(self, e: Expr) -> str:
        if isinstance(e, List) and all(isinstance(i, Num) for i in e.items):
            return r" \times ".join(self.at(i) for i in e.items)
        return self.at(e)

    def component(self, e: Component) -> str:
        names = [self.at(i) for i in e.indices]
        below = ("" if all(len(n) == 1 for n in names) else ", ").join(names)
        if isinstance(e.arg, Name):
            variable = self.names.get(e.arg.id)
            labelled = variable is not None and bool(variable.label)
            arg = self.name(e.arg.id, bold=False)
            bare = labelled or not parts(e.arg.id).subscripts
        else:
            arg, bare = self.at(e.arg), False
        return f"{arg}_{{{below}}}" if bare else f"{_parenthesise(arg)}_{{{below}}}"

    def array(self, e: List) -> str:
        e, whole = without_ones(e)
        shape = array_shape(e)
        found = grid(e) if shape is not None and len(shape) <= 2 else None
        if found is None:
            kept, size = slices(e)
            items = r" & ".join(r"\cdots" if x is None else self.at(x) for x in kept)
            return rf"\begin{{bmatrix}} {items} \end{{bmatrix}}{below_bracket(whole or size)}"
        rows = []
        for row in found.rows:
            blank = r"\vdots" if all(x is None for x in row) else r"\cdots"
            rows.append(" & ".join(blank if x is None else self.at(x) for x in row))
        body = r" \\ ".join(rows)
        return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}{below_bracket(whole or found.size)}"


def _parenthesise(out: str) -> str:
    """Parentheses as tall as their contents; plain ones keep sin(x) tight."""
    return rf"\left( {out} \right)" if _is_tall(out) else f"({out})"


def _is_tall(out: str) -> bool:
    return any(mark in out for mark in (r"\frac", r"\begin", r"\sum", r"\left"))


def _is_fraction(e: Expr) -> bool:
    return isinstance(e, Binary) and paper_op(e) == "/" and not isinstance(e.left, Neg)


def _last(e: Expr) -> Expr:
    while isinstance(e, Binary) and paper_op(e) in ("*", "@"):
        e = e.right
    return e


def _first(e: Expr) -> Expr:
    while isinstance(e, Binary) and paper_op(e) in ("*", "@", "**"):
        e = e.left
    return e


def _operator(name: str) -> str:
    if name in functions.NAMES:
        return functions.NAMES[name][1]
    return rf"\operatorname{{{tex_text(name)}}}"
