"""Bad shapes, bad commands and hostile texts, through the command line.

Every item of the table of kind `shape`, `cli` or `output` is either spelled here with this
project's keys and commands, or listed in `ELSEWHERE` with where it is tested or why it cannot be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bad_inputs import by_id, items, text_of

pytest.importorskip("tutor.cli", reason="the command line is not there yet")

# Typst, where the extra `pdf` is installed, does without TeX
WITHOUT_TEX = (0,) if find_spec("typst") and find_spec("tylax") else (4,)
GOOD = "title: T\ngiven: {x: 2}\ndefine: {y: x**2}\ntasks:\n  - gradient: {of: y, wrt: x}\n"


def shapes(given: str, definition: str) -> str:
    return f"given: {given}\ndefine:\n  y: {definition}\ntasks:\n  - shapes\n"


def conv(kernel: str, more: str, image: str = "1, 3, 8, 8") -> str:
    return shapes(f"{{x: 'tensor({image})', w: 'tensor({kernel})'}}", f"conv2d(x, w{more})")


@dataclass(frozen=True)
class Shape:
    text: str
    exits: tuple[int, ...] = (2,)
    says: str = ""  # a part of the message


SHAPES = {
    # A 10×1 matrix works like a column, so that nothing is spread to 10×10 here.
    "S-bcast-surprise": Shape(
        shapes("{p: 'matrix(10, 1)', t: vector(10)}", "mean((p - t)**2)"), (0,)
    ),
    "S-grad-nonscalar": Shape(
        "given: {X: 'matrix(2, 3)'}\ndefine: {Y: X @ X.T}\ntasks:\n  - gradient: {of: Y, wrt: X}\n"
    ),
    "S-zero": Shape(shapes("{X: 'matrix(0, 3)'}", "max(X)"), says="at least 1"),
    "S-zero-mean": Shape(shapes("{X: vector(0)}", "mean(X)"), says="at least 1"),
    "S-float-dim": Shape(shapes("{X: 'matrix(2.5, 3)'}", "sum(X)"), says="an integer"),
    "S-null-dim": Shape(shapes("{X: {shape: [null, 3]}}", "sum(X)"), says="nothing"),
    "S-huge2": Shape(shapes("{X: 'ones(10**6, 10**6)'}", "sum(X)"), says="at most 1000000"),
    # 8.1·10⁹ entries: refused, or answered by the closed form alone.
    "S-huge-jacobian": Shape(
        "given: {X: 'ones(300, 300)', W: 'ones(300, 300)'}\ndefine: {Y: X @ W}\ntasks:\n"
        "  - jacobian: {of: Y, wrt: W}\n",
        (0, 2),
    ),
    "S-rank9": Shape(shapes("{X: 'tensor(1,1,1,1,1,1,1,1,1)'}", "sum(X)"), says="up to 8"),
    "S-conv-dilated": Shape(conv("8, 3, 3, 3", ", dilation=5", "1, 3, 5, 5")),
    "S-conv-stride0": Shape(conv("8, 3, 3, 3", ", stride=0")),
    "S-conv-dil0": Shape(conv("8, 3, 3, 3", ", dilation=0")),
    "S-conv-k0": Shape(conv("8, 3, 0, 3", ""), says="at least 1"),
    "S-conv-chan": Shape(conv("8, 4, 3, 3", "")),
    "S-conv-groups": Shape(conv("8, 2, 3, 3", ", groups=4", "1, 6, 8, 8")),
    "S-einsum-dim": Shape(
        shapes("{A: 'matrix(3, 4)', B: 'matrix(5, 6)'}", "einsum('ij,jk->ik', A, B)")
    ),
    "S-einsum-out": Shape(shapes("{A: 'matrix(3, 4)'}", "einsum('ij->ijk', A)")),
    "S-einsum-rep": Shape(shapes("{A: 'matrix(3, 4)'}", "einsum('ij->ii', A)")),
    "S-einsum-junk": Shape(shapes("{A: 'matrix(3, 4)'}", "einsum('i\u0458->i', A)")),
    "S-reshape-prod": Shape(shapes("{X: 'matrix(2, 3)'}", "reshape(X, 4, 2)")),
    "S-transpose-perm": Shape(shapes("{X: 'tensor(2, 3, 4)'}", "permute(X, 0, 0, 1)")),
    "S-concat": Shape(shapes("{A: 'matrix(2, 3)', B: 'matrix(2, 4)'}", "concat(A, B, axis=0)")),
    "S-exp-overflow": Shape("given: {x: 10}\ndefine: {y: exp(exp(exp(x)))}\ntasks: [forward]\n"),
    "S-nan-eval": Shape("given: {x: 0}\ndefine: {y: log(x) - log(x)}\ntasks: [forward]\n"),
    "S-value-shape": Shape(
        shapes("{X: {value: [1, 2, 3, 4], shape: [2, 2]}}", "sum(X)"), says="declared shape"
    ),
}

# Command lines: {P} a good problem, {D} an empty folder, {O} a file to write. The status follows.
COMMANDS: dict[str, tuple[str, tuple[int, ...]]] = {
    "C-no-args": ("{T}", (0, 2)),
    "C-unknown-cmd": ("{T} frobnicate", (2,)),
    "C-opt-twice": ("{T} solve {P} -o {O} -o {D}/b", (0, 2)),
    "C-dev-zero": ("{T} solve /dev/zero", (2,)),
    "C-stdin-tty-none": ("{T} solve - </dev/null", (2,)),
    "C-esc-name": ("{T} solve $'{D}/\\e[31mred.yaml'", (2,)),
    "C-out-file": ("mkdir {O}; {T} solve {P} --format markdown -o {O}", (4,)),
    "C-out-root": ("{T} solve {P} --format markdown -o /proc/x", (4,)),
    "C-dev-full": ("{T} solve {P} >/dev/full", (4,)),
    "C-epipe": ("set -o pipefail; {T} solve {P} | head -c 1", (0, 4, 141)),
    "C-no-dot": ("PATH=/nonexistent {T} graph {P} --svg -o {O}", (0,)),
    "C-dot-crash": (
        "printf '#!/bin/sh\\nkill -SEGV $$' >{D}/dot; chmod +x {D}/dot; "
        "PATH={D}:$PATH {T} graph {P} --svg -o {O}",
        (0, 4),
    ),
    "C-dot-lies": (
        "printf '#!/bin/sh\\nexit 0' >{D}/dot; chmod +x {D}/dot; "
        "PATH={D}:$PATH {T} graph {P} --svg -o {O}",
        (0, 4),
    ),
    "C-home-less": ("env -u HOME {T} solve {P}", (0,)),
    # Commands that do not exist are refused, whatever follows them.
    "C-n-huge": ("{T} variants {P} -n 1000000000 -o {D}/v", (2,)),
    "C-workers-0": ("{T} batch {P} --workers 0 -o {D}/v", (2,)),
    "C-workers-1e6": ("{T} batch {P} --workers 1000000 -o {D}/v", (2,)),
    "C-answer-bad": ('{T} check {P} \'__import__("os").system("id")\'', (2,)),
    "C-answer-slow": ("{T} check {P} 'sin(cos(sin(cos(sin(cos(x))))))**40*(x+1)**60'", (2,)),
    "C-answer-nan": ("{T} check {P} 'log(-1)'", (2,)),
    "C-no-latex": ("PATH=/nonexistent {T} solve {P} --format pdf -o {O}", WITHOUT_TEX),
}

ELSEWHERE = {
    "C-unreadable": "permissions do not bind the administrator, as whom tests may run",
    "C-out-ro": "likewise; C-out-root is the same fault",
    "C-disk-full": "needs a mount; C-dev-full is the same fault",
    **dict.fromkeys(["C-kill-batch"], "there is no batch command"),
    **dict.fromkeys(
        ["C-web-host", "C-web-type", "C-web-size", "C-web-path"], "there is no server"
    ),
    **dict.fromkeys(
        [
            "O-html-json", "O-html-comment", "O-html-href", "O-html-href2", "O-html-data",
            "O-katex-img", "O-katex-html", "O-katex-loop",
        ],
        "test_hostile_text.py",
    ),
    **{i["id"]: "test_bad_inputs.py" for i in items("output") if i["id"].startswith("O-name-")},
    "O-kill-write": "a property of the writer: temporary file, then replace",
    "O-short-write": "a property of the writer: temporary file, then replace",
    "O-json-nan": "no input makes one: see S-nan-eval; the JSON writer refuses it",
}  # fmt: skip

# Hostile titles, by the format that they are aimed at.
TITLES = {
    "O-fmt": ("--format", "terminal"),
    "O-tex-write18": ("--format", "latex"),
    "O-tex-read": ("--format", "latex"),
    "O-tex-loop": ("--format", "latex"),
    "O-tex-end": ("--format", "latex"),
    "O-md-html": ("--format", "markdown"),
    "O-xml-ctl": ("--format", "terminal"),
    "O-term-escape": ("--format", "terminal"),
    "O-bidi": ("--format", "terminal"),
}
LABELS = ("O-dot-angle", "O-dot-escN", "O-dot-tooltip", "O-dot-long", "O-svg-cdata")


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str
    seconds: float


def run(folder: Path, command: str) -> Run:
    """The command in its own process, in `folder`; `{T}` is tutor."""
    problem, empty = folder / "p.yaml", folder / "d"
    empty.mkdir(exist_ok=True)
    if not problem.exists():
        problem.write_text(GOOD, encoding="utf-8")
    tutor = f"{sys.executable} -c 'from tutor.cli import main; main()'"
    for sign, text in (("T", tutor), ("P", problem), ("D", empty), ("O", folder / "out")):
        command = command.replace("{" + sign + "}", str(text))
    root = str(Path(__file__).parent.parent)
    started = time.monotonic()
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def assert_clean(done: Run) -> None:
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err + done.out
    assert "\u202e" not in done.err + done.out


@pytest.mark.parametrize("item_id", SHAPES)
def test_shape(item_id: str, tmp_path: Path) -> None:
    case = SHAPES[item_id]
    (tmp_path / "p.yaml").write_text(case.text, encoding="utf-8")
    done = run(tmp_path, "{T} solve p.yaml")
    assert done.status in case.exits, done.err
    assert_clean(done)
    if done.status == 2:
        assert done.out == ""
        assert done.err.startswith("p.yaml:")
        assert "^" in done.err
        assert case.says in done.err
    assert done.seconds < 30
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "p.yaml"]


@pytest.mark.parametrize("item_id", COMMANDS)
def test_command(item_id: str, tmp_path: Path) -> None:
    command, statuses = COMMANDS[item_id]
    done = run(tmp_path, command)
    assert done.status in statuses, done.err
    assert_clean(done)
    if done.status in (2, 4):
        assert done.err.strip()
        assert not (tmp_path / "out").is_file()


@pytest.mark.parametrize("item_id", TITLES)
def test_hostile_title(item_id: str, tmp_path: Path) -> None:
    item = by_id(item_id)
    text = text_of(item)
    (tmp_path / "p.yaml").write_text(
        GOOD.replace("title: T", f"title: {json.dumps(text)}"), encoding="utf-8"
    )
    done = run(tmp_path, "{T} solve p.yaml " + " ".join(TITLES[item_id]))
    assert done.status in (0, 2), done.err
    assert_clean(done)
    for part in item["expect"]["must_not_contain"]:
        assert part not in done.out + done.err


@pytest.mark.parametrize("item_id", LABELS)
def test_hostile_label(item_id: str, tmp_path: Path) -> None:
    item = by_id(item_id)
    label = json.dumps(text_of(item))
    (tmp_path / "p.yaml").write_text(
        GOOD.replace("{x: 2}", "{x: {value: 2, label: " + label + "}}"), encoding="utf-8"
    )
    option = "--svg" if item["expect"]["target"] == "SVG" else "--dot"
    done = run(tmp_path, "{T} graph p.yaml " + option + " -o {O}")
    assert done.status in (0, 2), done.err
    assert_clean(done)
    written = [p for p in tmp_path.iterdir() if p.is_file() and p.name != "p.yaml"]
    assert bool(written) == (done.status == 0)
    for path in written:
        shown = path.read_text(encoding="utf-8")
        assert not any(part in shown for part in item["expect"]["must_not_contain"])


def test_every_item_is_accounted_for() -> None:
    """Nothing is skipped in silence, and nothing is listed twice or by mistake."""
    wanted = {i["id"] for kind in ("shape", "cli", "output") for i in items(kind)}
    tables = [set(SHAPES), set(COMMANDS), set(ELSEWHERE), set(TITLES), set(LABELS)]
    assert set().union(*tables) == wanted
    assert sum(map(len, tables)) == len(wanted)


def test_a_good_problem_passes(tmp_path: Path) -> None:
    """The frame around the hostile texts is fine, so that they are what is refused."""
    assert run(tmp_path, "{T} solve {P}").status == 0
