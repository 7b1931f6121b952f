"""Terms as mathematics in Unicode: on one line, or laid out with upright vectors."""

from __future__ import annotations

import math
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
from ..steps import Variable
from . import block, functions, tex
from .arrays import SHOWN, array_shape, grid, shorten, slices, without_ones
from .block import Block, beside, enclose, line
from .names import SUBSCRIPTS, parts, subscript, sum_sign, superscript, unicode_name
from .numerals import numeral
from .precedence import PAPER_NEG, Level, associates, leading_minus, levels, paper_op, pull_minus
from .text import text

INLINE = 40  # entries of a matrix that are all written on one line

NAMES: Mapping[str, Variable] = {}

_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "=", "-": "−"}
_FRACTIONS = {("1", "2"): "½", ("1", "3"): "⅓", ("2", "3"): "⅔", ("1", "4"): "¼", ("3", "4"): "¾"}


def unicode_text(e: Expr, names: Mapping[str, Variable] = NAMES) -> str:
    """The term on one line: `wᵀx`, `2·(−6)`, `½·[−12, −6]`."""
    return _Printer(names, tall=False).at(e).lines[0]


def layout(e: Expr, names: Mapping[str, Variable] = NAMES) -> Block:
    """The term as a block of lines, its arrays upright in brackets."""
    return _Printer(names, tall=True).at(e)


