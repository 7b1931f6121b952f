"""The arguments of a network's layers: torch's names and defaults, and what each may hold.

A layer's row in `layers.LAYERS` lists `Argument`s in torch's order; `bind` checks the values that
a file gives, fills in the defaults and spreads one number over the spatial axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import limits
from ..errors import InputError, did_you_mean
from ..expr import Name

Args = Mapping[str, Any]

# What an argument may hold.
COUNT = "count"  # an integer ≥ 1
WINDOW = "window"  # an integer ≥ 1, or one per spatial axis
PADDING = "padding"  # an integer ≥ 0, one per spatial axis, or [before, after] per spatial axis
CONV_PADDING = "conv padding"  # the same, or "same" or "valid"
FLAG = "flag"  # true or false
NUMBER = "number"
AXIS = "axis"  # an integer, negative from the end; axis 0 is the batch
INDEX = "index"  # of an entry of an axis: an integer, negative from the end
WORD = "word"  # one of `Argument.words`
AMOUNT = "amount"  # an integer ≥ 0
SPARE = "spare"  # an integer ≥ 0, or one per spatial axis
PROBABILITY = "probability"
SIZES = "sizes"  # an integer ≥ 1, or a list of them
OUTPUTS = "outputs"  # an integer ≥ 1 or null (stay), or one of these per spatial axis
FACTORS = "factors"  # a number > 0, or one per spatial axis
EDGES = "edges"  # an integer ≥ 0, or [before, after] of the last axis, then of the one before it
SPLIT = "split"  # a list of integers ≥ 1, of which one may be −1
AXES = "axes"  # a list of axes


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


@dataclass(frozen=True)
class Argument:
    """One argument; `default` is torch's, `words` are the strings that it may hold.

    left_out: what holds where the default is None, in words
    """

    kind: str
    default: Any = REQUIRED
    words: tuple[str, ...] = ()
    left_out: str = ""


class UnknownSizeError(InputError):
    """A hyperparameter or a size is a name without a value."""

    def __init__(self, name: str, what: str, where: Any) -> None:
        super().__init__(
            f"{what} is `{name}`, which has no value",
            hint=f"give it a number, or ask for it: "
            f"`solve_shape: {{unknown: {name}, so_that: {{output: [...]}}}}`",
            where=where,
        )
        self.name = name


def substitute(value: Any, values: Mapping[str, int]) -> Any:
    """`value` with the names that have a number replaced by it."""
    if isinstance(value, Name):
        return values.get(value.id, value)
    if isinstance(value, tuple | list):
        return tuple(substitute(x, values) for x in value)
    return value


def free_names(value: Any) -> tuple[str, ...]:
    """The names inside an argument's value, in order."""
    if isinstance(value, Name):
        return (value.id,)
    if isinstance(value, tuple | list):
        return tuple(name for x in value for name in free_names(x))
    return ()


def bind(
    type_: str,
    signature: Mapping[str, Argument],
    axes: int,
    given: Args,
    values: Mapping[str, int],
    where: Any,
    places: Mapping[str, Any],
) -> dict[str, Any]:
    """Every argument of the layer with a checked value, names replaced by `values`.

    Windows become one integer per spatial axis, paddings one (before, after) per spatial axis; the
    words "same" and "valid" stay.
    """
    for name in given:
        if name not in signature:
            takes = ", ".join(f"`{n}`" for n in signature) or "no arguments"
            raise InputError(
                f"{type_} has no argument `{name}`",
                hint=did_you_mean(name, signature) or f"{type_} takes {takes}",
                where=places.get(name, where),
            )
    bound = {}
    for name, argument in signature.items():
        if name in given:
            value = substitute(given[name], values)
            place = places.get(name, where)
            for free in free_names(value):
                raise UnknownSizeError(free, f"`{name}` of {type_}", place)
            try:
                bound[name] = _checked(value, argument, axes)
            except InputError as error:
                message = f"`{name}` of {type_} {error.message}"
                raise InputError(message, hint=error.hint, where=place) from None
        elif argument.default is REQUIRED:
            raise InputError(
                f"{type_} needs `{name}`", hint=f"write `{type_}: {{{name}: …}}`", where=where
            )
        else:
            default = argument.default
            bound[name] = None if default is None else _checked(default, argument, axes)
    return bound


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked(value: Any, argument: Argument, axes: int) -> Any:
    kind = argument.kind
    if value is None and argument.default is None:
        return None
    if isinstance(value, str):
        if value in argument.words:
            return value
        wanted = " or ".join(f"`{w}`" for w in argument.words) or WANTED[kind]
        hint = did_you_mean(value, argument.words)
        raise InputError(f"is `{value}`, but must be {wanted}", hint=hint)
    match kind:
        case "count":
            return _integer(value, 1, kind)
        case "window":
            return _per_axis(value, axes, 1, kind)
        case "amount":
            return _integer(value, 0, kind)
        case "spare":
            return _per_axis(value, axes, 0, kind)
        case "outputs" | "factors":
            return _each(value, axes, kind)
        case "edges":
            return _edges(value, axes)
        case "sizes" | "split" | "axes":
            return _listed(value, kind)
        case "probability" if isinstance(value, int | float) and 0 <= value <= 1:
            return value
        case "padding" | "conv padding":
            return _paddings(value, axes, kind)
        case "flag" if isinstance(value, bool):
            return value
        case "number" if not isinstance(value, bool | tuple | list):
            return value
        case "axis" | "index" if _is_int(value):
            return value
    raise InputError(f"is {_shown(value)}, but must be {WANTED[kind]}")


