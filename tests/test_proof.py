"""A chain of reasons is a proof: each sentence rests on what is stated or was shown before it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
import sympy as sp
from test_inference import declared, originals

import tutor
from tests.random_programs import Maker
from tutor.errors import InputError
from tutor.graph import dims
from tutor.graph.dims import Unknown
from tutor.graph.unifier import Unifier
from tutor.problem import proof as proofs
from tutor.problem import sides
from tutor.problem.elaborate import elaborate, open_sizes
from tutor.problem.open import fresh
from tutor.problem.proof import Step, every, proof
from tutor.problem.sides import axes_of, partner_of, subject_of
from tutor.problem.told import plain, sentence
from tutor.steps import Text


def unified(text: str) -> Unifier:
    problem = tutor.loads(text).problem
    unifier = fresh(problem)
    open_sizes(problem, unifier)
    return unifier


def texts(t: Any) -> Iterable[Text]:
    if isinstance(t, Text):
        yield t
        for x in t.args.values():
            yield from texts(x)


class Reader:
    """Reads a chain with no knowledge but the equations, and believes nothing."""

    def __init__(self, unifier: Unifier) -> None:
        self.unifier = unifier
        self.parts = {u: dims.number(d) / n for (d, n), u in unifier.parts.items()}
        self.shown: dict[Unknown, sp.Expr] = {}
        self.premises = 0

    def put(self, d: Any) -> sp.Expr:
        """The size with what has been shown, and with parts of sizes as such."""
        found = dims.number(d)
        for _ in range(len(self.parts) + len(self.shown) + 1):
            found = sp.expand(found.subs(self.parts).subs(self.shown))
        return found

    def hidden(self, d: sp.Expr) -> set[Any]:
        """The sizes in it that an equation would have to show first."""
        return {u for u in d.atoms(Unknown) if u in self.unifier.equations}

    def read(self, step: Step) -> None:
        used = (step.equation, *step.together)
        gaps = [self.put(e.left) - self.put(e.right) for e in used]
        open_ = set().union(*map(self.hidden, gaps))
        assert step.size in open_, "it is known already, or stands nowhere"
        if not step.together:
            assert open_ == {step.size}, "it rests on something that was not shown"
            self.premise(step)
        found = sp.solve(gaps, sorted(open_, key=str), dict=True)
        values = {s[step.size] for s in found if s[step.size].is_positive is not False}
        whole = {v for v in values if v.is_Integer or not v.is_number}
        assert len(whole) == 1, "it does not follow"
        (value,) = whole
        says = self.put(self.unifier.resolve(step.size))
        assert sp.expand(value - says) == 0, "something else follows"
        self.shown[step.size] = value

    def premise(self, step: Step) -> None:
        """What the sentence calls known has been shown, and has the number that is said of it."""
        said = [t for t in texts(sentence(self.unifier, step)) if "p" in t.args and "k" in t.args]
        if not said:
            return
        axes = axes_of(self.unifier, step.equation.origin)
        subject = subject_of(self.unifier, step, axes)
        assert subject is not None
        partner = partner_of(self.unifier, step, axes, subject)
        assert partner is not None and partner.term == said[0].args["p"]
        size = self.put(partner.size)
        assert not self.hidden(size), "the premise was not shown"
        count = said[0].args["k"]
        assert isinstance(count, Text)
        if size.is_Integer:
            assert count.args["n"] == int(size), "another number is said of it"
        self.premises += 1


def check(unifier: Unifier) -> int:
    """Read the chain of every size that an equation fixed; the number of premises met."""
    premises = 0
    shown = every(unifier)
    for u in unifier.equations:
        if u not in shown:
            assert u in unifier.parts.values()  # a part is told by the whole
            continue
        steps = proof(unifier, [u])
        reader = Reader(unifier)
        for step in steps:
            reader.read(step)
        assert steps[-1].size == u, "the last sentence is about something else"
        premises += reader.premises
    return premises


def erased(seed: int) -> Unifier | None:
    program = Maker(seed, 3).make()
    rng = random.Random(seed)
    axes = {axis for axis in originals(program) if rng.random() < 0.5}
    try:
        return unified(declared(program, dict.fromkeys(axes, "?")))
    except InputError:
        return None


def test_every_chain_is_a_proof() -> None:
    seen = Counter[str]()
    for seed in range(200):
        unifier = erased(seed)
        if unifier is not None:
            seen["premises"] += check(unifier)
            seen["sizes"] += len(unifier.equations)
    assert seen["sizes"] > 100 and seen["premises"] > 100, seen


def problem(given: str, define: str) -> str:
    return f"given: {{{given}}}\ndefine: {{{define}}}\ntasks: [shapes]\n"


CHAIN = problem(
    'A: "matrix(?, ?)", B: "matrix(?, 7)", C: "matrix(3, ?)", x: vector(?)',
    'y: A @ B @ x, z: C @ A, s: "y + z[:, 0]"',
)
LSTM = problem(
    'x: vector(?), h0: vector(?), c0: vector(?), W_ih: "matrix(?, 5)", W_hh: "matrix(?, 3)"',
    '"h, c": "lstm_cell(x, h0, c0, W_ih, W_hh)"',
)
GRU = problem(
    'x: vector(?), h: vector(?), W_ih: "matrix(?, 5)", W_hh: "matrix(9, ?)", b: vector(?)',
    'y: "gru_cell(x, h, W_ih, W_hh, b)"',
)
STACK = problem('a: vector(?), b: vector(?), W: "matrix(2, 6)"', 'y: "stack([a, b]) + W"')
FORM = problem('x: vector(3), A: "matrix(?, ?)"', 'y: "quad_form(x, A)"')
ATTENTION = problem(
    'Q: "tensor(2, ?, 5, 8)", K: "tensor(?, 3, ?, ?)", V: "tensor(2, ?, 7, 4)"',
    's: "scaled_dot_product_attention(Q, K, V)"',
)
GROUPS = problem(
    'x: "tensor(?, 8, 8)", w: "tensor(?, 1, 3, 3)"',
    'c: "conv2d(x, w, groups=3, padding=1)", z: "conv2d(max_pool2d(c, 2), w, groups=3)"',
)
BOTH = problem("a: vector(?), b: vector(?), u: vector(9), v: vector(12)",
               'y: "concat([a, b]) + u", z: "concat([a, b, a]) + v"')  # fmt: skip
AT_ONCE = problem("a: vector(?), b: vector(?), u: vector(9), v: vector(12)",
                  'y: "concat([a, b, b]) + u", z: "concat([a, b, a]) + v"')  # fmt: skip
CASES = (CHAIN, LSTM, GRU, STACK, FORM, ATTENTION, GROUPS, BOTH, AT_ONCE)


@pytest.mark.parametrize("text", CASES)
def test_these_chains_are_proofs(text: str) -> None:
    unifier = unified(text)
    assert unifier.equations
    check(unifier)


def told(text: str, name: str) -> list[str]:
    return [plain(t) for t in elaborate(tutor.loads(text).problem).reasons[name]]


def test_what_is_said() -> None:
    assert told(CHAIN, "C") == [
        "In `y + z[:, 0]`, `z[:, 0]` has 3 entries, so `y` needs 3 entries; "
        "since `y = A @ B @ x`, `A` has 3 rows.",
        "In `C @ A`, `A` has 3 rows, so `C` needs 3 columns.",
    ]
    cell = "In `lstm_cell(x, h0, c0, W_ih, W_hh)`, "
    assert told(LSTM, "W_ih") == [
        cell + "`W_hh` has 3 columns, and 4 times 3 is 12, so `W_ih` needs 12 rows."
    ]
    assert told(LSTM, "W_hh") == [
        cell + "`W_hh` has 3 columns, and 4 times 3 is 12, so `W_hh` needs 12 rows."
    ]
    first = "In `stack([a, b]) + W`, `W` has 6 columns, so `a` needs 6 entries."
    remark = "A ? is taken to be an equal size, not a 1 that is repeated."
    assert told(STACK, "a") == [first, remark]
    assert told(STACK, "b") == [
        first,
        "In `stack([a, b])`, `a` has 6 entries, so `b` needs 6 entries.",
        remark,
    ]
    assert told(FORM, "A") == [
        "In `quad_form(x, A)`, `x` has 3 entries, so `A` needs 3 rows.",
        "In `quad_form(x, A)`, `A` must be square, with as many rows as columns.",
    ]
    call = "In `scaled_dot_product_attention(Q, K, V)`, "
    assert told(ATTENTION, "Q") == [
        call + "`K` has 3 entries along axis 1, so `Q` needs 3 entries along axis 1."
    ]
    assert not any("permute" in t for t in told(ATTENTION, "K"))
    assert told(GROUPS, "x") == [
        "In `conv2d(x, w, groups=3, padding=1)`, `w` has 1 input channel, and 3 times 1 is 3, "
        "so `x` needs 3 input channels."
    ]


def test_sizes_that_only_two_definitions_together_give() -> None:
    (said,) = told(AT_ONCE, "b")
    assert said.endswith("fit together only if `b` has 2 entries.") and "concat" in said, said


def test_a_slice_without_its_ends_is_that_much_shorter() -> None:
    text = problem("x: vector(?), y: vector(4)", 'd: "x[1:] - x[:-1]", e: d + y')
    check(unified(text))
    assert told(text, "x") == [
        "In `d + y`, `y` has 4 entries, so `d` needs 4 entries; "
        "since `d = x[1:] - x[:-1]`, `x` has 5 entries."
    ]
    text = problem("x: vector(?), y: vector(4)", 'e: "x[2:-3] + y"')
    assert elaborate(tutor.loads(text).problem)["x"].shape == (9,)
    for part in ("x[:6]", "x[-6:]", "x[::2]", "x[:0]"):  # a shorter x would have fewer
        with pytest.raises(InputError, match="needs its number"):
            unified(text.replace("x[2:-3]", part))


def _read_backwards(unifier: Unifier, sizes: Iterable[Unknown]) -> tuple[Step, ...]:
    return tuple(reversed(proofs.proof(unifier, sizes)))


def _without_the_first(unifier: Unifier, sizes: Iterable[Unknown]) -> tuple[Step, ...]:
    return proofs.proof(unifier, sizes)[-1:]


@pytest.mark.parametrize("fault", [_read_backwards, _without_the_first])
def test_a_chain_that_is_no_proof_is_seen(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted faults: the wrong order, and a link that is left out."""
    unifier = unified(CHAIN)
    check(unifier)
    monkeypatch.setitem(globals(), "proof", fault)
    with pytest.raises(AssertionError, match=r"not shown|something else|stands nowhere"):
        check(unifier)


def test_a_premise_that_was_not_shown_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a sentence cites whatever has the right size, as circular reasons do."""
    monkeypatch.setattr(sides, "_is_known", lambda *_: True)
    monkeypatch.setattr(sides, "GATES", {})
    with pytest.raises(AssertionError, match="the premise was not shown"):
        check(unified(LSTM))
