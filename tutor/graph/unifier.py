"""Sizes that nobody has told: the equations that operations make of them, solved one by one.

Every comparison of sizes while a `Unifier` is active is an equation. A window along an axis of
unknown size has outputs that are an unknown of their own; which numbers both can be is asked of
`fits`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from . import fits
from .dims import Dim, Unknown, a_size, dim, number, unknown
from .fits import Fit, symbols
from .sliding import Window


@dataclass(frozen=True)
class Equation:
    """left = right, which fixed an unknown; `origin` is what was being worked out then."""

    unknown: Unknown
    value: Dim
    left: Dim
    right: Dim
    origin: Any


@dataclass(frozen=True)
class Sliding:
    """A window along an axis whose size was not known, and the number of its outputs."""

    window: Window
    outputs: Dim
    origin: Any


@dataclass(frozen=True)
class Choice:
    """What some open sizes could be, with the windows and the products that say so.

    windows: each as it was then, its sizes resolved, with its outputs
    """

    fit: Fit
    windows: tuple[tuple[Sliding, Window, Dim], ...]
    products: tuple[Equation, ...]


class Unifier:
    """The equations between sizes that have been met, solved for the unknowns.

    `origin` is set by whoever compares sizes: an equation remembers it. `slides` says whether a
    window may slide along an axis of unknown size, `letters` the same of a size such as `n`.
    """

    def __init__(self, slides: bool = False, letters: bool = False) -> None:
        self.bound: dict[sp.Expr, Dim] = {}
        self.equations: dict[Unknown, Equation] = {}
        self.origin: Any = None
        self.slides = slides
        self.letters = letters
        self.windows: list[Sliding] = []
        self.outputs: dict[Unknown, Sliding] = {}  # unknowns that are the outputs of a window
        self.parts: dict[tuple[Dim, int], Unknown] = {}  # of sizes that are divided by a number
        self.products: list[Equation] = []  # between unknowns of which none could be solved for
        self.chosen: list[Choice] = []  # what was left of the sizes that no equation fixes

    def resolve(self, d: Dim) -> Dim:
        if isinstance(d, int) or not d.has(Unknown):
            return d
        for _ in range(len(self.bound) + 1):
            new = d.subs(self.bound) if not isinstance(d, int) else d
            if new == d:
                break
            d = dim(new)
            if isinstance(d, int):
                break
        return d

    def equate(self, a: Dim, b: Dim) -> bool:
        """Record a = b; False when it cannot hold."""
        gap = sp.expand(number(self.resolve(a)) - number(self.resolve(b)))
        if gap == 0:
            return True
        inputs = self.below(gap.atoms(Unknown)) if self.outputs else set()
        unknowns = sorted(gap.atoms(Unknown), key=str)
        linear = []
        for u in unknowns:
            rate = gap.coeff(u, 1)
            rest = sp.expand(gap - rate * u)
            if rate != 0 and not rest.has(u) and not rate.has(Unknown):
                # not one that windows in the equation come from; 2u rather than v/2
                order = (u in inputs, abs(rate) != 1, u in self.outputs, str(u))
                linear.append((order, u, dim(-rest / rate)))
        if linear:
            _, u, value = min(linear, key=lambda x: x[0])
            return self.fix(u, value, a, b)
        if len(unknowns) == 1 and gap.free_symbols == set(unknowns):
            roots = sp.Poly(gap, *unknowns).ground_roots()
            sizes = [r for r in roots if a_size(dim(r))]
            if len(sizes) < 2:
                return bool(sizes) and self.fix(unknowns[0], dim(sizes[0]), a, b)  # type: ignore[arg-type]
        # a product of unknowns: it holds when it is met again with numbers, or they stay open
        known = [self._gap(p) for p in self.products]
        if gap in known or -gap in known:
            return True
        if not unknowns:
            return False
        self.products.append(Equation(unknowns[0], gap, a, b, self.origin))
        if not self.possible():
            self.products.pop()
            return False
        return True

    def below(self, unknowns: Iterable[sp.Symbol]) -> set[sp.Symbol]:
        """The sizes that the outputs of windows among these come from."""
        found: set[sp.Symbol] = set()
        stack = [u for u in unknowns if u in self.outputs]
        while stack:
            window = self._resolved(self.outputs[stack.pop()].window)  # type: ignore[index]
            new = symbols(window.size, window.kernel) - found
            found |= new
            stack += [u for u in new if u in self.outputs]
        return found

    def fix(self, u: Unknown, value: Dim, a: Dim, b: Dim) -> bool:
        """Record u = value unless some size could not be a positive whole number then."""
        if not a_size(value):
            return False
        self.bound[u] = value
        sizes = all(a_size(self.resolve(d)) for d in list(self.bound.values()))
        if not sizes or not self.possible():
            del self.bound[u]
            return False
        self.equations[u] = Equation(u, value, a, b, self.origin)
        return True

    # -- windows -----------------------------------------------------------------------------

    def slide(self, window: Window) -> Dim | None:
        """The number of outputs of a window along an axis of open size; None if none can fit."""
        window = self._resolved(window)
        for s in self.windows:
            if self._resolved(s.window) == window:
                return self.resolve(s.outputs)
        outputs = dim(window.formula)
        if window.stride > 1 and not isinstance(outputs, int) and outputs.has(Unknown):
            outputs = unknown(f"_.{len(self.outputs)}")
        found = Sliding(window, outputs, self.origin)
        self.windows.append(found)
        if not self.possible():
            self.windows.pop()
            return None
        if isinstance(outputs, Unknown) and outputs not in symbols(window.size, window.kernel):
            self.outputs[outputs] = found
        return outputs

    def part(self, d: Dim, of: int) -> Dim | None:
        """The size divided by a number; None where it cannot be.

        An open size becomes so many times another one.
        """
        d = self.resolve(d)
        if isinstance(d, int):
            return d // of if d % of == 0 else None
        share = dim(d / of)
        whole = isinstance(share, int) or all(
            c.is_Integer for c in sp.expand(share).as_coefficients_dict().values()
        )
        if whole or not d.has(Unknown):
            return share
        new = self.parts.setdefault((d, of), unknown(f"_p.{len(self.parts)}"))
        return new if self.equate(d, dim(of * new)) else None

    def is_under_a_window(self, u: Unknown) -> bool:
        """Whether something slides along an axis whose size rests on this one."""
        open_ = (self._resolved(s.window) for s in self.windows)
        sizes = {v for w in open_ for v in symbols(w.size, w.kernel)}
        return u in sizes | self.below(sizes)

    def _resolved(self, w: Window) -> Window:
        return replace(w, size=self.resolve(w.size), kernel=self.resolve(w.kernel))

    def _gap(self, p: Equation) -> sp.Expr:
        return sp.expand(number(self.resolve(p.left)) - number(self.resolve(p.right)))

    def _open(self) -> tuple[list[tuple[Window, Dim]], list[Dim], list[Dim]]:
        """What windows and products ask of the sizes that are still open, and the sizes."""
        windows = [(self._resolved(s.window), self.resolve(s.outputs)) for s in self.windows]
        equations = [dim(self._gap(p)) for p in self.products]
        sizes = [self.resolve(d) for d in self.bound.values()]
        return windows, equations, [d for d in sizes if not isinstance(d, int)]

    def possible(self) -> bool:
        """Whether some numbers fit all windows and products."""
        return not (self.windows or self.products) or fits.possible(*self._open())

    def choices(self) -> tuple[Choice, ...]:
        """What the open sizes can be, those that hang together at a time."""
        if not self.windows and not self.products:
            return ()
        found = []
        for fit in fits.fits(*self._open()) or ():
            own = set(fit.sizes)
            windows = [(s, self._resolved(s.window), self.resolve(s.outputs)) for s in self.windows]
            windows = [w for w in windows if w[1].size != w[2]]  # these only ask for a number
            found.append(
                Choice(
                    fit,
                    tuple(w for w in windows if symbols(w[1].size, w[1].kernel) & own),
                    tuple(p for p in self.products if symbols(self._gap(p)) & own),
                )
            )
        return tuple(found)

    def settle(self) -> bool:
        """Fix the unknowns for which all in all one number is left; whether there was one."""
        settled = False
        for choice in self.choices():
            fit = choice.fit
            only = {u: fit.numbers(u) or () for u in fit.sizes if isinstance(u, Unknown)}
            fixed = {u: n[0] for u, n in only.items() if len(n) == 1}
            if fixed:
                self.bound.update(fixed)
                self.chosen.append(choice)
                settled = True
        return settled

    def name(self, letters: Mapping[Unknown, sp.Symbol]) -> None:
        """Give letters to unknowns that stay open, and formulas to the outputs over them."""
        self.chosen.extend(self.choices())
        self.bound.update(letters)
        for s in self.outputs.values():
            outputs = self.resolve(s.outputs)
            if isinstance(outputs, Unknown):
                self.bound[outputs] = dim(self._resolved(s.window).formula)
