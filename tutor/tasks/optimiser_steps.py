"""A step of an optimiser, told: every rule in symbols, then with the numbers put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..expr import Binary, Call, Expr, Name, Num, Partial, walk
from ..problem.lines import Line
from ..steps import Step, Text
from ..value import Value
from .chain import paper_value
from .numbers import SHORT, approx, equation, exact_term
from .optimiser_plan import ALIASES, Plan
from .optimiser_terms import elementwise, formula, free, replaced
from .optimisers import SYMBOLS, Rule, sentence
from .workspace import Workspace

REMEMBERED = ("v", "m", "s", "b", "u")
DIGITS = 6  # of a decimal that is read rather than a fraction
LARGE = 10**4  # a denominator that nobody reads


@dataclass(frozen=True)
class Symbols:
    """What a rule's symbols are called in this problem, for one parameter.

    A letter that the problem uses itself is left to it; with several parameters each has its own
    velocity, which carries the parameter's name below.
    """

    ws: Workspace
    plan: Plan
    target: Line
    line: Line
    alone: bool

    @cached_property
    def terms(self) -> dict[str, Expr]:
        taken = set(self.ws.graph.lines) | set(self.ws.graph.sizes)
        found: dict[str, Expr] = {}
        for choices in SYMBOLS.values():
            for names in choices:
                symbol = names[0]
                if symbol in self.plan.terms:
                    found[symbol] = Name(free(names, taken))
        rate = self.plan.terms["alpha"]
        if self.plan.plain or self.plan.optimiser.second_order or isinstance(rate, Name):
            found["alpha"] = rate
        found["t"] = Name(free(("t", "k", "step"), taken))
        found["w"] = Name(self.line.name)
        found["G"] = Partial(Name(self.target.name), Name(self.line.name))
        below = "" if self.alone else f"_{self.line.name}"
        for symbol in (*REMEMBERED, "g", "d", "c"):
            found[symbol] = Name(free((symbol, f"{symbol}_{self.line.name}"), taken, below))
        for symbol in REMEMBERED:
            base = found[symbol]
            assert isinstance(base, Name)
            found[f"{symbol}_new"] = Name(f"{base.id}_new")
            found[f"{symbol}_hat"] = Name(free((f"{base.id}_hat",), taken))
        found["w_tilde"] = Name(free((f"{self.line.name}_tilde",), taken))
        found["alpha_t"] = Name(free(("alpha_t", "eta_t"), taken))
        made = {r.symbol for r in self.plan.rules}
        return found | {a: found[b] for a, b in ALIASES.items() if a not in made}

    @cached_property
    def arrays(self) -> frozenset[str]:
        """Symbols that stand for arrays of the parameter's shape."""
        if self.line.symbol.order == 0:
            return frozenset()
        fixed = {*self.plan.terms, "t", "alpha_t"}
        return frozenset({*self.terms} - fixed)

    def term(self, text: str) -> Expr:
        """A rule's formula with the names of this problem."""
        return replaced(self.tidy(text), self.terms)

    def tidy(self, text: str) -> Expr:
        """A rate of 1 is not written: w − d."""
        e = elementwise(formula(text), self.arrays)
        if self.terms["alpha"] == Num("1"):
            match e:
                case Binary("-", w, Binary("*", Name("alpha"), d)):
                    return Binary("-", w, d, e.elementwise)
        return e

    def name(self, symbol: str) -> Expr:
        """What a rule computes: wⁿᵉʷ for the parameter itself."""
        return Name(f"{self.line.name}_new") if symbol == "w" else self.terms[symbol]


def update_formula(symbols: Symbols) -> Expr:
    """The rule for the parameter itself."""
    return symbols.term(symbols.plan.rules[-1].formula)


def setting_steps(
    symbols: Sequence[Symbols], state: Mapping[str, Mapping[str, np.ndarray]] | None = None
) -> list[Step]:
    """The options by their letters; and, where a first step is told, what it begins with."""
    first = symbols[0]
    plan = first.plan
    if plan.plain:
        return []
    used = {x.id for r in plan.rules for x in walk(formula(r.formula)) if isinstance(x, Name)}
    if "alpha_t" in used:
        used.add("alpha")
    members = [
        (first.terms[s], term)
        for s, term in plan.terms.items()
        if s in used and first.terms[s] != term
    ]
    if plan.optimiser.counts and state is not None:
        members.append((first.terms["t"], Num(str(plan.done + 1))))
    for one in symbols if state is not None else ():
        for symbol, array in (state or {})[one.line.name].items():
            value = paper_value(one.line, array)
            if value.data.size <= SHORT:
                members.append((one.terms[symbol], _number(value)))
    return [
        Step(f"setting.{k}", "given", "", Text("Setting"), pair, shape=())
        for k, pair in enumerate(members)
    ]


def source_steps(plan: Plan) -> list[Step]:
    """Where the rule comes from, for those who ask for every detail."""
    if plan.plain:
        return []
    words = Text("The rule is that of {source}.", {"source": plan.optimiser.source})
    title = Text("Where {name} comes from", {"name": Text(plan.optimiser.title)})
    return [Step("note.source", "note", "source", title, why=words, level=2)]


