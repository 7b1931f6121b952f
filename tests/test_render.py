"""The renderers: the same steps in every target, nothing overflows, nothing hostile is obeyed."""

from __future__ import annotations

import errno
import json as stdlib_json
import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixture_solution import col, exact, num, solution

from tutor.errors import ToolError
from tutor.expr import Binary, Call, List, Name, Num
from tutor.notation.block import width
from tutor.render import escape, paper, write
from tutor.render.json import json
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.terminal import terminal
from tutor.render.wording import words
from tutor.render.write import write_atomic
from tutor.steps import Answer, Check, Solution, Step, Table, TaskResult, Text, Variable
from tutor.value import Value

RENDERERS = {"terminal": terminal, "latex": latex, "markdown": markdown, "json": json}

HOSTILE = [
    r"\immediate\write18{id}",
    r"\end{document}",
    r"\def\x{\x}\x",
    "</script><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "{0.__class__.__mro__}",
    "\x1b]0;pwn\x07\x1b[2J",
    "abc\u202efdp.exe",
    "a\x01b\x9b31m",
    "# T\n<script>alert(1)</script>",
    r"$\input{/etc/passwd}$ and $$\write18{id}$$ and $x<script>y$",
    "[bold red]x[/] ![i](javascript:alert(1)) `c` *e* | ~~s~~ %d #1 &amp; ~ ^^5cinput",
    "漢字 😀 é ß λ",
    "x" * 3000,
]


@pytest.fixture(scope="module")
def neuron() -> Solution:
    return solution()


def hostile(text: str) -> Solution:
    base = solution()
    names = dict(base.variables)
    names["evil"] = Variable("evil", "given", (), "1×1", exact(1), text)
    task = replace(base.tasks[1], text=text, id=text, heading=Text("About {t}", {"t": text}),
                   answer=Answer(text, False, Text("{t}", {"t": text})),
                   tables=(Table((Text(text), Text("b")), ((text, Name("evil")),)),))  # fmt: skip
    warnings = (Text("Look: {t}", {"t": text}),)
    return replace(base, title=text, source=text, statement=f"{text}\n\n- {text}",
                   variables=names, tasks=(task,), warnings=warnings)  # fmt: skip


# terminal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_terminal_fits(neuron: Solution, columns: int, level: int) -> None:
    rows = terminal(neuron, width=columns, level=level).splitlines()
    assert max(map(width, rows)) <= columns
    assert "\n\n\n" not in "\n".join(rows)
    assert all(row == row.rstrip() for row in rows)


def test_terminal_reads_like_a_sheet(neuron: Solution) -> None:
    shown = terminal(neuron)
    for piece in (
        "A sine neuron with an L2 loss",
        "y = sin(wᵀx) − b,",
        "w = ⎡π/2⎤  (2×1)",
        "── 4. Gradient of L with respect to w ─",
        "Forward pass",
        "u₁ = wᵀx = (π/2)·2 + π·1 = 2π ≈ 6.28319",
        "∂u₁/∂w = xᵀ = [2  1]",
        "∂L/∂w = ∂L/∂u₁ · x = −6·⎡2⎤ = ⎡−12⎤",
        "│ ∂L/∂w = ⎡−12⎤  (2×1) │",
        "✓ check: central differences, largest relative error 1.2e-10",
        "✓ agrees with the expected answer",
        "✗ differs from the expected answer [[2, 0], [0, 3]]",
        "wⁿᵉʷ = w − α ∂L/∂w = ⎡π/2⎤ − ½·⎡−12⎤ = ⎡π/2 + 6⎤ ≈ ⎡7.5708 ⎤",
    ):
        assert piece in shown, piece


def test_levels_filter(neuron: Solution) -> None:
    step = replace(neuron.tasks[1].steps[0], level=2, title=Text("A detail"))
    task = replace(neuron.tasks[1], steps=(step, *neuron.tasks[1].steps[1:]))
    one = replace(neuron, tasks=(task,))
    assert "A detail" in terminal(one, level=2) and "A detail" not in terminal(one, level=1)
    assert "The derivative of sine is cosine." not in terminal(one, level=0)
    assert "(from 9, 10)" in terminal(one, level=2)


