"""A network written out: every layer as definitions, its weights as givens.

`terms` knows what a layer computes, as text in the language of `define`; this module names the
results and the weights and goes through the blocks. So everything that works for definitions
(values, gradients, training, pictures) works for a network.

A layer's result has the name that `parameters` lists (`conv2d_1`), the last one is `output`. The
weights carry the number of their layer among those that have weights: `W_1`, `b_1`, `gamma_2`. One
that the file gives or defines under that name is taken; the others are drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import limits
from ..errors import InputError, ShapeError, Where
from ..expr import Name, Num
from ..steps import Text
from . import initial
from .applied import Applied, AppliedBlock, AppliedPart, apply_tree, input_shape
from .expression import parse
from .initial import Initial
from .layer_spec import Shape
from .model import Definition, Given, Network, Source

OUTPUT, INPUT = "output", "input"


@dataclass(frozen=True)
class Written:
    """What a network adds to a problem, and what a reader must know about it.

    weights: the names of all weights, drawn or given, each with the name of its layer
    """

    given: Mapping[str, Given]
    define: tuple[Definition, ...]
    weights: Mapping[str, str]
    remarks: tuple[Text, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.given, *(name for d in self.define for name in d.names))


@dataclass(frozen=True)
class _Layer:
    """Stands for the place of any part of a text that the file does not hold."""

    place: Where

    def where(self, start: int, end: int) -> Where:
        return self.place


@dataclass
class Writer:
    """Collects the lines of the layers; the rules in `terms` call it.

    own: the names that the file itself gives or defines
    batch: how many examples `input` holds along an axis of its own; None for a single one
    """

    own: Mapping[str, Given | None]
    batch: int | None
    where: Where
    weights: list[tuple[str, Shape, Initial, Where]] = field(default_factory=list)
    owner: dict[str, str] = field(default_factory=dict)  # of each weight, its layer
    constants: dict[str, Given] = field(default_factory=dict)
    define: list[Definition] = field(default_factory=list)
    said: dict[str, Text] = field(default_factory=dict)
    layer: str = ""  # the name of the layer that is being written
    number: int = 0  # of that layer among those with weights; counted at its first weight
    counted: bool = False
    axes: int = 0  # of one example of its input
    taken: set[str] = field(default_factory=set)

    # -- what the rules use ------------------------------------------------------------------

    @property
    def lead(self) -> tuple[int, ...]:
        return () if self.batch is None else (self.batch,)

    def axis(self, k: int) -> int:
        """The axis k of one example, among the axes of the array."""
        return k + len(self.lead)

    def sizes(self, shape: Sequence[int]) -> str:
        """The sizes of an array whose examples have this shape."""
        return "[" + ", ".join(map(str, (*self.lead, *shape))) + "]"

    def over_batch(self, x: str, call: str, more: Sequence[str]) -> str:
        """A call of an operation that wants the batch as its first axis."""
        if self.batch == 1 and self.axes == 1:  # on paper a row, which is no batch
            return f"{call}({', '.join([f'unsqueeze(flatten({x}), 0)', *more])})"
        if self.lead:
            return f"{call}({', '.join([x, *more])})"
        return f"squeeze({call}({', '.join([f'unsqueeze({x}, 0)', *more])}), 0)"

    def along_rows(self, name: str, own: Sequence[int], shape: Sequence[int]) -> str:
        """A weight that is added along the last axes: beside a matrix on paper, a row."""
        return f"{name}.T" if len(own) == 1 and len(self.lead) + len(shape) == 2 else name

    def weight(self, letters: str, shape: Sequence[int], start: Initial, tail: str = "") -> str:
        """A weight of the layer; its name is the letters with the layer's number."""
        name = self.numbered(letters, tail)
        given = self.own.get(name)
        if given is not None and given.value is not None and given.value.shape != tuple(shape):
            raise ShapeError(
                f"`{name}` is a weight of {self.layer} and must have the shape {list(shape)}, "
                f"not {list(given.value.shape)}",
                hint="choose another name if it is no weight of the network",
                where=given.where,
            )
        self.owner[name] = self.layer
        if name not in self.own:
            self.weights.append((name, tuple(shape), start, self.where))
        return name

    def running(self, letters: str) -> str | None:
        """A running statistic of the layer, if the file gives it."""
        name = self.numbered(letters)
        return name if name in self.own else None

    def numbered(self, letters: str, tail: str = "") -> str:
        """The letters with the number of the layer, which counts from now on."""
        if not self.counted:
            self.number, self.counted = self.number + 1, True
        return f"{letters}_{self.number}{tail}"

    def constant(self, letters: str, value: Any) -> str:
        """An array that the layer holds, and that is not learned."""
        name = self.free(f"{letters}_{self.layer}")
        self.constants[name] = Given(name, value, None, self.where)
        return name

    def line(self, text: str, *names: str) -> str:
        """A definition; its (first) name. Without a name the layer's own with a number."""
        own = tuple(self.free(name) for name in names or (f"{self.layer}_{len(self.define) + 1}",))
        source = Source(text, _Layer(self.where))
        self.define.append(Definition(own, parse(text), source, self.where))
        return own[0]

    def say(self, key: str, note: Text) -> None:
        """A remark on the whole network, once."""
        self.said.setdefault(key, note)

    def refuse(self, message: str, hint: str | None = None) -> InputError:
        return InputError(f"{self.layer}: {message}", hint=hint, where=self.where)

    # -- names and blocks --------------------------------------------------------------------

    def free(self, name: str) -> str:
        if name in self.own or name in self.taken:
            raise InputError(
                f"`{name}` is what a layer of the network is called",
                hint="choose another name",
                where=self.where,
            )
        self.taken.add(name)
        return name

    def parts(self, parts: Sequence[AppliedPart], x: str, last: bool = False) -> str:
        """The lines of parts one after the other; the name of what comes out."""
        for k, part in enumerate(parts):
            ends = last and k == len(parts) - 1
            x = self.one(part, x, ends) if isinstance(part, Applied) else self.block(part, x, ends)
        return x

    def one(self, it: Applied, x: str, last: bool) -> str:
        from .terms import TERMS

        self.layer, self.where, self.counted = it.name, it.layer.where, False
        self.axes = len(it.input)
        text = TERMS[it.spec.type](self, x, it)
        if text == x and not last:  # nothing happens, so there is no line
            return x
        return self.line(text, OUTPUT if last else it.name)

    def block(self, part: AppliedBlock, x: str, last: bool) -> str:
        if not part.parallel:
            for k, branch in enumerate(part.branches):
                x = self.parts(branch, x, last and k == len(part.branches) - 1)
            if last and x != OUTPUT:  # the last part was empty
                return self.line(x, OUTPUT)
            return x
        ends = [self.parts(branch, x) for branch in part.branches]
        self.layer, self.where = part.block.kind.lower(), part.block.where
        if part.block.kind == "Residual":
            body, shortcut = ends
            text = f"{body} + {shortcut}"
        else:
            dim = part.block.dim % (len(part.output) + 1) - 1
            text = f"concat({', '.join(ends)}, axis={self.axis(dim)})"
        return self.line(text, OUTPUT if last else self.joined(part.block.kind.lower()))

    def joined(self, kind: str) -> str:
        k = 1
        while f"{kind}_{k}" in self.taken:
            k += 1
        return f"{kind}_{k}"


