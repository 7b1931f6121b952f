"""HTML that everybody can read: axe-core at level AA, and the same facts checked in plain Python.

The audit needs node, Chromium and the npm packages axe-core and playwright-core where node finds
them (NODE_PATH); without them it is skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from test_html import PROBLEMS, Page

import tutor
from tutor.render.html import html

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BAD = """<!DOCTYPE html><html><head><title></title></head><body><main><h3>x</h3>
<p style="color:#ccc;background:#fff">pale</p><img src="a.png"></main></body></html>"""
SAMPLE = ("sine_neuron", "dimensions", "mazur", "attention", "pooling", "rosenbrock")


def _can_audit() -> bool:
    if CHROMIUM is None or shutil.which("node") is None:
        return False
    wanted = "require.resolve('axe-core'); require.resolve('playwright-core')"
    return subprocess.run(["node", "-e", wanted], capture_output=True, check=False).returncode == 0


def audited(pages: list[Path]) -> dict[str, list[str]]:
    done = subprocess.run(
        ["node", str(HERE / "audit.js"), str(CHROMIUM), *map(str, pages)],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _page(path: Path) -> str:
    return html(tutor.load(path).solve(checking=False).solution)


@pytest.mark.slow
@pytest.mark.skipif(not _can_audit(), reason="needs node, chromium, axe-core and playwright-core")
def test_axe_finds_nothing(tmp_path: Path) -> None:
    everything = "TUTOR_AUDIT_ALL" in os.environ
    pages = []
    for path in PROBLEMS:
        if everything or path.stem in SAMPLE:
            pages.append(tmp_path / f"{path.stem}.html")
            pages[-1].write_text(_page(path), encoding="utf-8")
    bad = tmp_path / "bad.html"
    bad.write_text(BAD, encoding="utf-8")
    report = audited([*pages, bad])
    planted = " ".join(report.pop(str(bad)))
    for fault in ("image-alt", "color-contrast", "html-has-lang", "document-title"):
        assert fault in planted
    assert not {k: v for k, v in report.items() if v}


# -- the same facts without a browser -------------------------------------------------------------


def faults(source: str) -> list[str]:
    """What a reader with a keyboard or a screen reader would miss on a page."""
    page = Page(source)
    found = []
    tags = page.tags
    if not dict(tags).get("html", {}).get("lang"):
        found.append("no language")
    if not re.search(r"<title>[^<]+</title>", source):
        found.append("no title")
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    if not levels or levels[0] != 1 or levels.count(1) != 1:
        found.append("not one heading of the first level")
    if any(b > a + 1 for a, b in pairwise(levels)):
        found.append("a level of headings is left out")
    found += ["an image without words" for tag, a in tags if tag == "img" and "alt" not in a]
    for k, (tag, a) in enumerate(tags):
        named = [t for t, _ in tags[k + 1 : k + 2]] == ["title"]
        if tag == "svg" and (a.get("role") != "img" or not named):
            found.append("a picture without words")
        if tag == "th" and "scope" not in a:
            found.append("a table head for nobody")
        if a.get("class") in ("table", "picture") and "tabindex" not in a:
            found.append("a scrolled block that the keyboard does not reach")
    ids = [a["id"] for _, a in tags if "id" in a]
    if len(ids) != len(set(ids)):
        found.append("an id twice")
    known = set(ids)
    for _, a in tags:
        for name in (a.get("aria-labelledby") or "").split():
            if name not in known:
                found.append(f"nothing is called {name}")
    if re.search(r"<(ol|ul)[^>]*>(?!\s*(<li|</))", source):
        found.append("a list with something else than items in it")
    return found


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_every_page_can_be_read(path: Path) -> None:
    assert not faults(_page(path))


def test_the_checker_sees_planted_faults() -> None:
    found = faults(BAD)
    for fault in ("no language", "no title", "not one heading", "an image without words"):
        assert any(f.startswith(fault) for f in found)
    assert "a picture without words" in faults(BAD.replace("<img", "<svg></svg><img"))
    assert "a list with something else than items in it" in faults(BAD + "<ul><p>x</p></ul>")
    assert "an id twice" in faults(BAD + '<p id="a">x</p><p id="a">y</p>')


def _ratio(a: str, b: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_text_stands_out_in_every_scheme() -> None:
    style = (HERE.parent / "tutor" / "render" / "style.css").read_text(encoding="utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 3
    for scheme in schemes:
        colour = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", scheme))
        for ink in ("ink", "quiet", "accent", "good", "bad", "open"):
            for paper in ("paper", "wash"):
                if ink in colour:
                    assert _ratio(colour[ink], colour[paper]) >= 4.5, (ink, paper)