def rule_steps(
    symbols: Symbols,
    k: int,
    t: int,
    known: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
    tag: str,
    note: Text | None = None,
) -> list[Step]:
    """Step k of one parameter, rule by rule.

    known: the parameter, its gradient and its state before; found: what the step computed. Where
    there are no numbers both are empty. note: is said behind the last rule.
    """
    plan, line = symbols.plan, symbols.line
    values = {s: paper_value(line, x) if s != "alpha_t" else Value(x) for s, x in known.items()}
    steps = []
    for rule in plan.rules:
        text = plan.formula(rule, t)
        value = None
        if rule.symbol in found:
            raw = found[rule.symbol]
            value = Value(raw) if rule.symbol == "alpha_t" else paper_value(line, raw)
        middle = _with_numbers(symbols, text, values, t) if values else None
        number, near = (exact_term(value), approx(value)) if value is not None else (None, None)
        if value is not None and not plan.plain:
            number, near = _told(value)
        names = {"w": Name(line.name)}
        title = sentence(rule.title, names)
        if tag:
            title = Text("{title}, step {k}", {"title": title, "k": k + 1})
        if not symbols.alone and "{w}" not in rule.title:
            title = Text("{title} of {w}", {"title": title, **names})
        last = rule.symbol == "w"
        why = _why(symbols, rule, t) if k == 0 else None
        if last and note is not None:
            why = note if why is None else Text("{a} {b}", {"a": why, "b": note})
        steps.append(
            Step(
                f"update.{line.name}{tag}" if last else f"{rule.symbol}.{line.name}{tag}",
                "update",
                "gradient descent" if plan.plain else plan.optimiser.title,
                title,
                equation(symbols.name(rule.symbol), symbols.term(text), middle, number),
                approx=near,
                why=why,
                shape=line.leaf.shape if rule.symbol != "alpha_t" else (),
                uses=("answer" if symbols.alone else f"answer.of.{line.name}",) if last else (),
                level=0 if last else 1,
            )
        )
        if value is not None:
            values[rule.symbol] = value
    return steps


def _number(value: Value) -> Expr:
    """A value inside a formula: as a decimal where that is exact or shorter."""
    number, near = _told(value)
    return number if number is not None else near if near is not None else value.shown()


def _told(value: Value) -> tuple[Expr | None, Expr | None]:
    """The value exactly, if it reads well, and a decimal beside it, if it says more.

    Step by step one reckons with decimals: 0.25 rather than 1/4, and 0.9 rather than
    225000001/250000001.
    """
    if not value.exact:
        return exact_term(value), approx(value)
    flat = list(value.data.ravel())
    if not all(x.is_Rational for x in flat):
        return exact_term(value), approx(value)
    if all(Fraction(int(x.p), int(x.q)) == Fraction(f"{float(x):.{DIGITS}g}") for x in flat):
        return value.decimal(), None
    if any(x.q > LARGE for x in flat):
        return None, value.decimal()
    return exact_term(value), approx(value)


def _with_numbers(symbols: Symbols, text: str, values: Mapping[str, Value], t: int) -> Expr | None:
    """The formula with numbers; None where arrays are too large for it to help."""
    e = symbols.tidy(text)
    made = set(values)
    aliases = {a: b for a, b in ALIASES.items() if a not in made}
    aliases["d"] = "G"
    used = [aliases.get(x.id, x.id) for x in walk(e) if isinstance(x, Name)]
    shown = [values[s] for s in used if s in values]
    if any(v.data.size > SHORT for v in shown) or sum(v.data.size for v in shown) > 3 * SHORT:
        return None
    if isinstance(e, Name):
        return None
    tell = (lambda v: v.shown()) if symbols.plan.plain else _number
    terms: dict[str, Expr] = {s: tell(v) for s, v in values.items()}
    for symbol, term in symbols.plan.terms.items():
        number = symbols.plan.exact[symbol]
        named = isinstance(term, Name)
        terms[symbol] = _number(Value(np.array(number, dtype=object))) if named else term
    terms["t"] = Num(str(t))
    terms |= {a: terms[b] for a, b in aliases.items() if b in terms}
    return replaced(e, terms)


def _why(symbols: Symbols, rule: Rule, t: int) -> Text | None:
    if rule.why is None:
        return None
    terms = symbols.terms
    one = Num("1")
    holes: dict[str, object] = {s: terms[s] for s in symbols.plan.terms}
    holes |= {"rho": terms.get("rho"), "t": terms["t"]}
    if "tau" in terms:
        holes["kept"] = Binary("-", one, terms["tau"])
    if "lambda_" in terms:
        square: Expr = Binary("**", Name(symbols.line.name), Num("2"))
        if symbols.line.symbol.order:
            norm = "norm2" if symbols.line.symbol.order == 1 else "frobenius"
            square = Binary("**", Call(norm, (Name(symbols.line.name),)), Num("2"))
        holes["half"] = Binary("*", Binary("/", terms["lambda_"], Num("2")), square)
    if "beta1" in terms:
        holes["share"] = Binary("-", one, Binary("**", terms["beta1"], terms["t"]))
    return sentence(rule.why, holes)
