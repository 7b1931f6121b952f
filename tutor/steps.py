"""A derivation as data: steps, results, checks. Renderers are pure functions of it.

`Text` is words with mathematics between: an English sentence whose `{holes}` are filled by terms,
numbers or strings. The sentence itself is the key of the message catalogue, so that a translation
is a table from it, and no renderer builds sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .expr import Expr
from .value import Value

Dim = int | Any  # an integer, or a SymPy expression in symbolic sizes
Shape = tuple[Dim, ...]


@dataclass(frozen=True)
class Text:
    """A sentence with holes: Text("The sine of {x}.", {"x": Name("u1")}).

    Mathematics in the words goes through holes only; the sentence holds no markup. Holes are filled
    by a term (typeset as mathematics), a Text (translated in its turn), a str, an int or a float
    (as they are), or a tuple of these (a list with commas).
    """

    message: str
    args: Mapping[str, Any] = field(default_factory=dict)
    one: str | None = None  # the sentence in its place where {n} is 1; the message is for many

    def __hash__(self) -> int:
        return hash((self.message, *self.args.items()))

    @property
    def english(self) -> str:
        """The sentence that holds for {n}, its holes still open."""
        return self.one if self.one is not None and self.args.get("n") == 1 else self.message


def in_turn(*sentences: Text | None) -> Text:
    """Sentences one after the other; what is None is left out, but something must be said."""
    first, *rest = [s for s in sentences if s is not None]
    for s in rest:
        first = Text("{a} {b}", {"a": first, "b": s})
    return first


def all_of(items: Sequence[Any]) -> Text:
    """a, b and c."""
    *some, last = items
    if not some:
        return Text("{it}", {"it": last})
    first = some[0]
    for x in some[1:]:
        first = Text("{a}, {b}", {"a": first, "b": x})
    return Text("{some} and {last}", {"some": first, "last": last})


Place = tuple[int, int]  # row and column, from 0


@dataclass(frozen=True)
class Grid:
    """An array drawn cell by cell.

    cells: None is an empty cell; padding: cells around the array; framed: the window, or the entry
    that comes from it; winners: entries that a maximum keeps
    """

    name: Expr
    cells: tuple[tuple[Expr | None, ...], ...]
    padding: tuple[Place, ...] = ()
    framed: tuple[Place, ...] = ()
    winners: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Picture:
    """Arrays side by side with signs between them, and what they show in words."""

    grids: tuple[Grid, ...]
    signs: tuple[str, ...]  # one fewer: "⋆", "→"
    words: Text


@dataclass(frozen=True)
class Step:
    """One step.

    kind: given | forward | local | chain | closed | value | check | update | shape | note
    rule: public name of the law used, e.g. "chain rule"; "" for a given
    equation: the members of a chain of equalities, e0 = e1 = e2 …; () when words say it all
    approx: a decimal beside an exact last member; or None
    jacobian_dims: of a local derivative, rows × columns in the chosen layout, as text ("1×2")
    uses: ids of earlier steps that it rests on
    level: 0 always shown, 1 normally, 2 in detail only
    picture: arrays that show how a window slides
    """

    id: str
    kind: str
    rule: str
    title: Text
    equation: tuple[Expr, ...] = ()
    approx: Expr | None = None
    why: Text | None = None
    shape: Shape = ()
    jacobian_dims: str | None = None
    uses: tuple[str, ...] = ()
    level: int = 1
    picture: Picture | None = None


@dataclass(frozen=True)
class Check:
    """The outcome of a cross-check by a second method."""

    method: str  # "central differences", "direct loop", …
    max_rel_error: float
    passed: bool | None  # None: it could not be made, for the reason in the note
    note: Text | None = None  # e.g. that it stepped around a kink
    at: str = ""  # the sizes at which random values were drawn, "m = 3, n = 5"
    tally: Text | None = None  # what was counted anew, where nothing is measured

    @property
    def words(self) -> str:
        """The method and the sizes, in English."""
        return f"{self.method}, {self.at}" if self.at else self.method

    @staticmethod
    def impossible(why: Text) -> Check:
        """A check that could not be made."""
        return Check("none", 0.0, None, why)


@dataclass(frozen=True)
class Answer:
    """The author's expected answer and whether ours agrees."""

    given: Any  # JSON-ready: numbers, strings, nested lists, mappings
    correct: bool | None  # None: nothing could decide
    note: Text | None = None


