"""The steps of `solve_shape`: the equation, what its floor says, the integers that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..expr import Binary, Expr, Name
from ..problem.layers import LAYERS
from ..steps import Step, Text
from . import no_solution, size_equation
from .arithmetic import by, num
from .shape_search import Goal, Values
from .size_inverse import Interval, OpenWindow, grouped, open_windows, solve_for, wanted_input

_LISTED = 12


class Explanation:
    """Builds the steps for goals whose solutions are known already."""

    def __init__(
        self,
        task: str,
        goals: Sequence[Goal],
        spans: Mapping[str, range],
        solutions: Sequence[Values],
    ) -> None:
        self.task, self.goals, self.spans, self.solutions = task, goals, spans, solutions
        self.done: list[Step] = []
        self.formula_shown = False

    def steps(self) -> list[Step]:
        for goal in self.goals:
            self._goal(goal)
        if self.solutions:
            self._found()
            for goal in self.goals:
                self._verify(goal)
        else:
            self._none()
        return self.done

    def _add(
        self,
        kind: str,
        rule: str,
        title: Text,
        equation: tuple[Expr, ...] = (),
        why: Text | None = None,
        shape: tuple[int, ...] = (),
        level: int = 1,
    ) -> None:
        id_ = f"{self.task}.{len(self.done) + 1}"
        self.done.append(Step(id_, kind, rule, title, equation, why=why, shape=shape, level=level))

    # --- the equation ----------------------------------------------------------------------------

    def _goal(self, goal: Goal) -> None:
        chain = goal.chain
        used = sorted({i for _, i, _ in chain.uses()})
        pivot = self._pivot(goal, used)
        if pivot is None or not self._equations(goal, pivot):
            self._add(
                "shape",
                "search",
                Text("Follow the sizes to {y}", {"y": Name(chain.node)}),
                why=Text(
                    "The unknowns act through several layers, so every candidate's sizes are "
                    "followed layer by layer and compared with {shape}.",
                    {"shape": by(goal.target)},
                ),
            )

    def _pivot(self, goal: Goal, used: Sequence[int]) -> int | None:
        """The one sliding stage in which the unknowns stand, if there is just one."""
        if len(used) != 1:
            return None
        if used[0] >= 0:
            return used[0]
        slides = (i for i, s in enumerate(goal.chain.stages) if LAYERS[s.layer.type].windows)
        return next(slides, None)

    def _equations(self, goal: Goal, pivot: int) -> bool:
        chain = goal.chain
        before: tuple[Any, ...] = chain.start
        lines: list[tuple[Text, tuple[int, ...]]] = []
        for applied in chain.before(pivot):
            holes = {"layer": applied.name, "x": by(applied.input), "y": by(applied.output)}
            lines.append((Text("{layer}: {x} → {y}", holes), applied.output))
        if lines:
            before = (*before[: chain.stages[pivot].lead], *lines[-1][1])
            if chain.stages[pivot - 1].channel:
                before = before[1:]
        elif any(LAYERS[s.layer.type].receptive != "keeps" for s in chain.stages[:pivot]):
            return False
        windows = open_windows(chain.stages[pivot], before, {})
        if windows is None:
            return self._channels(goal, pivot)
        wanted: list[Interval] = [(t, t) for t in goal.target[-len(windows) :]]
        back: list[tuple[Text, Text]] = []
        for stage in reversed(chain.stages[pivot + 1 :]):
            spec = LAYERS[stage.layer.type]
            if spec.receptive == "keeps":
                continue
            later = open_windows(stage, (1,) * len(before), {}) if spec.windows else None
            if later is None or len(later) != len(windows):
                return False
            alike: dict[tuple[Interval, Interval], list[str]] = {}
            for i, window in enumerate(later):
                found = wanted_input(window, wanted[i])
                if found is None:
                    return False
                alike.setdefault((found, wanted[i]), []).append(window.axis)
                wanted[i] = (max(found[0], 1), found[1])
            for (found, after), axes in alike.items():
                back.append(_backwards(stage.name, " and ".join(axes), found, after))
        for title, shape in lines:
            self._add("shape", "output shape", title, shape=shape)
        for title, why in back:
            self._add("shape", "working backwards", title, why=why)
        self._channels(goal, pivot)
        for axes, window, interval in grouped(windows, wanted):
            self._equation(chain.stages[pivot].name, axes, window, interval)
        return True

    def _channels(self, goal: Goal, pivot: int) -> bool:
        """A name for the number of filters or features is read off the target."""
        layer = goal.chain.stages[pivot].layer
        for argument, axis in (("out_channels", "channels"), ("out_features", "features")):
            name = layer.args.get(argument)
            if isinstance(name, Name) and pivot == len(goal.chain.stages) - 1:
                size = goal.target[-1] if axis == "features" else goal.target[0]
                self._add(
                    "closed",
                    "output shape",
                    Text("{layer}: {axis}", {"layer": layer.type, "axis": axis}),
                    (name, num(size)),
                    Text("The layer puts out as many {axis} as wanted.", {"axis": axis}),
                )
                return True
        return False

    def _equation(self, layer: str, axes: str, window: OpenWindow, wanted: Interval) -> None:
        if not window.letters():
            return
        if not self.formula_shown:
            self._add(
                "closed",
                "output size",
                Text("How many windows fit"),
                (Name("n_out"), size_equation.GENERAL),
                Text(
                    "With {n} entries, {p} of padding on either side, a kernel of {k} taps, {d} "
                    "apart (the dilation), and a stride {s}.",
                    {letter: Name(letter) for letter in "npkds"},
                ),
            )
            self.formula_shown = True
        names = {"layer": layer, "axes": axes}
        least, most = wanted
        goal: tuple[Expr, ...] = (num(least),) if least == most else ()
        self._add(
            "closed",
            "output size",
            Text("{layer}: the equation for the {axes}", names),
            (window.formula(), *goal),
            Text("The number of windows must be {n}.", {"n": least})
            if goal
            else Text(
                "The number of windows must lie between {low} and {high}.",
                {"low": least, "high": most},
            ),
        )
        low, high = window.inequalities(wanted)
        words = "A floor is {m} exactly when its argument is at least {m} and below {next}: "
        holes: dict[str, Any] = {"m": least - 1, "next": most, "low": low, "high": high}
        if not goal:
            words = "The floor lies between {m} and {last} when its argument is at least {m} and "
            words += "below {next}: "
            holes["last"] = most - 1
        self._add(
            "closed",
            "floor",
            Text("What the floor says about the {axes}", {"axes": axes}),
            why=Text(words + "{low} and {high}.", holes),
        )
        self._solved(axes, window, wanted)

    def _solved(self, axes: str, window: OpenWindow, wanted: Interval) -> None:
        solved = solve_for(window, wanted)
        if solved is None:
            return
        u = Name(solved.letter)
        least, most = solved.interval
        words, holes = "", {"u": u}
        if solved.raw is not None:
            low = Binary("<=", num(solved.raw[0]), solved.middle)
            high = Binary("<=", solved.middle, num(solved.raw[1]))
            words, holes = "Put in order: {low} and {high}. ", {**holes, "low": low, "high": high}
        if most is None:
            words += "Every {u} from {a} on fits."
        elif least > most:
            words += "No whole number {u} does this."
        elif least == most:
            words += "The only whole number that does this is {a}."
        else:
            words += "The whole numbers that do this are {a} to {b}."
        holes |= {"a": least, "b": most}
        self._add(
            "closed",
            "integers in an interval",
            Text("Solve for {u} ({axes})", {"u": u, "axes": axes}),
            why=Text(words, {k: v for k, v in holes.items() if f"{{{k}}}" in words}),
        )

    # --- the result ------------------------------------------------------------------------------

    def _found(self) -> None:
        smallest, count = self.solutions[0], len(self.solutions)
        if len(self.spans) == 1:
            (name,) = self.spans
            if count == 1:
                why, holes = "It is the only solution ", {}
            else:
                shown = ", ".join(str(s[name]) for s in self.solutions[:_LISTED])
                dots = " …" if count > _LISTED else ""
                why, holes = "The smallest of {n} solutions ({all}) ", {"all": shown + dots}
            self._add(
                "closed",
                "solution",
                Text("Solution"),
                (Name(name), num(smallest[name])),
                Text(why + "among {u} = {a} to {b}.", {**holes, "n": count} | self._range(name)),
                level=0,
            )
            return
        values = [Binary("==", Name(n), num(v)) for n, v in smallest.items()]
        equations = {f"e{i}": e for i, e in enumerate(values)}
        within, holes = self._within()
        listed = ", ".join(f"{{{k}}}" for k in equations)
        words = "The only solution is " if count == 1 else "The smallest of {n} solutions is "
        self._add(
            "closed",
            "solution",
            Text("Solution"),
            why=Text(f"{words}{listed}, among {within}.", {**equations, **holes, "n": count}),
            level=0,
        )

    def _range(self, name: str) -> dict[str, Any]:
        span = self.spans[name]
        return {"u": Name(name), "a": span[0], "b": span[-1]}

    def _within(self) -> tuple[str, dict[str, Any]]:
        """The ranges that were searched: words and their holes."""
        words, holes = [], {}
        for i, name in enumerate(self.spans):
            holes |= {f"{k}{i}": v for k, v in self._range(name).items()}
            words.append(f"{{u{i}}} = {{a{i}}} to {{b{i}}}")
        return " and ".join(words), holes

    def _verify(self, goal: Goal) -> None:
        used = {i for _, i, _ in goal.chain.uses()}
        applied, shape = goal.chain.run(self.solutions[0])
        for i, layer in enumerate(applied):
            if i not in used and not (used == {-1} and layer.windows):
                continue
            seen = set()
            for window in layer.windows:
                chain = size_equation.chain(window, "n_out")[2:]
                if chain in seen:
                    continue
                seen.add(chain)
                title = Text("{layer}: put it back ({a})", {"layer": layer.name, "a": window.axis})
                self._add("check", "output size", title, chain, level=2)
        title = Text("{y} has shape {shape}", {"y": Name(goal.chain.node), "shape": by(shape)})
        self._add("check", "output shape", title, why=Text("As wanted."), shape=shape)

    def _none(self) -> None:
        within, holes = self._within()
        self._add(
            "note",
            "no solution",
            Text("There is no solution"),
            why=Text(f"No whole numbers {within} give the wanted shape.", holes),
            level=0,
        )
        for why in no_solution.reasons(self.goals, self.spans):
            self._add("note", "no solution", Text("Why not"), why=why, level=0)


def _backwards(layer: str, axis: str, found: Interval, wanted: Interval) -> tuple[Text, Text]:
    title = Text("{layer}: what the {axis} before it must be", {"layer": layer, "axis": axis})
    holes = {"low": wanted[0], "high": wanted[1], "a": max(found[0], 1), "b": found[1]}
    outputs = "{low}" if wanted[0] == wanted[1] else "{low} to {high}"
    inputs = "{a}" if holes["a"] == found[1] else "{a} to {b}"
    words = f"An output of {outputs} comes from an input of {inputs}."
    return title, Text(words, {k: v for k, v in holes.items() if f"{{{k}}}" in words})
