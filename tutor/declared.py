"""What Python says of a quantity, and how errors speak to Python: wrt= instead of --wrt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .errors import InputError

_KINDS = ("scalar", "vector", "matrix", "tensor")
_OPTION = re.compile(r'-d "(\w+): ([^"]+)"')
_SPOKEN = (
    ("say --wrt and one of", "say wrt= and one of"),
    ("declare the shapes with -d, such as", "declare the shapes, such as"),
)


def declared(name: str, x: Any) -> str:
    """A shape or a value as a line of `given`: "matrix(3, 2)" for (3, 2), "[1, 2]" for an array."""
    if isinstance(x, str):
        return x
    if isinstance(x, tuple):
        if not all(isinstance(d, int | str) and not isinstance(d, bool) for d in x):
            raise TypeError(
                f"a shape has whole numbers and names, such as {name}=(3, 'n'), not {x}"
            )
        kind = _KINDS[min(len(x), 3)]
        return f"{kind}({', '.join(map(str, x))})" if x else kind
    return as_typed(x, name)


def as_typed(x: Any, name: str | None = None) -> str:
    """A number, a list or an array as it is typed: "[[1, 2], [3, 4]]"."""
    whole = x.tolist() if hasattr(x, "tolist") else x
    if isinstance(whole, list | tuple):
        return f"[{', '.join(as_typed(y, name) for y in whole)}]"
    if isinstance(whole, bool) or not isinstance(whole, int | float):
        given = "numbers" if name is None else f"a shape such as {name}='vector(n)', or numbers"
        raise TypeError(f"{given}, not {type(x).__name__}")
    return repr(whole)


def named(name: Any) -> str:
    """A name, or TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"a name is text, such as 'x', not {kind_of_thing(name)}")
    return name


def kind_of_thing(x: Any) -> str:
    return f"{type(x).__name__} {str(x)[:40]}"


def tasks_in(tasks: Sequence[Any]) -> str:
    return f"{len(tasks)} task" + ("" if len(tasks) == 1 else "s")


def in_python(error: InputError) -> InputError:
    """The error with names of arguments in place of options of the command line."""
    error.message = _reworded(error.message)
    error.hint = None if error.hint is None else _reworded(error.hint)
    return error


def _reworded(words: str) -> str:
    for old, new in _SPOKEN:
        words = words.replace(old, new)
    return _OPTION.sub(lambda m: f'{m[1]}="{m[2]}"', words)