class _Printer:
    def __init__(self, names: Mapping[str, Variable], tall: bool) -> None:
        self.names = names
        self.tall = tall

    def at(self, e: Expr, least: Level = Level.COMPARE) -> Block:
        """The term, in parentheses when it binds looser than `least`."""
        out, level = self.show(e)
        if level >= least:
            return out
        return enclose(out, "[", "]") if level == Level.COMPARE else enclose(out)  # [x > 0]: a mask

    def flat(self, e: Expr) -> str:
        return unicode_text(e, self.names)

    def show(self, e: Expr) -> tuple[Block, Level]:
        match e:
            case Num():
                return numeral(e.text)
            case Name():
                return line(self.name(e.id)), Level.ATOM
            case Str() | Const():
                return line(text(e)), Level.ATOM
            case Neg():
                level, least = PAPER_NEG
                doubled = leading_minus(e.arg)
                return beside("−", self.at(e.arg, Level.ATOM if doubled else least)), level
            case Binary(op="**"):
                return self.power(e)
            case Binary():
                pulled = pull_minus(e)
                return self.binary(e) if pulled is e else self.show(pulled)
            case Transpose(arg=Call(func="inv", args=(arg,))):
                return block.raised(self.at(arg, Level.ATOM), "⁻ᵀ"), Level.POWER
            case Transpose():
                return block.raised(self.at(e.arg, Level.ATOM), "ᵀ"), Level.POWER
            case Call():
                return self.call(e)
            case Slice():
                ends = [self.flat(x) if x is not None else "" for x in (e.start, e.stop)]
                return line(":".join(ends + ([self.flat(e.step)] if e.step else []))), Level.ATOM
            case Index():
                inside = ", ".join(self.flat(i) for i in e.items)
                return beside(self.at(e.arg, Level.ATOM), f"[{inside}]"), Level.ATOM
            case List():
                return self.array(e), Level.ATOM
            case Partial(Partial(of, x), z):
                terms = (of, x) if x == z else (of, x, z)
                return block.second_partial(*(self.at(t, Level.POWER) for t in terms)), Level.UNARY
            case Partial():
                return block.partial(*(self.at(t, Level.ATOM) for t in (e.of, e.wrt))), Level.UNARY
            case Component():
                return self.component(e), Level.ATOM
            case Sum():
                sign = sum_sign(e.indices, None if e.last is None else self.flat(e.last))
                return beside(sign, " ", self.at(e.body, Level.HADAMARD)), Level.HADAMARD

    def name(self, name: str) -> str:
        variable = self.names.get(name)
        if variable is not None and variable.label:
            label = tex.parse(variable.label)
            if label is not None and label.plain:
                return label.plain
        return unicode_name(name)

    def binary(self, e: Binary) -> tuple[Block, Level]:
        op = paper_op(e)
        level, least_left, least_right = levels(e)
        left, right = self.at(e.left, least_left), self.at(e.right, least_right)
        if op == "*":
            left = self.coefficient(e.left) or self.dot(e.left) or left
        negative = leading_minus(e.right) and level > Level.COMPARE
        if negative and least_right <= Level.HADAMARD:
            right = enclose(self.at(e.right))
        elif (isinstance(e.right, Sum) and op in ("*", "@")) or associates(e, e.right):
            right = self.at(e.right)
        return beside(left, self.sign(e, right), right), level

    def coefficient(self, e: Expr) -> Block | None:
        """A quotient in front of a product: ½·x, (π/2)·x."""
        if not isinstance(e, Binary) or paper_op(e) != "/" or leading_minus(e):
            return None
        if isinstance(e.left, Num) and isinstance(e.right, Num):
            found = _FRACTIONS.get((e.left.text, e.right.text))
            if found is not None:
                return line(found)
        return enclose(self.at(e))

    def dot(self, e: Expr) -> Block | None:
        """A product of vectors in front of a product: 2·(xᵀy)·y."""
        if not isinstance(e, Binary) or e.elementwise:
            return None
        if e.op == "@":
            return enclose(self.at(e))
        if e.op != "*" or not isinstance(e.right, Binary) or e.right.op != "@":
            return None
        right = enclose(self.at(e.right))
        return beside(self.dot(e.left) or self.at(e.left, Level.MUL), "·", right)

    def sign(self, e: Binary, right: Block) -> str:
        match paper_op(e):
            case ".*":
                return " ⊙ "
            case "./":
                return " ⊘ "
            case "*" | "@" if isinstance(e.left, Partial) or isinstance(e.right, Partial):
                simple = isinstance(e.left, Name | Num) and e.op == "*"
                return " " if simple else " · "
            case "*" if isinstance(e.right, Sum):
                return "·"
            case "*" if functions.is_plain_number(e.left) and functions.starts_compact(e.right):
                return ""
            case "*" if self.is_number(e.left) and self.is_number(e.right):
                return ""
            case "*":
                return "·"
            case "/":
                return "/"
            case "@":
                return functions.gap(e, right.lines[right.base])
            case op:
                return f" {_SIGNS.get(op, op)} "

    def is_number(self, e: Expr) -> bool:
        """One letter that stands for a number, or ends in one: 2xy."""
        if isinstance(e, Binary) and e.op == "*" and not e.elementwise:
            e = e.right
        variable = self.names.get(e.id) if isinstance(e, Name) else None
        return variable is not None and variable.shape == () and functions.compact(e)

    def power(self, e: Binary) -> tuple[Block, Level]:
        flat = self.flat(e.right)
        small = superscript(flat)
        base = e.left
        if e.elementwise and flat == "2" and isinstance(base, Name):
            return beside(self.at(base), " ⊙ ", self.at(base)), Level.HADAMARD
        mark = small or "^" + self.exponent(e.right)
        mark = "^∘" + mark.removeprefix("^") if e.elementwise else mark
        if (
            isinstance(base, Call)
            and base.func in functions.POWER_INSIDE
            and small is not None
            and isinstance(e.right, Num)
        ):
            return beside(base.func + small, self.arguments(base)), Level.ATOM
        below = self.at(base, Level.ATOM)
        tall = small is not None and below.height > 1
        return block.raised(below, mark.removeprefix("^") if tall else mark), Level.POWER

    def exponent(self, e: Expr) -> str:
        _, level = self.show(e)
        return self.flat(e) if level >= Level.ATOM else f"({self.flat(e)})"

    def call(self, e: Call) -> tuple[Block, Level]:
        rewritten = functions.rewrite(e)
        if rewritten is not e:
            return self.show(rewritten)
        if e.func in functions.CONSTANTS and not e.kwargs:
            sizes = e.args[0].items if len(e.args) == 1 and isinstance(e.args[0], List) else e.args
            flat = [self.flat(a) for a in sizes]
            below = "×".join(f"({s})" if " " in s and len(flat) > 1 else s for s in flat)
            return line(functions.CONSTANTS[e.func][0] + subscript(below)), Level.ATOM
        found = functions.layer(e)
        if found is not None:
            return self.layer(e, found)
        form = functions.FORMS.get((e.func, len(e.args)))
        if form is None or e.kwargs:
            name, _ = functions.NAMES.get(e.func, (e.func, ""))
            return beside(name, self.arguments(e)), Level.POWER if " " in name else Level.ATOM
        return self.form(form, e.args), form.level

    def form(self, form: functions.Form, args: tuple[Expr, ...]) -> Block:
        shown = [self.at(a, form.least) for a in args]
        left = form.unicode
        tall = any(b.height > 1 for b in shown)
        if tall and left[:1] in "|‖" and len(args) == 1:
            return beside(enclose(shown[0], left[0], left[0]), left.rpartition(left[0])[2])
        parts_: list[Block | str] = []
        while left:
            before, brace, rest = left.partition("{")
            parts_.append(before)
            if brace:
                parts_.append(shown[int(rest[0])])
            left = rest[2:]
        return beside(*parts_)

    def arguments(self, e: Call) -> Block:
        given: list[Block | str] = []
        for a in e.args:
            given += [", ", self.at(a)]
        for k, v in e.kwargs:
            given += [", ", f"{k}={self.flat(v)}"]
        return enclose(beside(*given[1:])) if given else line("()")

    def layer(self, e: Call, found: functions.Layer) -> tuple[Block, Level]:
        operands = [self.at(x, Level.MUL if found.star else Level.COMPARE) for x in found.operands]
        if found.star:
            return beside(operands[0], f" {found.star} ", operands[1]), Level.HADAMARD
        name = functions.NAMES[e.func][0] + subscript("×".join(map(self.flat, found.below)))
        inside: list[Block | str] = [operands[0]]
        for x in operands[1:]:
            inside += [", ", x]
        notes = ", ".join(f"{k} {self.sizes(v)}" for k, v in found.notes)
        return beside(name, enclose(beside(*inside, f"; {notes}" if notes else ""))), Level.ATOM

    def sizes(self, e: Expr) -> str:
        flat_pair = isinstance(e, List) and all(isinstance(i, Num) for i in e.items)
        return "×".join(map(self.flat, e.items)) if flat_pair else self.flat(e)  # type: ignore[union-attr]

    def component(self, e: Component) -> Block:
        names = [self.flat(i) for i in e.indices]
        short = all(len(n) == 1 and n in SUBSCRIPTS for n in names)
        bare = isinstance(e.arg, Name) and not parts(e.arg.id).subscripts
        arg = self.at(e.arg)
        if not short:  # no small letters for r + i: brackets instead
            plain = isinstance(e.arg, Name)
            return beside(arg if plain else enclose(arg), f"[{', '.join(names)}]")
        return beside(arg if bare else enclose(arg), subscript("".join(names)))

    def array(self, e: List) -> Block:
        if not self.tall:
            return line(self.inline(e))
        e, whole = without_ones(e)
        shape = array_shape(e)
        if shape is None or len(shape) > 2:
            return self.stack(e, whole)
        found = grid(e)
        if found is None:
            return line(self.inline(e))
        rows = [[self.cell(x, row) for x in row] for row in found.rows]
        out = block.matrix(rows)
        size = whole or found.size
        return beside(out, f" ({size})") if size else out

    def cell(self, e: Expr | None, row: tuple[Expr | None, ...]) -> str:
        if e is not None:
            return self.flat(e)
        return "⋮" if all(x is None for x in row) else "…"

    def stack(self, e: List, whole: str | None = None) -> Block:
        """A tensor: its slices side by side; `whole` is its size where axes of size 1 are gone."""
        kept, size = slices(e)
        size = whole or size
        inside: list[Block | str] = []
        for item in kept:
            inside += [", ", "…" if item is None else self.at(item)]
        out = enclose(beside(*inside[1:]), "[", "]") if inside else line("[]")
        return beside(out, f" ({size})") if size else out

    def inline(self, e: List) -> str:
        shape = array_shape(e)
        if shape and len(shape) > 1 and (math.prod(shape) > INLINE or max(shape) > SHOWN):
            first: Expr = e
            while isinstance(first, List):
                first = first.items[0]
            deep = len(shape)
            return f"{'[' * deep}{self.flat(first)}, …{']' * deep} ({'×'.join(map(str, shape))})"
        items = ", ".join("…" if x is None else self.flat(x) for x in shorten(e.items))
        return f"[{items}]" + (f" ({len(e.items)} entries)" if len(e.items) > SHOWN else "")
