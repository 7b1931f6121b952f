"""The messages of the program, read from its syntax trees and tables, against its catalogues.

`python -m tests.messages` lists what each catalogue lacks or has too much; with --write it adds
empty entries for what is missing and drops what is obsolete, to be translated with any editor of PO
files. Only messages that stand in the code as literals are found, and any other is a mistake.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polib

from tutor.words import FOLDER, LANGUAGES

PACKAGE = FOLDER.parent
TRANSLATED = tuple(x for x in LANGUAGES if x != "en")
PLURALS = {
    "cs": "nplurals=3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2);",
    "zh": "nplurals=1; plural=0;",
}
HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

# calls whose first argument is a message, or this keyword argument
MESSAGES = {"Text": "message", "plain": "message", "Check": "method"}

# functions that hand on messages out of the tables that `tables` reads, or of their callers
RELAYS = {
    ("render/wording.py", "plain"),
    ("render/outline.py", "check_words"),
    ("render/curve.py", "_label"),
    ("render/html.py", "course"),
    ("render/latex_writer.py", "cell"),
    ("render/operation.py", "listing"),
    ("render/operation.py", "page"),
    ("catalogue.py", "_size"),
    ("render/layer_page.py", "page"),
    ("tasks/chain_steps.py", "_local_step"),
    ("tasks/conditions.py", "condition_steps"),
    ("tasks/conditions.py", "convention_steps"),
    ("tasks/conditions.py", "_possible_kinks"),
    ("tasks/forward.py", "forward_steps"),
    ("tasks/layer_steps.py", "_drafts"),
    ("tasks/optimisers.py", "sentence"),
    ("tasks/checked.py", "_verdict"),
    ("tasks/optimiser_steps.py", "source_steps"),
    ("tasks/shape_reasons.py", "reason"),
    ("tasks/train.py", "_heading"),
    ("tasks/undefined.py", "_condition"),
    ("tasks/update_told.py", "heading"),
}


@dataclass(frozen=True)
class Message:
    """many: the key; one: its singular, where {n} is 1; file: where it stands first."""

    many: str
    one: str | None
    file: str

    @property
    def key(self) -> str:
        return self.many


# -- reading the code -----------------------------------------------------------------------------


class _Reader:
    """The literal messages of one module."""

    def __init__(self, source: str, file: str) -> None:
        self.file = file
        self.tree = ast.parse(source)
        self.found: list[Message] = []
        self.unread: list[str] = []
        self.constants: dict[str, ast.expr] = {}
        self.says_plainly = (
            re.search(r"^from [\w.]*wording import .*\bplain\b", source, re.M) is not None
        )
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.expr):
                self.constants[ast.unparse(node.target)] = node.value

    def read(self) -> None:
        self._visit(self.tree, [])

    def _visit(self, node: ast.AST, around: list[ast.AST]) -> None:
        if isinstance(node, ast.FunctionDef):
            around = [*around, node]
        if isinstance(node, ast.Call):
            self._call(node, around)
        for child in ast.iter_child_nodes(node):
            self._visit(child, around)

    def _call(self, node: ast.Call, around: list[ast.AST]) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in MESSAGES or (not node.args and not node.keywords):
            return
        if name == "plain" and not self.says_plainly:
            return  # another function of that name
        given = {k.arg: k.value for k in node.keywords}
        first = node.args[0] if node.args else given.get(MESSAGES[name])
        if first is None:
            return
        one = given.get("one")
        texts = self._texts(first, around)
        if texts is None:
            place = around[0].name if around else ""  # type: ignore[attr-defined]
            inner = around[-1].name if around else ""  # type: ignore[attr-defined]
            if not {(self.file, place), (self.file, inner)} & RELAYS:
                self.unread.append(f"{self.file}:{node.lineno}: {ast.unparse(node)[:90]}")
                return
            texts = []
            if isinstance(first, ast.Name):  # what a relay says itself
                for value in (v for f in around for v in _assigned(f, first.id)):
                    texts += self._texts(value, around) or []
        single = one.value if isinstance(one, ast.Constant) else None
        if one is not None and single is None:
            self.unread.append(f"{self.file}:{node.lineno}: the singular is no literal")
        self.found += [Message(t, single, self.file) for t in texts if t]

    def _texts(self, node: ast.expr, around: list[ast.AST]) -> list[str] | None:
        """Every string that the expression can be, or None where that is not plain to see."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else None
        if isinstance(node, ast.IfExp):
            return self._all([node.body, node.orelse], around)
        if isinstance(node, ast.Subscript):
            return self._entries(node.value, around)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            table = self._entries(node.func.value, around) if node.func.attr == "get" else None
            if table is None or len(node.args) != 2:
                return None
            default = self._texts(node.args[1], around)
            return None if default is None else [*table, *default]
        if isinstance(node, ast.Name):
            values = [v for f in around for v in _assigned(f, node.id)]
            if not values and node.id in self.constants:
                values = [self.constants[node.id]]
            return self._all(values, around) if values else None
        return None

    def _entries(self, node: ast.expr, around: list[ast.AST]) -> list[str] | None:
        if isinstance(node, ast.Name) and node.id in self.constants:
            node = self.constants[node.id]
        if isinstance(node, ast.Dict):
            return self._all(list(node.values), around)
        if isinstance(node, ast.Tuple | ast.List):
            return self._all(node.elts, around)
        return None

    def _all(self, nodes: list[ast.expr], around: list[ast.AST]) -> list[str] | None:
        found: list[str] = []
        for node in nodes:
            texts = self._texts(node, around)
            if texts is None:
                return None
            found += texts
        return found