def write_out(network: Network, given: Mapping[str, Given], defined: Collection[str]) -> Written:
    """The network's lines and weights. `given` and `defined` are the file's own names.

    Raises UnknownSizeError where a size or a hyperparameter has no number.
    """
    shape, tree = input_shape(network), apply_tree(network)
    batch = _batch(given.get(INPUT), shape)
    own = {**given, **dict.fromkeys(defined)}
    w = Writer(own, batch, network.where)
    end = w.parts(tree, INPUT, last=True)
    if end != OUTPUT:
        w.line(end, OUTPUT)
    found: dict[str, Given] = {}
    found[INPUT] = given.get(INPUT) or Given(INPUT, None, _terms(shape), network.where)
    numbers = INPUT in given and given[INPUT].value is not None
    _check_numbers(w, numbers)
    for k, (name, size, start, where) in enumerate(w.weights, 1):
        value = initial.drawn(start, size, network.seed, k) if numbers else None
        rounded = numbers and start.kind != "constant"  # to some decimals
        sizes = None if numbers else _terms(size)
        found[name] = Given(name, value, sizes, where, decimals=rounded)
    if numbers and any(start.kind != "constant" for _, _, start, _ in w.weights):
        w.say("drawn", _DRAWN)
    return Written({**found, **w.constants}, tuple(w.define), w.owner, tuple(w.said.values()))


_DRAWN = Text(
    "The weights of the network that the file does not give are drawn at random, as torch "
    "initialises them, and rounded; the same file always gives the same numbers."
)


def _check_numbers(w: Writer, numbers: bool) -> None:
    from math import prod

    count = sum(prod(size) for _, size, _, _ in w.weights)
    if numbers and count > limits.ELEMENTS:
        raise InputError(
            f"the network has {count:,} weights, but numbers are drawn for at most "
            f"{limits.ELEMENTS:,}",
            hint="leave out the value of `input`: sizes and formulas need no numbers",
            where=w.where,
        )


def _terms(shape: Sequence[int]) -> tuple[Num, ...]:
    return tuple(Num(str(n)) for n in shape)


def _batch(given: Given | None, shape: Shape) -> int | None:
    """How many examples the given input holds along its first axis; None: it is a single one."""
    if given is None:
        return None
    if given.value is not None:
        own: tuple[Any, ...] = given.value.shape
    else:
        own = tuple(
            int(d.text) if isinstance(d, Num) else d.id if isinstance(d, Name) else "?"
            for d in given.shape or ()
        )
    if own == shape:
        return None
    if own[1:] == shape and isinstance(own[0], int):
        return own[0]
    sizes, has = (", ".join(map(str, x)) for x in (shape, own))
    raise ShapeError(
        f"`input` has the shape [{has}], but the network's `input` is [{sizes}]",
        hint=f"one example is [{sizes}], a batch of n examples [n, {sizes}]",
        where=given.where,
    )
