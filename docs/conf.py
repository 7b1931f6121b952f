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

import tutor  # noqa: E402

project = "tutor"
copyright = "the authors of tutor"
release = tutor.__version__
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "images"]
html_theme = "furo"
html_title = "tutor"
html_copy_source = False
html_show_sphinx = False

OUTSIDE = {"../CONTRIBUTING.md": "generated/contributing.md"}


def setup(app: Any) -> None:
    from gallery import write

    write(HERE / "generated")
    app.connect("source-read", _inside)


def _inside(app: Any, page: str, source: list[str]) -> None:
    """Links to files beside docs/ lead to their pages on the site."""
    for path, target in OUTSIDE.items():
        source[0] = source[0].replace(f"]({path})", f"]({target})")
