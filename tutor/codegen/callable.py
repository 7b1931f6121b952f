"""A function to call: arrays in, arrays out, with their shapes looked at first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import InputError, ShapeError, did_you_mean
from ..graph.dims import Dim
from .closure import compiled, installed
from .function import Function
from .module import described
from .signature import Parameter

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def callable_(f: Function) -> Callable[..., Any]:
    """A plain function of the quantities that the derivative is taken of, by position or name.

    Those that the derivative does not need may be left out. Raises ShapeError for an array that
    does not fit the others, InputError for a name that is missing or unknown.
    """
    run = compiled(f)
    convert = _converter(f.library.name)
    bound, check = _Binder(f), _Check(f)
    renamed = [(p.identifier, p.name) for p in f.parameters]
    as_float = f.library.name == "numpy" and not f.shape
    fitting: Shapes = ()  # those that were looked at last, for a call may be one of thousands

    def function(*args: Any, **keywords: Any) -> Any:
        nonlocal fitting
        arrays = {n: convert(x) for n, x in bound(args, keywords).items()}
        shapes = tuple([(n, x.shape) for n, x in arrays.items()])
        if shapes != fitting:
            check(arrays)
            fitting = shapes
        result = run({identifier: arrays[name] for identifier, name in renamed})
        return float(result) if as_float else result

    function.__name__ = function.__qualname__ = f.name
    function.__doc__ = described(f)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(p.identifier, kind) for p in f.accepted]
    )
    return function


def _converter(library: str) -> Callable[[Any], Any]:
    module = installed(library)
    if library == "numpy":
        return lambda x: np.asarray(x, dtype=float)
    if library == "torch":
        return lambda x: x if module.is_tensor(x) else module.as_tensor(x, dtype=module.float64)
    numpy = installed("jax.numpy")
    return numpy.asarray


class _Binder:
    """Positional and named arguments as arrays by name."""

    def __init__(self, f: Function) -> None:
        self.function = f.name
        self.names = [p.name for p in f.accepted]
        self.by_key = {p.identifier: p.name for p in f.accepted} | {n: n for n in self.names}
        self.everything = set(self.names)
        self.needed = [p.name for p in f.parameters]

    def __call__(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Mapping[str, Any]:
        names = self.names
        if not args and keywords.keys() == self.everything:
            return keywords
        if len(args) > len(names):
            raise InputError(
                f"{self.function} takes {len(names)} arrays ({self.listed()}), not {len(args)}"
            )
        found = dict(zip(names, args, strict=False))
        for key, value in keywords.items():
            name = self.by_key.get(key)
            if name is None:
                hint = did_you_mean(key, names) or f"it takes {self.listed()}"
                raise InputError(f"{self.function} has no argument `{key}`", hint=hint)
            if name in found:
                raise InputError(f"`{name}` is given twice")
            found[name] = value
        missing = [n for n in self.needed if n not in found]
        if missing:
            lacking = ", ".join(f"`{n}`" for n in missing)
            raise InputError(f"{self.function} needs {lacking}", hint=f"it takes {self.listed()}")
        return found

    def listed(self) -> str:
        return ", ".join(self.names)


class _Check:
    """Every array has its axes, and the sizes that they share agree."""

    def __init__(self, f: Function) -> None:
        self.parameters = [(p, len(p.shape), list(enumerate(p.shape))) for p in f.accepted]

    def __call__(self, arrays: Mapping[str, Any]) -> None:
        known: dict[Dim, tuple[int, Parameter, int]] = {}
        for p, order, axes in self.parameters:
            if p.name not in arrays:
                continue
            shape = tuple(arrays[p.name].shape)
            if len(shape) != order:
                raise ShapeError(
                    f"`{p.name}` must be {_kind(p)}, and this one has shape {_written(shape)}",
                    hint=_hint(p, shape),
                )
            for axis, d in axes:
                n, before = shape[axis], known.get(d)
                if before is not None:
                    if before[0] != n:
                        raise _misfit(p, axis, n, before[0], _because(d, before[1:]))
                    continue
                known[d] = (n, p, axis)
                want = _computed(d, known)
                if want is not None and want != n:
                    raise _misfit(p, axis, n, want, None)


def _misfit(p: Parameter, axis: int, n: int, want: int, hint: str | None) -> ShapeError:
    return ShapeError(f"`{p.name}` has {n} {_axis(p, axis)}, but {want} fit here", hint=hint)


def _computed(d: Dim, known: Mapping[Dim, tuple[int, Parameter, int]]) -> int | None:
    """What a size that is a number or a formula must be; None if that is open."""
    if isinstance(d, int) or d.is_Symbol:
        return d if isinstance(d, int) else None
    value = d.subs({s: n for s, (n, _, _) in known.items() if s in d.free_symbols})
    return int(value) if value.is_Integer else None


def _because(d: Dim, said: tuple[Parameter, int]) -> str:
    p, axis = said
    return f"as many as `{p.name}` has {_axis(p, axis)} ({d})"


def _axis(p: Parameter, axis: int) -> str:
    if len(p.shape) == 1:
        return "entries"
    return ("rows", "columns")[axis] if len(p.shape) == 2 else f"entries along axis {axis}"


def _kind(p: Parameter) -> str:
    order = len(p.shape)
    if order == 0:
        return "a number"
    axes = "one axis" if order == 1 else f"{order} axes"
    return f"an array of {axes}, {_written(p.shape)}"


def _hint(p: Parameter, shape: tuple[int, ...]) -> str | None:
    if len(p.shape) == 1 and len(shape) == 2 and 1 in shape:
        return "a column or row is a 1-D array here: take its .ravel()"
    return None


def _written(shape: tuple[Any, ...]) -> str:
    inner = ", ".join(map(str, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
