"""What must stay true of the package as a whole: read from its syntax trees, not from its text."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tutor
from tests.documents import ROOT

PACKAGE = ROOT / "tutor"
MODULES = sorted(PACKAGE.rglob("*.py"))

# The folders and root modules, lowest first. A module may import from its own layer and from lower
# ones, at its top or inside a function.
LAYERS = (
    "errors", "limits", "words", "expr", "value", "steps", "stacks", "graph", "ops", "numeric",
    "calculus", "notation", "problem", "independent", "tasks", "codegen", "render", "derivation",
    "exercises", "declared", "api", "layer_pages", "catalogue", "sheets", "__init__", "arguments",
    "output", "options", "author_commands", "derive_command", "graph_command", "cli", "__main__",
)  # fmt: skip

# What a layer may not know although it stands higher.
KEPT_APART = {
    "render": {"ops", "numeric", "calculus", "problem", "independent", "tasks"},
    "independent": {"graph", "numeric", "calculus", "notation"},
    "calculus": {"numeric"},
    "notation": {"numeric", "calculus"},
}

# Upward imports that stand for a reason.
ALLOWED = {
    ("value", "notation"): "an exact number prints as a term; imported when one does",
    ("__init__", "api"): "the public names, imported when first used",
    ("calculus.equal", "numeric"): "formulas that no rule makes one are compared by their values",
}

LINES = 310  # "about 300"

FORBIDDEN = {"eval", "exec", "sympify", "parse_expr", "lambdify", "pickle", "marshal", "shelve"}


def layer(module: str) -> str:
    """The layer of a dotted module name below the package ("" is the package itself)."""
    return module.split(".")[0] or "__init__"


def imports(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and dotted name, below the package, of everything that a module imports from it."""
    parts = module.split(".") if module else []
    folder = parts if is_package else parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "tutor":
                    yield node.lineno, name.name.removeprefix("tutor").lstrip(".")
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                base = folder[: len(folder) - node.level + 1]
            elif source.split(".")[0] == "tutor":
                base, source = [], source.removeprefix("tutor").lstrip(".")
            else:
                continue
            where = base + [p for p in source.split(".") if p]
            for name in node.names:
                # `from . import x` may name a module or something that the package defines
                full = [*where, name.name]
                path = PACKAGE.joinpath(*full)
                is_module = path.is_dir() or path.with_suffix(".py").exists()
                yield node.lineno, ".".join(full if is_module else where)


def wrong_direction(source: str, module: str, is_package: bool = False) -> list[str]:
    here = layer(module)
    found = []
    for line, target in imports(ast.parse(source), module, is_package):
        there = layer(target)
        if there == here or {(here, there), (module, there)} & ALLOWED.keys():
            continue
        if LAYERS.index(there) > LAYERS.index(here) or there in KEPT_APART.get(here, ()):
            found.append(f"{module}:{line}: {here} imports {there}")
    return found


def forbidden(source: str) -> list[str]:
    """Uses of what runs text as code, or a shell."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [part for a in node.names for part in a.name.split(".")]
            if isinstance(node, ast.ImportFrom):
                names += (node.module or "").split(".")
        elif isinstance(node, ast.keyword):
            plain = isinstance(node.value, ast.Constant) and node.value.value is False
            unsafe = node.arg == "shell" or (node.arg == "allow_pickle" and not plain)
            names = [f"{node.arg}="] if unsafe else []
        lines = getattr(node, "lineno", 0)
        found += [f"{lines}: {n}" for n in names if n in FORBIDDEN or n.endswith("=")]
    return found


def unsorted(source: str) -> list[str]:
    """Why `__all__` of a module is not the sorted list of its public names."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            return [] if names == sorted(names) else [f"{names} is not sorted"]
    return ["there is no __all__"]


def dotted(path: Path) -> tuple[str, bool]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return ".".join(parts[:-1] if is_package else parts), is_package


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after some code."""
    program = f"import sys\n{code}\nprint(' '.join(sys.modules), file=sys.__stderr__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stderr.split()}


# -- the package ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert wrong_direction(source, *dotted(path)) == []
    assert forbidden(source) == []


def test_every_module_has_a_layer() -> None:
    assert {layer(dotted(p)[0]) for p in MODULES} <= set(LAYERS)


def test_allowed_exceptions_are_used() -> None:
    seen = set()
    for path in MODULES:
        module, is_package = dotted(path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for _, t in imports(tree, module, is_package):
            seen |= {(layer(module), layer(t)), (module, layer(t))}
    assert set(ALLOWED) <= seen


def test_modules_are_short() -> None:
    lengths = {
        str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines())
        for p in MODULES
    }
    too_long = {name: n for name, n in lengths.items() if n > LINES}
    assert too_long == {}


@pytest.mark.parametrize("arguments", ["'--help'", "'--version'", "'solve', '--help'"])
def test_help_is_light(arguments: str) -> None:
    run = (
        f"sys.argv = ['tutor', {arguments}]\n"
        "from tutor.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code"
    )
    assert not {"sympy", "numpy", "yaml"} & loaded(run)


def test_the_package_runs_as_a_module() -> None:
    run = [sys.executable, "-m", "tutor", "--version"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"tutor {tutor.__version__}\n"


def test_public_names() -> None:
    assert unsorted((PACKAGE / "__init__.py").read_text(encoding="utf-8")) == []
    for name in tutor.__all__:
        assert getattr(tutor, name) is not None


def test_changelog_names_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d\S*?)\]?(?: |$)", text, re.MULTILINE)
    assert versions[0] == tutor.__version__


# -- the checkers themselves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("ops.conv", "from ..calculus.reverse import pullback", "ops imports calculus"),
        ("ops.conv", "def f():\n    from .. import tasks", "ops imports tasks"),
        ("errors", "import tutor.expr", "errors imports expr"),
        ("graph.node", "from tutor.ops import OPS", "graph imports ops"),
        ("render.latex", "from ..problem.model import Problem", "render imports problem"),
        ("render.latex", "from ..calculus import simplify", "render imports calculus"),
        ("independent", "from .graph import node", "independent imports graph"),
        ("tasks.chain", "from ..ops import OPS\nfrom . import numbers\nimport numpy", None),
        ("render.latex", "from . import paper\nfrom ..notation.tex import escape", None),
    ],
)
def test_planted_import(module: str, line: str, wrong: str | None) -> None:
    found = wrong_direction(line, module)
    assert len(found) == 1 and wrong in found[0] if wrong else found == []


def test_planted_import_of_a_package() -> None:
    assert wrong_direction("from .. import tasks", "ops", is_package=True)
    assert wrong_direction("from . import conv", "ops", is_package=True) == []


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("eval('1')", True),
        ("f = eval", True),
        ("import builtins; builtins.eval('1')", True),
        ("sp.sympify(x)", True),
        ("from sympy.parsing.sympy_parser import parse_expr", True),
        ("sp.lambdify(x, y)", True),
        ("import pickle", True),
        ("from pickle import loads", True),
        ("run(x, shell=True)", True),
        ("np.load(f, allow_pickle=True)", True),
        ("np.load(f, allow_pickle=False)", False),
        ("# eval(x), pickle, shell=True\nevaluate(x)", False),
        ("'never eval'", False),
    ],
)
def test_planted_forbidden(line: str, caught: bool) -> None:
    assert bool(forbidden(line)) is caught


def test_planted_unsorted() -> None:
    assert unsorted("__all__ = ['b', 'a']") and unsorted("x = 1")
    assert unsorted("__all__ = ['a', 'b']") == []


def test_planted_heavy_import() -> None:
    assert "sympy" in loaded("import sympy")