WANTED = {
    COUNT: "a whole number of at least 1",
    WINDOW: "a whole number of at least 1, or a list with one for each axis",
    PADDING: "a whole number of at least 0, or a list with one for each axis",
    CONV_PADDING: "a whole number of at least 0, a list with one for each axis, `same` or `valid`",
    FLAG: "true or false",
    NUMBER: "a number",
    AXIS: "the number of an axis",
    INDEX: "the number of an entry, from 0, or from -1 backwards",
    WORD: "a word",
    AMOUNT: "a whole number of at least 0",
    SPARE: "a whole number of at least 0, or a list with one for each axis",
    PROBABILITY: "a number from 0 to 1",
    SIZES: "a whole number of at least 1, or a list of them",
    OUTPUTS: "a whole number of at least 1, null, or a list with one for each axis",
    FACTORS: "a number above 0, or a list with one for each axis",
    EDGES: "a whole number of at least 0, or a list such as [left, right, top, bottom]",
    SPLIT: "a list of whole numbers of at least 1, one of which may be -1",
    AXES: "a list of axes such as [0, 2, 1]",
}


def _integer(value: Any, least: int, kind: str) -> int:
    if not _is_int(value) or value < least:
        raise InputError(f"is {_shown(value)}, but must be {WANTED[kind]}")
    if value > limits.DIMENSION:
        raise InputError(f"is {value}, more than the largest size {limits.DIMENSION}")
    return value


def _per_axis(value: Any, axes: int, least: int, kind: str) -> tuple[int, ...]:
    if not isinstance(value, tuple | list):
        return (_integer(value, least, kind),) * axes
    if len(value) != axes:
        raise InputError(
            f"has {_entries(value)}, but the layer slides along {_axes(axes)}",
            hint=_axis_hint(kind, len(value), axes),
        )
    return tuple(_integer(x, least, kind) for x in value)


def _paddings(value: Any, axes: int, kind: str) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, tuple | list):
        number = _integer(value, 0, kind)
        return ((number, number),) * axes
    if len(value) != axes:
        raise InputError(
            f"has {_entries(value)}, but the layer slides along {_axes(axes)}",
            hint=_axis_hint(kind, len(value), axes),
        )
    sides = []
    for x in value:
        pair = x if isinstance(x, tuple | list) else (x, x)
        if len(pair) != 2:
            raise InputError(f"has {_shown(x)} for one axis, but needs [before, after]")
        sides.append((_integer(pair[0], 0, kind), _integer(pair[1], 0, kind)))
    return tuple(sides)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _each(value: Any, axes: int, kind: str) -> tuple[Any, ...]:
    """One number or null for each axis; as given where the layer takes images of every order."""
    entries = value if isinstance(value, tuple | list) else (value,) * max(axes, 1)
    if axes and len(entries) != axes:
        raise InputError(f"has {_entries(entries)}, but the layer acts along {_axes(axes)}")
    for x in entries:
        if kind == FACTORS and not (_is_number(x) and 0 < x <= limits.DIMENSION):
            raise InputError(f"is {_shown(value)}, but must be {WANTED[kind]}")
        if kind == OUTPUTS and x is not None:
            _integer(x, 1, kind)
    return tuple(entries)


def _edges(value: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis, the first axis first; torch lists the last axis first."""
    if not isinstance(value, tuple | list):
        return ((_integer(value, 0, EDGES),) * 2,) * axes
    if len(value) != 2 * axes:
        raise InputError(
            f"has {_entries(value)}, but needs {2 * axes}: one before and one after "
            f"for {_axes(axes)}"
        )
    flat = [_integer(x, 0, EDGES) for x in value]
    return tuple((flat[2 * i], flat[2 * i + 1]) for i in reversed(range(axes)))


def _listed(value: Any, kind: str) -> tuple[int, ...]:
    entries = value if isinstance(value, tuple | list) else (value,)
    listed = isinstance(value, tuple | list) or kind == SIZES
    least = {SIZES: 1, SPLIT: 1, AXES: -limits.TENSOR_ORDER}[kind]
    open_ = [x for x in entries if kind == SPLIT and x == -1]
    if not listed or len(open_) > 1 or len(entries) > limits.TENSOR_ORDER:
        raise InputError(f"is {_shown(value)}, but must be {WANTED[kind]}")
    return tuple(-1 if x in open_ else _integer(x, least, kind) for x in entries)


def _axis_hint(kind: str, entries: int, axes: int) -> str | None:
    if kind in (PADDING, CONV_PADDING) and entries == 2 * axes:
        return "different paddings before and after are written as a pair for each axis, " + (
            "[[before, after]]" if axes == 1 else "[[before, after], [before, after]]"
        )
    return None


def _entries(values: tuple | list) -> str:
    return "1 entry" if len(values) == 1 else f"{len(values)} entries"


def _axes(axes: int) -> str:
    return "1 axis" if axes == 1 else f"{axes} axes"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_shown(x) for x in value) + "]"
    return str(value)
