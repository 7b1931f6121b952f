"""PDF files: with the pdflatex that is installed, else with the typesetter of extra `pdf`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import ToolError
from ..steps import Solution
from ..words import language
from .figure import drawn, source
from .wording import in_its_language

SECONDS = 60
CHINESE = (
    "install latex-cjk-common and latex-cjk-chinese-arphic-gbsn00lp (or texlive-lang-chinese), or "
    "`pip install 'tutor[pdf]'` and a font such as Noto Serif CJK; HTML needs neither"
)
INSTALL = "install TeX Live (texlive-latex-recommended) or `pip install 'tutor[pdf]'`, "


@in_its_language
def pdf(solution: Solution, *, level: int = 1) -> tuple[bytes, str]:
    """The solution as PDF, and the name of the typesetter used.

    Raises ToolError when there is none, or when it fails.
    """
    if (program := typesetter()) == "pdflatex":
        from .latex import latex
        from .picture import lettered
        from .picture import to_pdf as page

        graphs = drawn(solution, paper=True)
        names = {task: f"graph-{n}.pdf" for n, task in enumerate(graphs)}
        document = latex(solution, level=level, picture=names.get(""), pictures=names)
        with lettered():
            pages = {names[k]: page(source(d, solution.variables)) for k, d in graphs.items()}
        return to_pdf(document, pages), program
    from .typst import typst

    return from_typst(typst(solution, converter(), level=level)), program


def typesetter() -> str:
    """The program that will make PDF files; raises ToolError when there is none."""
    chinese = language() == "zh"
    if shutil.which("pdflatex") is not None and (not chinese or _tex_knows("c70gbsn.fd")):
        return "pdflatex"
    try:
        import tylax  # noqa: F401  # pyright: ignore[reportMissingImports]
        import typst
    except ImportError:
        if chinese:
            raise ToolError(
                "cannot write Chinese: TeX has no Chinese characters here, and there is no Typst",
                hint=CHINESE,
            ) from None
        raise ToolError(
            "cannot write a PDF: there is neither pdflatex nor the embedded typesetter",
            hint=INSTALL + "or use HTML",
        ) from None
    from .typst import CHINESE_FONTS

    if chinese and not set(typst.Fonts().families()) & set(CHINESE_FONTS):
        raise ToolError("cannot write Chinese: no Chinese font was found", hint=CHINESE)
    return "Typst"


def _tex_knows(name: str) -> bool:
    """Whether TeX finds this file."""
    program = shutil.which("kpsewhich")
    if program is None:
        return False
    done = subprocess.run(
        [program, name], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
    )
    return done.returncode == 0 and bool(done.stdout.strip())


def converter() -> Callable[[str], str]:
    """LaTeX formulas into those of Typst."""
    import tylax  # pyright: ignore[reportMissingImports]

    return tylax.latex_to_typst


def from_typst(document: str) -> bytes:
    """A Typst document as PDF bytes; raises ToolError when it cannot be made."""
    import typst

    with TemporaryDirectory(prefix="tutor-") as folder:  # all that the document could read
        try:
            return typst.compile(document.encode("utf-8"), root=folder, timestamp=0)
        except typst.TypstError as error:
            raise ToolError(
                f"Typst failed: {error}", hint="use HTML, or install pdflatex"
            ) from None


def to_pdf(document: str, files: Mapping[str, bytes] | None = None) -> bytes:
    """The document as PDF bytes, with the files it includes; ToolError when it cannot be made.

    The program runs in a folder of its own, without a shell, and may read and write only there.
    """
    program = shutil.which("pdflatex")
    if program is None:
        raise ToolError(
            "cannot write a PDF: pdflatex is not installed",
            hint="install TeX Live (texlive-latex-recommended), or write HTML",
        )
    with TemporaryDirectory(prefix="tutor-") as folder:
        Path(folder, "solution.tex").write_text(document, encoding="utf-8")
        for name, data in (files or {}).items():
            Path(folder, name).write_bytes(data)
        command = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error"]
        try:
            done = subprocess.run(
                [*command, "solution.tex"],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"pdflatex took more than {SECONDS} seconds") from None
        page = Path(folder, "solution.pdf")
        if done.returncode != 0 or not page.exists():
            raise ToolError(
                f"pdflatex failed: {_complaint(done.stdout.decode('utf-8', 'replace'))}",
                hint="`--format latex` writes the document, to be typeset by hand",
            )
        return page.read_bytes()


def _environment(folder: str) -> dict[str, str]:
    """Only what TeX needs; the same date in every file, so that the bytes do not change."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "TEXMFHOME", "TEXINPUTS", "LANG")}
    return kept | {
        "HOME": folder,
        "TEXMFVAR": folder,
        "openin_any": "p",
        "openout_any": "p",
        "SOURCE_DATE_EPOCH": "0",
        "FORCE_SOURCE_DATE": "1",
    }


def _complaint(log: str) -> str:
    lines = [row for row in log.splitlines() if row.startswith("!")]
    return lines[0].removeprefix("! ") if lines else "no reason given"