def test_givens_are_not_numbered(neuron: Solution) -> None:
    given = Step("S1", "given", "", Text("What we know"), (Name("b"), num(1)))
    words_ = Step("S2", "given", "", Text("The image is grey"))
    first = neuron.tasks[1]
    task = replace(first, steps=(given, words_, *first.steps))
    one = replace(neuron, tasks=(task,), variables={})
    for shown in (terminal(one), latex(one), markdown(one)):
        assert "b = 1" in shown and "The image is grey" in shown
        assert "What we know" not in shown
    assert " 1. Dot product of w and x" in terminal(one)
    assert "What we know" in json(one)


def test_colour_adds_only_escape_sequences(neuron: Solution) -> None:
    coloured = terminal(neuron, colour=True)
    assert "\x1b[1m" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == terminal(neuron)


def test_a_failed_check_is_loud(neuron: Solution) -> None:
    task = replace(neuron.tasks[1], check=Check("central differences", 0.5, False))
    failed = replace(neuron, tasks=(task,))
    assert not failed.ok
    assert "✗ CHECK FAILED: central differences disagrees" in terminal(failed)
    assert "do not rely on this result" in terminal(failed)
    assert "CHECK FAILED" in latex(failed) and "CHECK FAILED" in markdown(failed)
    assert "CHECK FAILED" not in terminal(neuron)


LONG = Binary("+", Name("a"), Num("1"))
for _i in range(40):
    LONG = Binary("+", LONG, Binary("*", Name(f"alpha_{_i}"), Call("sin", (Name(f"x{_i}"),))))
WIDE = List(tuple(List(tuple(num(1000000 * i + j) for j in range(8))) for i in range(8)))
DEEP = List((WIDE, WIDE, WIDE))


def long_solution() -> Solution:
    """A long sum, a wide matrix, a tensor, a long table and long words."""
    steps = (
        Step("1", "closed", "sum", Text("A long sum"), (Name("L"), LONG, WIDE, DEEP, LONG)),
        Step("2", "note", "", Text("word " * 60 + "w" * 200)),
        Step("3", "value", "", Text("One member"), (LONG,)),
    )
    cells = ("a" * 60, LONG, 123456789012, "word " * 30)
    table = Table(tuple(map(Text, ("name", "formula", "count", "why"))), (cells,) * 90)
    task = TaskResult("1", "gradient", {}, Text("Long"), steps, (8, 8), "8×8", symbol=Name("G"),
                      formula=LONG, tables=(table,))  # fmt: skip
    return replace(solution(), tasks=(task,), title="T" * 200)


@pytest.mark.parametrize("columns", [40, 80])
def test_long_things_fit_the_terminal(columns: int) -> None:
    assert max(map(width, terminal(long_solution(), width=columns).splitlines())) <= columns


def test_wrap_loses_nothing() -> None:
    text = "one two " + "x" * 50 + " three"
    rows = paper.wrap(text, 12)
    assert max(map(width, rows)) <= 12
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


# one story -------------------------------------------------------------------------------------


def test_every_target_tells_the_same_steps(neuron: Solution) -> None:
    for task in neuron.tasks:
        for target, render in RENDERERS.items():
            out = render(replace(neuron, tasks=(task,)))
            at = 0
            for step in task.steps:
                first = step.title.message.partition("{")[0]
                found = out.find(first, at)
                assert found >= 0, (target, step.id)
                at = found


@pytest.mark.parametrize("target", RENDERERS)
def test_renderers_are_pure(target: str, neuron: Solution) -> None:
    assert RENDERERS[target](neuron) == RENDERERS[target](solution())


# hostile text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", RENDERERS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_does_nothing(target: str, text: str) -> None:
    out = RENDERERS[target](hostile(text))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)
    assert "<class" not in out
    if target == "latex":
        assert out.isascii()
        assert not re.search(r"\\(write|input|def|immediate|openin|csname)", out)
        assert out.count(r"\end{document}") == 1 and "^^" not in out
    if target == "markdown":
        plain = re.sub(r"</?code>", "", out)
        assert "<" not in plain.replace("<br>", "")
        assert not re.search(r"(?<!\\)\]\(javascript", out)
    if target == "terminal":
        assert max(map(width, out.splitlines())) <= 80
    if target == "json":
        assert stdlib_json.loads(out)["title"] == text


