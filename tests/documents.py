"""The examples of README and docs: found, run, compared; `python -m tests.documents` renews them,
and the tables between `<!-- name: … -->` and `<!-- end -->`, which are made from the code.

    ```yaml       a problem: it is solved, every answer must agree and every check pass. If its
                  first line is `# NAME.yaml` it is instead written to that file, for the console
                  blocks of the same page.
    ```console    `$ command` lines, each followed by exactly what it prints (both streams; the
                  size of a rounding error aside)
    ```sh         commands that must succeed
    ```python     statements, or a `>>>` session with its output

Everything runs in a scratch folder in which `problems/` is there and `tutor` is this checkout's.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tutor

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SETUP_BLOCKS = 2  # the first sh blocks of the README install the project: CI runs those
KINDS = ("yaml", "console", "sh", "python")

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.yaml)\n")
_ROUNDING = re.compile(r"(?<=relative error )\S+")  # last bits, which differ between processors


@dataclass(frozen=True)
class Example:
    page: Path
    line: int
    kind: str
    text: str

    @property
    def file(self) -> str | None:
        """The name under which a yaml block is written, if it is only written."""
        named = _FILE.match(self.text) if self.kind == "yaml" else None
        return named[1] if named else None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}:{self.kind}"


def examples(page: Path) -> list[Example]:
    """The page's examples, in order, without the README's set-up blocks."""
    text = page.read_text(encoding="utf-8")
    found = [
        Example(page, text.count("\n", 0, m.start()) + 1, m[1], m[2])
        for m in _BLOCK.finditer(text)
        if m[1] in KINDS
    ]
    if page.name == "README.md":
        setup = [e for e in found if e.kind == "sh"][:SETUP_BLOCKS]
        found = [e for e in found if e not in setup]
    return found


def setup_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [m[2] for m in _BLOCK.finditer(text) if m[1] == "sh"][:SETUP_BLOCKS]


def unused_files(page: Sequence[Example]) -> list[str]:
    """Files that a page writes but that no command of it reads."""
    commands = " ".join(e.text for e in page if e.kind in ("console", "sh", "python"))
    return [e.file for e in page if e.file is not None and e.file not in commands]


class Scratch:
    """A folder with the problems, a `tutor` command, and the files that a page writes."""

    def __init__(self, folder: Path, page: Sequence[Example]) -> None:
        self.folder = folder
        (folder / "problems").symlink_to(ROOT / "problems", target_is_directory=True)
        (folder / "bin").mkdir()
        command = folder / "bin" / "tutor"
        start = f"exec '{sys.executable}' -c 'from tutor.cli import main; main()' \"$@\""
        command.write_text(f"#!/bin/sh\n{start}\n", encoding="utf-8")
        command.chmod(0o755)
        for example in page:
            if example.file is not None:
                (folder / example.file).write_text(example.text, encoding="utf-8")

    def shell(self, command: str) -> tuple[str, int]:
        """What a command prints, both streams together, and its exit status."""
        env = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        return done.stdout.decode("utf-8"), done.returncode

    # -- one kind of example each: what is wrong with it, or None ----------------------------

    def problem(self, text: str) -> str | None:
        solved = tutor.loads(text).solve()
        for task in solved.tasks:
            if task.check is not None and not task.check.passed:
                return f"task {task.id}: the check fails"
            if task.answer is not None and not task.answer.correct:
                return f"task {task.id}: the answer is wrong"
        return None

    def console(self, text: str) -> str | None:
        got = self.rerun(text)
        same = _ROUNDING.sub("", got) == _ROUNDING.sub("", text)
        return None if same else f"prints\n{got}instead of\n{text}"

    def rerun(self, text: str) -> str:
        """The block as it should be printed."""
        out, status = [], 0
        for line in text.splitlines():
            if not line.startswith("$ "):
                continue
            if line == "$ echo $?":
                printed = f"{status}\n"
            else:
                printed, status = self.shell(line[2:])
            out.append(f"{line}\n{printed}")
        return "".join(out)

    def sh(self, text: str) -> str | None:
        printed, status = self.shell("set -euo pipefail\n" + text)
        return None if status == 0 else f"exit status {status}:\n{printed}"

    def python(self, text: str) -> str | None:
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            if ">>>" not in text:
                exec(compile(text, "example", "exec"), {})
                return None
            session = doctest.DocTestParser().get_doctest(text, {}, "example", None, 0)
            said: list[str] = []
            runner = doctest.DocTestRunner(verbose=False)
            runner.run(session, out=said.append)
            return "".join(said) or None
        finally:
            os.chdir(before)


def fault(example: Example, scratch: Scratch) -> str | None:
    """What is wrong with an example, or None."""
    match example.kind:
        case "yaml":
            return None if example.file is not None else scratch.problem(example.text)
        case "console":
            return scratch.console(example.text)
        case "sh":
            return scratch.sh(example.text)
        case _:
            return scratch.python(example.text)


def operations() -> str:
    from tutor.ops import OPS

    rows = [f"| `{op.name}` | `{op.signature}` | {op.law} |\n" for op in OPS.values()]
    return "| operation | axes | rule |\n| --- | --- | --- |\n" + "".join(rows).replace(
        "|·|", "abs"
    )


def layers() -> str:
    from tutor.problem.layers import LAYERS

    rows = []
    for name, spec in sorted(LAYERS.items()):
        needed = [f"**{a}**" if a in spec.required else a for a in spec.arguments]
        rows.append(f"| `{name}` | {', '.join(needed)} | {spec.note} |\n")
    return "| layer | arguments, those that it needs in bold | |\n| --- | --- | --- |\n" + "".join(
        rows
    )


def limits() -> str:
    from tutor import limits

    code = "".join(
        p.read_text(encoding="utf-8") for p in sorted((ROOT / "tutor").rglob("[!l]*.py"))
    )
    values = {k: v for k, v in vars(limits).items() if k.isupper() and k in code}
    rows = [f"| {k.lower().replace('_', ' ')} | {v:,} |\n" for k, v in values.items()]
    return "| limit | |\n| --- | --- |\n" + "".join(rows)


TABLES = {"operations": operations, "layers": layers, "limits": limits}
_TABLE = re.compile(r"(<!-- (\w+): [^>]*-->\n).*?(?=<!-- end -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """The page with its generated tables as they are now."""
    return _TABLE.sub(lambda m: m[1] + "\n" + TABLES[m[2]]() + "\n", text)


def renewed(page: Path, scratch: Scratch) -> str:
    """The page's text with its tables and the output of every console block as they are now."""
    text = with_tables(page.read_text(encoding="utf-8"))

    def again(m: re.Match[str]) -> str:
        return f"```console\n{scratch.rerun(m[2])}```" if m[1] == "console" else m[0]

    return _BLOCK.sub(again, text)


def _scratches() -> Iterator[tuple[Path, Scratch]]:
    from tempfile import TemporaryDirectory

    for page in PAGES:
        with TemporaryDirectory() as folder:
            yield page, Scratch(Path(folder), examples(page))


if __name__ == "__main__":
    for page, scratch in _scratches():
        page.write_text(renewed(page, scratch), encoding="utf-8")
