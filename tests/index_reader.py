"""Formulas with subscripts, read by Python's own parser and worked out entry by entry, for tests.

`x[i + r]` is an entry, zero where it lies outside; `sum_r(…)` a sum over all r for which some array
has r alone as a subscript, `sum_r(…, range(2))` one over r = 0, 1;
`delta[i, j]` is 1 where both are equal. What has no letter in it is a
whole array and goes to `paper_oracle`. Nothing here comes from the package.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import paper_oracle as oracle

BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


class IndexReader:
    """values: arrays and scalars by name, and the numbers of sizes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)
        self.whole = oracle.Reader(self.values)
        self.arrays: dict[str, np.ndarray] = {}
        # what was found of a part of a formula, by its id; `trees` keeps ids from being used again
        self.trees: list[ast.expr] = []
        self.at_node: dict[int, np.ndarray] = {}
        self.ranges: dict[tuple[str, int], int] = {}

    def entries(self, text: str, letters: Sequence[str], places: Any) -> list[float]:
        """The value at each place, a tuple of numbers for the letters."""
        tree = ast.parse(text, mode="eval").body
        self.trees.append(tree)
        return [float(self.value(tree, dict(zip(letters, p, strict=True)))) for p in places]

    def value(self, node: ast.expr, at: Mapping[str, int]) -> Any:
        match node:
            case ast.Constant(value=v):
                return v
            case ast.Name(id=name) if name in at:
                return at[name]
            case ast.Name(id=name) if isinstance(self.values.get(name), int):
                return self.values[name]  # a size
            case ast.Subscript(value=ast.Name(id="delta" | "delta_K")):
                a, b = (self.value(s, at) for s in _subscripts(node))
                return float(a == b)
            case ast.Subscript() if not any(isinstance(s, ast.Slice) for s in _subscripts(node)):
                return self.entry(node, at)
            case ast.Call(func=ast.Name(id=name), args=[body]) if name.startswith("sum_"):
                return self.sum(name.split("_")[1:], body, at)
            case ast.Call(
                func=ast.Name(id=name),
                args=[body, ast.Call(func=ast.Name(id="range"), args=[size])],
            ) if name.startswith("sum_"):
                letters = name.split("_")[1:]
                places = product(range(int(self.value(size, at))), repeat=len(letters))
                return sum(
                    self.value(body, {**at, **dict(zip(letters, p, strict=True))}) for p in places
                )
            case ast.BinOp(left, op, right):
                if isinstance(op, ast.MatMult):
                    return self.array(node)
                return BINARY[type(op)](self.value(left, at), self.value(right, at))
            case ast.UnaryOp(op=ast.USub(), operand=x):
                return -self.value(x, at)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return float(COMPARE[type(op)](self.value(left, at), self.value(right, at)))
            case ast.Call(func=ast.Name(id="floor"), args=[x]):
                return math.floor(self.value(x, at))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=words) if _letters(node, at):
                given = {str(w.arg): self.value(w.value, at) for w in words}
                return oracle.NUMPY[name](*(self.value(a, at) for a in args), **given)
        return self.array(node)

    def entry(self, node: ast.Subscript, at: Mapping[str, int]) -> float:
        array = self.array(node.value)
        place = tuple(self.value(s, at) for s in _subscripts(node))
        assert array.ndim == len(place), f"{ast.unparse(node)}: {array.shape}"
        inside = all(0 <= k < n for k, n in zip(place, array.shape, strict=True))
        return float(array[place]) if inside else 0.0

    def sum(self, letters: Sequence[str], body: ast.expr, at: Mapping[str, int]) -> Any:
        if not letters:
            return self.value(body, at)
        first, *rest = letters
        assert first not in at, f"{first} is taken"
        return sum(self.sum(rest, body, {**at, first: k}) for k in range(self.range(first, body)))

    def range(self, letter: str, body: ast.expr) -> int:
        """The size of the longest axis at which the letter stands alone: outside is zero."""
        if (letter, id(body)) not in self.ranges:
            self.ranges[letter, id(body)] = self.found_range(letter, body)
        return self.ranges[letter, id(body)]

    def found_range(self, letter: str, body: ast.expr) -> int:
        found = set()
        for node in ast.walk(body):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) not in ("delta",):
                for k, s in enumerate(_subscripts(node)):
                    if isinstance(s, ast.Name) and s.id == letter:
                        found.add(self.array(node.value).shape[k])
        assert found, f"{letter} in {ast.unparse(body)} has no range"
        return max(found)

    def array(self, node: ast.expr) -> np.ndarray:
        """A whole array without its axes of size 1."""
        if id(node) not in self.at_node:
            self.at_node[id(node)] = self.read_array(node)
        return self.at_node[id(node)]

    def read_array(self, node: ast.expr) -> np.ndarray:
        key = ast.unparse(node)
        if key not in self.arrays:
            value = self.values.get(key)
            value = self.whole.read(key) if value is None else value
            self.arrays[key] = np.squeeze(np.asarray(value, dtype=float))
        return self.arrays[key]


def _subscripts(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def _letters(node: ast.expr, at: Mapping[str, int]) -> bool:
    """Whether some of the letters occur; a sum brings its own."""
    names = {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}
    return bool(names & set(at)) or any(n.startswith("sum_") for n in names)