def test_words_is_not_a_format_string() -> None:
    text = Text("{0.__class__} {missing} {x} {n} {t}",
                {"x": Name("u1"), "n": 3, "t": Text("<{y}>", {"y": "{x}"})})  # fmt: skip
    shown = words(text, lambda e: "MATH", lambda s: s.replace("<", "&lt;"))
    assert shown == "{0.__class__} {missing} MATH 3 &lt;{x}>"


def test_markdown_escape() -> None:
    assert escape.markdown("*a* <b> $x$ a|b") == r"\*a\* &lt;b&gt; \$x\$ a\|b"
    assert escape.markdown("# T") == "&#35; T"
    assert escape.markdown("1. T") == "&#49;. T"
    assert escape.markdown("7.4e-14") == "7.4e-14"  # no list number: nothing to guard


# LaTeX -----------------------------------------------------------------------------------------


def compile_latex(source: str, folder: Path) -> str:
    """The log; fails the test when pdflatex does."""
    (folder / "s.tex").write_text(source)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "s.tex"],
        cwd=folder, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    log = (folder / "s.log").read_text(errors="replace")
    assert done.returncode == 0, log[-1500:]
    return log


needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


def overfull(log: str) -> list[float]:
    return [float(x) for x in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]


@needs_latex
@pytest.mark.parametrize("case", ["neuron", "long", "hostile"])
def test_latex_compiles(case: str, tmp_path: Path, neuron: Solution) -> None:
    made = {"neuron": lambda: neuron, "long": long_solution,
            "hostile": lambda: hostile(" ".join(HOSTILE))}  # fmt: skip
    log = compile_latex(latex(made[case]()), tmp_path)
    assert max(overfull(log), default=0) <= 5


@needs_latex
def test_overfull_boxes_are_seen(tmp_path: Path, neuron: Solution) -> None:
    """The check above can fail: a line that cannot be broken is noticed."""
    source = latex(neuron).replace(r"\end{document}", r"\mbox{" + "x" * 200 + r"}\end{document}")
    assert max(overfull(compile_latex(source, tmp_path))) > 5


def test_picture_names_are_plain(neuron: Solution) -> None:
    assert r"{sine-graph.pdf}" in latex(neuron, picture="sine-graph.pdf")
    assert r"\drawing{" not in latex(neuron)
    with pytest.raises(ValueError, match="plain"):
        latex(neuron, picture="a}b.pdf")


# Markdown --------------------------------------------------------------------------------------


def test_markdown(neuron: Solution) -> None:
    out = markdown(neuron)
    assert out.startswith("# A sine neuron with an L2 loss\n")
    assert out.count("```") % 2 == 0
    assert r"- $\mathbf{x} = \begin{bmatrix} 2 \cr 1 \end{bmatrix}$ (2×1)" in out
    assert "| Conv2d | 16×128×128 |" in out
    assert "\n6. How $u_{1}$ changes with $\\mathbf{w}$ (1×2)\n\n   ```math\n" in out


# JSON ------------------------------------------------------------------------------------------


def test_json_keys_and_order(neuron: Solution) -> None:
    data = stdlib_json.loads(json(neuron))
    assert list(data) == ["schema", "title", "conventions", "variables", "tasks", "warnings"]
    assert list(data["variables"]["w"]) == ["kind", "shape", "dims", "exact", "value", "latex"]
    assert data["variables"]["w"]["exact"] == ["pi/2", "pi"]
    assert data["variables"]["W"]["shape"] == ["m", 2]
    assert data["variables"]["W"]["value"] is None
    gradient = data["tasks"][1]
    assert [k for k in gradient if k != "text"] == [
        "id", "task", "of", "wrt", "shape", "dims", "jacobian_dims", "formula", "latex", "exact",
        "value", "steps", "check", "answer",
    ]  # fmt: skip
    assert gradient["exact"] == ["-12", "-6"] and gradient["value"] == [-12.0, -6.0]
    assert gradient["formula"] == "-2 * (yhat - sin(w.T @ x) + b) * cos(w.T @ x) * x"
    assert gradient["check"] == {
        "method": "central differences", "max_rel_error": 1.2e-10, "passed": True,
    }  # fmt: skip
    assert gradient["answer"] == {"given": [-12, -6], "correct": True}
    first = gradient["steps"][0]
    assert list(first) == ["id", "kind", "rule", "title", "latex", "text", "shape"]
    assert first["title"] == "Dot product of w and x"
    assert first["text"] == "u1 = w.T @ x = pi/2*2 + pi*1 = 2*pi ≈ 6.28319"


