"""The documentation as a site: `pip install '.[docs]'`, then `sphinx-build -W docs build/docs`.

The pages are the Markdown files here. What follows from the code is made at build time, in
docs/generated: the operation table and a gallery of every problem under problems/.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

from docutils.nodes import SkipNode  # noqa: E402

import tutor  # noqa: E402
from tutor.render import escape  # noqa: E402
from tutor.render.mathml import MathML, scrolled  # noqa: E402

MATHML = MathML()

project = "tutor"
copyright = "the authors of tutor"
release = tutor.__version__
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "images"]
html_theme = "furo"
html_math_renderer = "mathml"
html_title = "tutor"
html_copy_source = False
html_show_sphinx = False
html_css_files = ["site.css"]
html_static_path = ["static"]

OUTSIDE = {"../CONTRIBUTING.md": "generated/contributing.md"}


def setup(app: Any) -> dict[str, bool]:
    from gallery import write

    write(HERE / "generated")
    app.connect("source-read", _inside)
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True}


def _inside(app: Any, page: str, source: list[str]) -> None:
    """Links to files beside docs/ lead to their pages on the site."""
    for path, target in OUTSIDE.items():
        source[0] = source[0].replace(f"]({path})", f"]({target})")


def _inline(page: Any, node: Any) -> None:
    page.body.append(_mathml(node.astext(), display=False))
    raise SkipNode


def _display(page: Any, node: Any) -> None:
    page.body.append(scrolled("display", _mathml(node.astext(), display=True)))
    raise SkipNode


def _mathml(tex: str, display: bool) -> str:
    """The formula as the pages of solutions show it: no script, nothing from a network."""
    found = MATHML(tex.replace(r"\cr", r"\\"), display)
    return found or f"<code>{escape.html(tex)}</code>"
