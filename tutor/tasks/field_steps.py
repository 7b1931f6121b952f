"""The steps about receptive fields: how far a layer lets its outputs see, and how they move on."""

from __future__ import annotations

from typing import Any

from ..expr import Expr, Name
from ..problem.applied import Applied
from ..problem.layer_spec import Slide, Window, axis_words
from ..steps import Text, in_turn
from .arithmetic import minus, num, plus, times
from .drafts import Draft, said_key
from .receptive import Field, Reach

_GROWTH = Text(
    "Each entry of the layer's input has a field of {r} entries, and neighbouring fields begin {j} "
    "apart; the window takes {k} entries that are {d} apart.",
    {x: Name(x) for x in "rjkd"},
)


def field_drafts(layer: Applied, before: Field, after: Field) -> list[Draft]:
    """A step for all axes that have the same numbers; none for a layer that does not slide."""
    if before is None or after is None or not layer.slides:
        return []
    alike: dict[Any, tuple[Text, list[str]]] = {}
    for slide, old, new in zip(layer.slides, before, after, strict=True):
        equation, why = _told(slide, old, new)
        alike.setdefault((equation, said_key(why)), (why, []))[1].append(slide.axis)
    found = []
    for (equation, _), (why, axes) in alike.items():
        topic = Text("{layer}: receptive field, {axis}", {"axis": axis_words(axes)})
        draft = Draft("shape", "receptive field", topic, equation, why, level=2)
        draft.about, draft.law = layer.spec.type, _GROWTH if len(equation) > 2 else None
        draft.layers.append(layer.name)
        found.append(draft)
    return found


def _told(slide: Slide, old: Reach, new: Reach) -> tuple[tuple[Expr, ...], Text]:
    r, r_out, j = Name("r"), Name("r_out"), old.jump
    if not isinstance(slide, Window) or j is None:
        if new.jump is not None:
            words = "Followed back to the network's input, an output sees {r} entries."
            return (r_out, num(new.size)), Text(words, {"r": new.size})
        words = (
            "Followed back to the network's input, an output sees at most {r} entries; the fields "
            "of neighbouring outputs are not all equally far apart."
        )
        return (r_out, num(new.size)), Text(words, {"r": new.size})
    one = num(1)
    letters = times(minus(Name("k"), one), Name("d"), Name("j"))
    figures = times(minus(num(slide.kernel), one), num(slide.dilation), num(j))
    equation = (r_out, plus(r, letters), plus(num(old.size), figures), num(new.size))
    return equation, in_turn(_stride(slide, j), _offset(slide, old, j))


def _stride(w: Window, j: int) -> Text:
    if w.stride == 1:
        return Text("Windows move on by one entry, so fields still begin {j} apart.", {"j": j})
    holes = {"s": w.stride, "a": times(num(w.stride), num(j)), "b": num(w.stride * j)}
    return Text("Windows move on by {s} entries, so fields now begin {a} = {b} apart.", holes)


def _offset(w: Window, old: Reach, j: int) -> Text:
    if not w.before:
        return Text(
            "The first window begins at the first entry, so the first field still begins at {o}.",
            {"o": num(old.offset)},
        )
    holes = {
        "n": w.before,
        "a": minus(num(old.offset), times(num(w.before), num(j))),
        "b": num(old.offset - w.before * j),
    }
    return Text(
        "The first window begins {n} entries before the layer's input, so the first field begins "
        "at {a} = {b}.",
        holes,
        one="The first window begins one entry before the layer's input, so the first field begins "
        "at {a} = {b}.",
    )