def test_json_never_says_nan() -> None:
    bad = float("nan")
    task = replace(solution().tasks[1], check=Check("m", float("inf"), False),
                   extra={"history": [{"loss": bad}]}, answer=Answer([bad], False))  # fmt: skip
    out = json(replace(solution(), tasks=(task,)))
    assert "NaN" not in out and "Infinity" not in out
    data = stdlib_json.loads(out)["tasks"][0]
    assert data["history"] == [{"loss": None}] and data["check"]["max_rel_error"] is None


def test_json_symbolic_sizes() -> None:
    import sympy as sp

    m, n = sp.symbols("m n", positive=True, integer=True)
    task = replace(solution().tasks[1], shape=(m * n, sp.Integer(3), n**2))
    data = stdlib_json.loads(json(replace(solution(), tasks=(task,))))
    assert data["tasks"][0]["shape"] == ["m*n", 3, "n**2"]


def test_short_fractions_need_no_decimals() -> None:
    task = replace(solution().tasks[1], value=exact(["1/2", "-3/4"]), symbol=Name("g"))
    shown = terminal(replace(solution(), tasks=(task,)))
    assert "0.5" not in shown.split("g = ")[1]
    assert col(1) == List((Num("1"),))


def test_long_fractions_have_their_decimal_beside_them() -> None:
    task = replace(solution().tasks[1], value=exact(["21941/400", "1/2"]), symbol=Name("g"))
    shown = terminal(replace(solution(), tasks=(task,)))
    assert "⎡21941/400⎤ = ⎡54.8525⎤" in shown


def test_a_large_matrix_shows_its_corners_and_size() -> None:
    entries = np.arange(2400).reshape(40, 60) + 0.1234567
    value = Value(entries)
    block = paper.member(value.decimal(9), 60, {})
    shown = "\n".join(block.lines)
    assert all(c in shown for c in ("0.1234567", "59.1234567", "2340.12346", "2399.12346"))
    assert "(40×60)" in shown and "⋮" in shown and block.width <= 60


def test_import_is_light() -> None:
    """Printing text needs neither SymPy nor NumPy by itself, apart from the values."""
    code = ("import sys, tutor.notation.names, tutor.render.wording, tutor.render.escape; "
            "print('sympy' in sys.modules)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# files -----------------------------------------------------------------------------------------


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_write_replaces(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_atomic(path, b"one")
    path.chmod(0o640)
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two" and path.stat().st_mode & 0o777 == 0o640
    assert leftovers(tmp_path) == ["out.txt"]


def test_write_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_atomic(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/out.txt", "No such file"),
        (".", "Is a directory"),
        ("file/out.txt", "Not a directory"),
        ("x" * 300, "too long"),
        ("a\0b", "null"),
    ],
)
def test_write_failures(path: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ToolError) as caught:
        write_atomic(tmp_path / path, b"data")
    assert caught.value.status == 4 and caught.value.hint
    assert reason in caught.value.message
    assert leftovers(tmp_path) == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EFBIG])
def test_a_failed_write_keeps_the_old_bytes(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")

    def fail(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(write.os, "fsync", fail)
    with pytest.raises(ToolError) as caught:
        write_atomic(path, b"new")
    assert caught.value.hint == write._HINTS[number]
    assert path.read_bytes() == b"old" and leftovers(tmp_path) == ["out.txt"]


def test_file_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")
    code = (
        "import resource; from tutor.render.write import write_atomic\n"
        "from tutor.errors import ToolError\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        f"try: write_atomic({str(path)!r}, b'x' * 5000)\n"
        "except ToolError as e: print(e.message)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "File too large" in done.stdout
    assert path.read_bytes() == b"old" and leftovers(tmp_path) == ["out.txt"]


def test_read_only_file_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")
    monkeypatch.setattr(write.os, "access", lambda p, mode: False)  # root may write anything
    with pytest.raises(ToolError, match="Permission"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
