"""The steps of `solve_shape`: the equation, what its floor says, the integers that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..expr import Binary, Expr, Name
from ..problem.layer_spec import axis_words
from ..problem.layers import LAYERS
from ..problem.model import Block
from ..steps import Step, Text, in_turn
from . import size_equation, spread_inverse
from . import solve_shape_result as result
from .arithmetic import by, num
from .shape_chain import Stage
from .shape_ranges import without_end
from .shape_search import Goal, Values
from .size_inverse import Interval, OpenWindow, grouped, open_windows, solve_for, wanted_input
from .solve_shape_cases import case_steps
from .solve_shape_read import read_steps


class Explanation:
    """Builds the steps for goals whose solutions are known already."""

    def __init__(
        self,
        task: str,
        goals: Sequence[Goal],
        spans: Mapping[str, range],
        solutions: Sequence[Values],
        complete: bool,
    ) -> None:
        self.task, self.goals, self.spans, self.solutions = task, goals, spans, solutions
        self.complete = complete
        self.done: list[Step] = []
        self.formula_shown = False
        self.followed: list[Goal] = []  # goals whose candidates were tried, not solved for

    def steps(self) -> list[Step]:
        for goal in self.goals:
            self._goal(goal)
        smallest = self.solutions[0] if self.solutions else {}
        told = set(smallest) - set(self.spans)
        read_steps(self._add, self.goals, told, smallest)
        if self.solutions:
            endless = without_end(self.goals, self.spans, self.solutions)
            result.found(self._add, self.spans, self.solutions, endless, self.complete)
            for goal in self.goals:
                names = {n for n, _, _ in goal.chain.uses()}
                follow = goal in self.followed and not names & told  # else followed just above
                result.verify(self._add, goal, self.solutions[0], follow)
        else:
            result.none(self._add, self.goals, self.spans, self.complete)
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
        used = sorted({i for _, i, _ in goal.relaxed.chain.uses()})
        if not used:
            return  # every unknown here is read off
        pivot = self._pivot(goal, used)
        if pivot is None or not self._equations(goal, pivot):
            self.followed.append(goal)
            if len([i for i in used if i >= 0]) > 1:
                words = (
                    "The unknowns act through several layers, so every candidate's sizes are "
                    "followed layer by layer and compared with {shape}."
                )
            else:
                words = (
                    "No single equation tells it: every candidate's sizes are followed layer by "
                    "layer and compared with {shape}."
                )
            title = Text("Follow the sizes to {y}", {"y": chain.called})
            why = Text(words, {"shape": by(goal.target)})
            self._add("shape", "search", title, why=why)

    def _pivot(self, goal: Goal, used: Sequence[int]) -> int | None:
        """The one sliding stage in which the unknowns stand, if there is just one."""
        stages, (*own,) = goal.chain.stages, (i for i in used if i >= 0)
        if not own:
            return next((i for i, s in enumerate(stages) if _slides(s)), None)
        if len(own) > 1:
            return None
        (pivot,) = own
        if len(used) == 1:
            return pivot
        # the size that arrives is open too: then it must be the start's own
        return pivot if _slides(stages[pivot]) and all(map(_keeps, stages[:pivot])) else None

    def _equations(self, goal: Goal, pivot: int) -> bool:
        chain = goal.chain
        stage = chain.stages[pivot]
        before: tuple[Any, ...] = chain.start
        lines: list[tuple[Text, tuple[int, ...]]] = []
        for name, x, y in chain.before(pivot):
            holes = {"layer": name, "x": by(x), "y": by(y)}
            lines.append((Text("{layer}: {x} → {y}", holes), y))
        if lines:
            before = lines[-1][1]
        elif not all(_keeps(s) for s in chain.stages[:pivot]):
            return False
        if stage.is_block:
            return False
        windows = open_windows(stage, before, {})
        if windows is None:
            return self._exact(goal, pivot, lines, before)
        wanted: list[Interval] = [(t, t) for t in goal.target[-len(windows) :]]
        back: list[tuple[Text, Text]] = []
        for stage in reversed(chain.stages[pivot + 1 :]):
            if _keeps(stage):
                continue
            if stage.is_block:
                return False
            later = open_windows(stage, (1,) * len(before), {}) if _slides(stage) else None
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
                back.append(_backwards(stage.name, axis_words(axes), found, after))
        for title, shape in lines:
            self._add("shape", "output shape", title, shape=shape)
        for title, why in back:
            self._add("shape", "working backwards", title, why=why)
        self._channels(goal, pivot)
        self._divisors(goal, pivot, before)
        for axes, window, interval in grouped(windows, wanted):
            self._equation(chain.stages[pivot].name, axes, window, interval)
        return True

    def _exact(
        self,
        goal: Goal,
        pivot: int,
        lines: Sequence[tuple[Text, tuple[int, ...]]],
        before: tuple[Any, ...],
    ) -> bool:
        """Layers whose formula has no floor: transposed convolutions, and plain counts."""
        stage, later = goal.chain.stages[pivot], goal.chain.stages[pivot + 1 :]
        spreads = "output_padding" in LAYERS[stage.layer.type].signature
        if spreads and all(_keeps(s) for s in later):
            for title, shape in lines:
                self._add("shape", "output shape", title, shape=shape)
            self._channels(goal, pivot)
            self._divisors(goal, pivot, before)
            axes = LAYERS[stage.layer.type].axes
            spread_inverse.spread_steps(self._add, stage, before[-axes:], goal.target[-axes:])
            return True
        divides = self._divisors(goal, pivot, before)
        return self._channels(goal, pivot) or divides

    def _divisors(self, goal: Goal, pivot: int, before: tuple[Any, ...]) -> bool:
        done = len(self.done)
        stage = goal.chain.stages[pivot]
        spread_inverse.divisor_step(self._add, stage, before, goal.target)
        return len(self.done) > done

    def _channels(self, goal: Goal, pivot: int) -> bool:
        """A name for the number of filters or features is read off the target."""
        layer = goal.chain.stages[pivot].layer
        for argument, axis in (
            ("out_channels", Text("channels")),
            ("out_features", Text("features")),
        ):
            name = layer.args.get(argument)
            if isinstance(name, Name) and pivot == len(goal.chain.stages) - 1:
                size = goal.target[-1] if argument == "out_features" else goal.target[0]
                self._add(
                    "closed",
                    "output shape",
                    Text("{layer}: {axis}", {"layer": layer.type, "axis": axis}),
                    (name, num(size)),
                    Text("The layer puts out as many {axis} as wanted.", {"axis": axis}),
                )
                return True
        return False

    def _equation(self, layer: str, axes: Text, window: OpenWindow, wanted: Interval) -> None:
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
        holes: dict[str, Any] = {"m": least - 1, "next": most, "low": low, "high": high}
        if goal:
            words = (
                "A floor is {m} exactly when its argument is at least {m} and below {next}: {low} "
                "and {high}."
            )
        else:
            words = (
                "The floor lies between {m} and {last} when its argument is at least {m} and "
                "below {next}: {low} and {high}."
            )
            holes["last"] = most - 1
        self._add(
            "closed",
            "floor",
            Text("What the floor says about the {axes}", {"axes": axes}),
            (window.room(), window.gathered()),
            why=Text(words, holes),
        )
        self._solved(axes, window, wanted)

    def _solved(self, axes: Text, window: OpenWindow, wanted: Interval) -> None:
        solved = solve_for(window, wanted)
        if solved is None:
            if self.solutions:
                case_steps(self._add, axes, window, wanted, self.solutions)
            return
        u = Name(solved.letter)
        least, most = solved.interval
        order = None
        if solved.raw is not None:
            low = Binary("<=", num(solved.raw[0]), solved.middle)
            high = Binary("<=", solved.middle, num(solved.raw[1]))
            order = Text("Put in order: {low} and {high}.", {"low": low, "high": high})
        if most is None:
            fits = Text("Every {u} from {a} on fits.", {"u": u, "a": least})
        elif least > most:
            fits = Text("No whole number {u} does this.", {"u": u})
        elif least == most:
            fits = Text("The only whole number that does this is {a}.", {"a": least})
        else:
            holes = {"a": least, "b": most}
            fits = Text("The whole numbers that do this are {a} to {b}.", holes)
        self._add(
            "closed",
            "integers in an interval",
            Text("Solve for {u} ({axes})", {"u": u, "axes": axes}),
            why=in_turn(order, fits),
        )


def _slides(stage: Stage) -> bool:
    return not stage.is_block and LAYERS[stage.layer.type].windows


def _keeps(stage: Stage) -> bool:
    """Whether sizes pass through unchanged, or do not pass at all."""
    if isinstance(stage.part, Block):  # what is added to its own input has its size
        return stage.part.kind == "Residual" and () in stage.part.branches
    if stage.layer.type in ("GLU", "Parameter"):
        return False
    return LAYERS[stage.layer.type].receptive == "keeps"


def _backwards(layer: str, axis: Text, found: Interval, wanted: Interval) -> tuple[Text, Text]:
    title = Text("{layer}: what the {axis} before it must be", {"layer": layer, "axis": axis})
    sizes = {"output": _from_to(*wanted), "input": _from_to(max(found[0], 1), found[1])}
    return title, Text("An output of {output} comes from an input of {input}.", sizes)


def _from_to(low: int, high: int) -> Text:
    if low == high:
        return Text("{a}", {"a": low})
    return Text("{a} to {b}", {"a": low, "b": high})