@dataclass(frozen=True)
class Table:
    """A table inside a solution (parameters, shapes, training).

    rows: of cells Expr | Text | str | int | float | None, where None is a dash and "" empty
    right: indices of right-aligned columns
    caption: what stands above it
    note: what its columns mean; not said in brief
    depths: how deep the first cell of each row is indented; () if none is
    levels: the levels of detail that show it
    """

    columns: tuple[Text, ...]
    rows: tuple[tuple[Any, ...], ...]
    right: frozenset[int] = frozenset()
    caption: Text | None = None
    note: Text | None = None
    depths: tuple[int, ...] = ()
    levels: range = range(3)

    @property
    def indented(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Each row after its depth."""
        return zip(self.depths or (0,) * len(self.rows), self.rows, strict=True)


@dataclass(frozen=True)
class DiagramNode:
    """A node of the computational graph.

    kind: input (given, not a parameter) | parameter (given, differentiated) | operation | output
    label: the operation's symbol for an operation ("+", "sin", "conv2d"), None for a given
    """

    id: str
    name: str
    kind: str
    op: str | None
    label: Expr | None  # what the node computes, e.g. wᵀx; None for a given
    shape: Shape
    dims: str
    value: Value | None = None
    gradient: Value | None = None


@dataclass(frozen=True)
class DiagramEdge:
    source: str
    target: str
    dims: str  # of the value that flows along it
    jacobian_dims: str
    gradient_dims: str | None = None  # of the gradient that flows back along it, if one does


@dataclass(frozen=True)
class Diagram:
    nodes: tuple[DiagramNode, ...]
    edges: tuple[DiagramEdge, ...]
    gradient_of: str | None = None  # whose gradients the nodes and edges carry


@dataclass(frozen=True)
class Curve:
    """How a quantity ran from step to step: its values before each step and after the last."""

    quantity: Expr
    values: tuple[float, ...]
    label: str  # of the method, where several curves stand in one picture


@dataclass(frozen=True)
class Named:
    """One of several quantities that a task found: μ = mean(X), in numbers where there are any."""

    symbol: Expr
    formula: Expr | None
    value: Value | None


@dataclass(frozen=True)
class TaskResult:
    """One entry of the JSON `tasks`.

    subject: the task's own arguments, JSON-ready ({"of": "L", "wrt": "w"})
    extra: task-specific JSON-ready fields (`layers`, `history`, `solutions` …)
    """

    id: str
    task: str
    subject: Mapping[str, Any]
    heading: Text  # "Gradient of {L} with respect to {w}"
    steps: tuple[Step, ...] = ()
    shape: Shape | None = None
    dims: str | None = None
    jacobian_dims: str | None = None
    symbol: Expr | None = None  # what the result is called: ∂L/∂w
    formula: Expr | None = None
    value: Value | None = None
    several: tuple[Named, ...] = ()  # instead of these three
    extra: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    diagram: Diagram | None = None
    curve: Curve | None = None
    undefined: Text | None = None  # why there is no value, though the quantities have theirs
    check: Check | None = None
    answer: Answer | None = None
    text: str | None = None  # the question, in the author's words
    points: float | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Variable:
    """A given or defined name, for tables and for the printers' choice of font."""

    name: str
    kind: str  # given | defined
    shape: Shape
    dims: str
    value: Value | None
    label: str | None = None  # LaTeX for display


@dataclass(frozen=True)
class Solution:
    title: str
    source: str | None
    statement: str | None
    conventions: Mapping[str, str]  # layout, vec, conv, ties, style
    variables: Mapping[str, Variable]
    tasks: tuple[TaskResult, ...]
    warnings: tuple[Text, ...] = ()
    diagram: Diagram | None = None
    relevant: frozenset[str] = frozenset(("layout", "vec", "conv", "ties"))  # conventions to state
    language: str = "en"  # of the words around the mathematics
    notes: str | None = None  # the author's remarks on source and answers

    @property
    def ok(self) -> bool:
        """No cross-check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[TaskResult, ...]:
        """The tasks whose cross-check disagrees."""
        return tuple(t for t in self.tasks if t.check is not None and t.check.passed is False)
