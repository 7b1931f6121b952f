"""A problem as typed data: what the loader makes of a file, and what the tasks read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Where
from ..expr import Call, Expr, walk
from ..steps import Text
from ..value import Value


@dataclass(frozen=True)
class Source:
    """An expression's text and where its characters stand in the file."""

    text: str
    places: Any  # problem.yaml's scalar node: maps an offset in `text` to line and column

    def where(self, span: tuple[int, int]) -> Where:
        return self.places.where(*span)


@dataclass(frozen=True)
class Given:
    """A declared name: with a value, or with a shape only.

    `shape` holds dimension terms (`Num`, `Name`, arithmetic on them) or "?" for an unknown one;
    None when the value alone says it. Of a `homogeneous` vector it counts the coordinates,
    without the final 1.
    """

    name: str
    value: Value | None
    shape: tuple[Expr | str, ...] | None
    where: Where
    source: Source | None = None
    properties: frozenset[str] = frozenset()  # symmetric diagonal positive homogeneous
    label: str | None = None
    decimals: bool = False  # some number was typed with a point or as 1e-3, or drawn so


@dataclass(frozen=True)
class Definition:
    """`names` has more than one entry when an operation with several results is unpacked."""

    names: tuple[str, ...]
    expr: Expr
    source: Source
    where: Where  # of the name


@dataclass(frozen=True)
class Task:
    """A task as typed by `task_table.TASKS`: every argument present, defaults filled in.

    args: str for a name, tuple[str, ...] for names, Expr for expressions, int, float, bool, dict.
    answer: nested tuples of Expr, or a mapping of name -> the same, or None.
    """

    id: str
    kind: str
    args: Mapping[str, Any]
    where: Where
    sources: Mapping[str, Source] = field(default_factory=dict)  # of the Expr arguments
    places: Mapping[str, Where] = field(default_factory=dict)  # of every argument given
    text: str | None = None
    points: float | None = None
    hint: str | None = None
    answer: Any = None
    answer_json: Any = None  # as the author wrote it, JSON-ready
    tolerance: float | None = None


@dataclass(frozen=True)
class Layer:
    """A layer of `network`: torch.nn's name and its arguments (int, str, bool, tuple or Name)."""

    type: str
    args: Mapping[str, Any]
    where: Where
    places: Mapping[str, Where] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """Layers that belong together.

    kind: Sequential and Repeat (one branch, `times` times over) run one layer after the other;
        Residual (body and shortcut, which may be empty) adds the ends of its branches, Concat
        joins them along the axis `dim` of torch (0 is the batch)
    """

    kind: str
    branches: tuple[tuple[Layer | Block, ...], ...]
    where: Where
    times: Any = 1  # an int, or a Name
    dim: int = 1


@dataclass(frozen=True)
class Network:
    input: tuple[Any, ...]  # ints, or names for symbolic sizes
    layers: tuple[Layer | Block, ...]
    where: Where
    seed: int = 0  # of the weights that are drawn


@dataclass(frozen=True)
class Convention:
    layout: str = "numerator"
    vec: str = "column"
    conv: str = "correlation"
    ties: str = "first"
    style: str = "adjoint"
    stated: frozenset[str] = frozenset()  # the ones that the file names itself


@dataclass(frozen=True)
class Problem:
    title: str
    source: str | None
    statement: str | None
    tags: tuple[str, ...]
    convention: Convention
    given: Mapping[str, Given]
    define: tuple[Definition, ...]
    network: Network | None
    tasks: tuple[Task, ...]
    path: Path | None = None
    language: str = "en"  # of the words printed around the mathematics
    notes: str | None = None  # printed with solutions only: it may tell answers
    remarks: tuple[Text, ...] = ()  # on what was assumed: shown with the solution
    weights: Mapping[str, str] = field(default_factory=dict)  # of a network, each with its layer
    only_network: bool = False  # nothing is defined but the network, written out

    @property
    def in_decimals(self) -> bool:
        """Whether results are printed as decimals where these are exact: the givens are typed so.

        One given with a decimal point is enough. A fraction typed beside it, such as 1/3, stays one
        where it has no short decimal.
        """
        return any(g.decimals for g in self.given.values())

    @property
    def has_windows(self) -> bool:
        """Whether something slides over an image here, so that a formula may speak of it."""
        called = {x.func for d in self.define for x in walk(d.expr) if isinstance(x, Call)}
        return self.network is not None or any(
            name in ("fold", "unfold") or "conv" in name or "pool" in name for name in called
        )

    @property
    def unwritten(self) -> frozenset[str]:
        """The ends of a network that is not written out, as where a size of it is unknown."""
        if self.network is None:
            return frozenset()
        own = {n for d in self.define for n in d.names}
        return frozenset({"input", "output"} - own - set(self.given))

    @property
    def unknowns(self) -> frozenset[str]:
        """Hyperparameters that solve_shape tasks ask for, and that stay open in `define`."""
        return frozenset(
            name for t in self.tasks if t.kind == "solve_shape" for name in t.args["unknown"]
        )