def _assigned(function: ast.AST, name: str) -> Iterator[ast.expr]:
    """What a local name is set to; a changed or unpacked one is not plain to see."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=x)], value=value) if x == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=x), value=ast.expr() as value) if x == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=x)) if x == name:
                yield ast.Tuple([])
            case ast.arg(arg=x) if x == name:
                yield ast.Tuple([])


def read(source: str, file: str) -> tuple[list[Message], list[str]]:
    """The messages of a module, and its calls whose message is not literal."""
    reader = _Reader(source, file)
    reader.read()
    return reader.found, reader.unread


# -- reading the tables ---------------------------------------------------------------------------


def tables() -> Iterator[Message]:
    """What operations, layers and optimisers say of themselves."""
    from tutor.ops import EVERY
    from tutor.problem.arguments import WANTED
    from tutor.problem.layers import LAYERS
    from tutor.tasks.conditions import ENTRYWISE
    from tutor.tasks.forward import FLIPPED, PARTS, WORDS
    from tutor.tasks.optimisers import OPTIMISERS

    for op in EVERY:
        said = [op.why, op.why_scalar, op.law, op.rule, op.meaning, op.convention, op.size]
        if op.condition:
            condition = HOLE.sub("{x}", op.condition)
            said.append(op.condition)
            if len(set(HOLE.findall(op.condition))) == 1:  # as `conditions` asks it of one operand
                said.append(condition)
            if op.name in ENTRYWISE and condition.count("{x}") == 1 and condition[0] == "{":
                said.append("every entry of " + condition)
        yield from (Message(s, None, "ops") for s in said if s)
    for condition in ("{x} is not zero", "no entry of {x} is zero", "{x} is positive",
                      "every entry of {x} is positive", "{x} is invertible"):  # fmt: skip
        yield Message(condition, None, "tasks/conditions.py")
    for layer in LAYERS.values():
        left_out = [a.left_out for a in layer.signature.values()]
        said = (layer.law, layer.note, *left_out)
        yield from (Message(s, None, "problem/layers") for s in said if s)
    yield from (Message(s, None, "problem/arguments.py") for s in WANTED.values())
    for optimiser in OPTIMISERS.values():
        yield Message(optimiser.title, None, "tasks/optimisers.py")
        for rule in optimiser.rules:
            yield from (
                Message(s, None, "tasks/optimisers.py") for s in (rule.title, rule.why) if s
            )
    yield from (
        Message(s, None, "tasks/forward.py")
        for s in (*WORDS.values(), *FLIPPED.values(), *PARTS.values())
    )


def messages() -> tuple[dict[str, Message], list[str]]:
    """Every message by its key, in the order of the files; and calls that could not be read."""
    found: dict[str, Message] = {", ": Message(", ", None, "render/wording.py")}
    unread: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        here, unclear = read(path.read_text(encoding="utf-8"), file)
        unread += unclear
        for m in here:
            known = found.setdefault(m.key, m)
            if known.one != m.one:
                unread.append(f"{file}: two singulars for {m.many!r}")
    for m in tables():
        found.setdefault(m.key, m)
    return found, unread


# -- the catalogues -------------------------------------------------------------------------------


def path_of(language: str) -> Path:
    return FOLDER / f"{language}.po"


def catalogue(language: str) -> polib.POFile:
    path = path_of(language)
    if path.exists():
        return polib.pofile(str(path), encoding="utf-8", wrapwidth=100)
    found = polib.POFile(wrapwidth=100, encoding="utf-8")
    found.metadata = {
        "Project-Id-Version": "tutor",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURALS[language],
    }
    return found


def key(entry: polib.POEntry) -> str:
    return entry.msgid_plural or entry.msgid


def faults(wanted: Mapping[str, Message], entries: polib.POFile, language: str) -> list[str]:
    """What is wrong with a catalogue, one line each; [] if nothing."""
    found: list[str] = []
    known = {key(e): e for e in entries if not e.obsolete}
    found += [f"missing: {k!r}" for k in wanted if k not in known]
    forms = int(PLURALS[language].partition("nplurals=")[2][0])
    for k, entry in known.items():
        if k not in wanted:
            found.append(f"obsolete: {k!r}")
            continue
        message = wanted[k]
        if (entry.msgid if entry.msgid_plural else None) != message.one:
            found.append(f"another singular: {k!r}")
        texts = [entry.msgstr]
        if entry.msgid_plural:
            texts = list(entry.msgstr_plural.values())
            if len(texts) != forms:
                found.append(f"{len(texts)} plural forms: {k!r}")
        if "fuzzy" in entry.flags or not all(texts):
            found.append(f"not translated: {k!r}")
            continue
        for text in texts:
            more = set(HOLE.findall(text)) ^ set(HOLE.findall(k))
            if message.one is not None:
                more -= {"n"}  # `one step` need not say 1
            if more:
                found.append(f"other holes {sorted(more)}: {k!r}")
    return found


def renewed(wanted: Mapping[str, Message], old: polib.POFile, language: str) -> polib.POFile:
    """The catalogue in the order of the code, with empty entries for what is new."""
    known = {key(e): e for e in old if not e.obsolete}
    new = polib.POFile(wrapwidth=100, encoding="utf-8")
    new.metadata = old.metadata
    forms = int(PLURALS[language].partition("nplurals=")[2][0])
    for k, message in wanted.items():
        entry = known.get(k) or polib.POEntry()
        entry.msgid = message.one if message.one is not None else message.many
        if message.one is not None:
            entry.msgid_plural = message.many
            if len(entry.msgstr_plural) != forms:
                entry.msgstr_plural = {i: "" for i in range(forms)}
            entry.msgstr = ""
        else:
            entry.msgid_plural, entry.msgstr_plural = "", {}
        entry.occurrences = [(message.file, "")]
        entry.flags = ["python-brace-format"] if HOLE.search(k) else []
        new.append(entry)
    return new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="add and drop entries")
    arguments = parser.parse_args()
    wanted, unread = messages()
    for line in unread:
        print(f"not a literal: {line}")
    for language in TRANSLATED:
        entries = catalogue(language)
        if arguments.write:
            entries = renewed(wanted, entries, language)
            entries.save(str(path_of(language)))
        for line in faults(wanted, entries, language):
            print(f"{language}: {line}")


if __name__ == "__main__":
    main()
