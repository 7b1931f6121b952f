"""A problem file into a `Problem`: read, build the tree, type it, resolve every name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from .. import limits
from ..errors import InputError, Where
from ..expr import Name, names, walk
from ..words import LANGUAGES
from . import attached, schema, tree, yaml
from . import task as tasks
from .layer_names import layer_names
from .model import Convention, Definition, Given, Network, Problem
from .tree import Document


def load(path: str | Path) -> Problem:
    """The problem in a file, or on standard input for "-"; raises InputError."""
    data = yaml.read_bytes(path)
    if str(path) == "-":
        document = yaml.decode(data, "<stdin>")
        return _Loader(document, Path.cwd(), None).problem()
    return _Loader(yaml.decode(data, str(path)), Path(path).parent, Path(path)).problem()


def loads(text: str, name: str = "<text>") -> Problem:
    """The problem in a text; `name` stands for the file in messages."""
    if len(text.encode("utf-8", "surrogatepass")) > limits.FILE_BYTES:
        raise InputError(f"{name}: larger than {limits.FILE_BYTES // 1024} KiB")
    document = yaml.clean(Document(name, text.removeprefix("\ufeff")))
    return _Loader(document, None, None).problem()


def known_functions() -> tuple[str, ...]:
    """The functions that `define` may call, and which no variable may be called."""
    from ..ops import ALIASES, OPS

    return (*OPS, *ALIASES)


class _Functions(Collection[str]):
    """The same names, looked up when the first is asked for: a network alone needs none."""

    def __contains__(self, name: object) -> bool:
        return name in known_functions()

    def __iter__(self) -> Iterator[str]:
        return iter(known_functions())

    def __len__(self) -> int:
        return len(known_functions())


@dataclass
class _Loader:
    document: Document
    folder: Path | None
    path: Path | None

    def problem(self) -> Problem:
        top = yaml.parse(self.document)
        schema.check_keys(top, schema.TOP_KEYS, "a problem file")
        texts = {k: self._text(top, k) for k in ("title", "source", "statement", "notes")}
        language = top.get("language")
        spoken = "en"
        if language is not None:
            spoken = schema.word(language, "`language`", LANGUAGES)
        convention = self._convention(top)
        functions = _Functions()
        given, sizes = self._given(top, functions)
        task_node = top.get("tasks")
        free = tasks.unknowns(task_node, functions) if task_node is not None else {}
        symbols = {**_size_names(given.values()), **free}
        network = self._network(top, sizes, symbols)
        defined = self._defined_names(top, functions)
        written = None if network is None else attached.written(top, network, given, defined)
        own = () if network is None else written.names if written else ("input", "output")
        declared = list(dict.fromkeys([*given, *defined, *own]))
        self._check_clashes(top, given, defined, symbols, network is not None)
        weights = {"weights": tuple(written.weights)} if written and written.weights else {}
        owners = written.weights if written else {}
        layers = layer_names(network) if network is not None and free else ()
        scope = tasks.Scope(declared, tuple(symbols), functions, weights, owners, layers)
        define = self._define(top, scope, functions)
        problem = Problem(
            title=texts["title"] or self._default_title(),
            source=texts["source"],
            statement=texts["statement"],
            notes=texts["notes"],
            tags=self._tags(top),
            convention=convention,
            given=given,
            define=define,
            network=network,
            tasks=tasks.read(task_node, scope) if task_node is not None else (),
            path=self.path,
            language=spoken,
        )
        if written is None or not attached.wanted(problem, written):
            return problem
        return replace(
            problem,
            given={n: given.get(n) or g for n, g in written.given.items()} | given,
            define=_ordered([*written.define, *define]),
            remarks=(*written.remarks, *attached.spare(problem, written)),
            weights=written.weights,
            only_network=not define,
        )

    def _default_title(self) -> str:
        return self.path.stem if self.path else "Untitled"

    def _text(self, top: tree.Mapping, key: str) -> str | None:
        node = top.get(key)
        return None if node is None else schema.text(node, f"`{key}`")

    def _tags(self, top: tree.Mapping) -> tuple[str, ...]:
        node = top.get("tags")
        if node is None:
            return ()
        items = node.items if isinstance(node, tree.Sequence) else (node,)
        return tuple(schema.text(item, "a tag") for item in items)

    def _convention(self, top: tree.Mapping) -> Convention:
        node = top.get("convention")
        if node is None:
            return Convention()
        section = schema.mapping(node, "`convention`")
        schema.check_keys(section, schema.CONVENTIONS, "`convention`")
        chosen: dict[str, Any] = {
            key.text: schema.word(value, f"`{key.text}`", schema.CONVENTIONS[key.text])
            for key, value in section.entries
        }
        return replace(Convention(**chosen), stated=frozenset(chosen))

    def _given(
        self, top: tree.Mapping, functions: Collection[str]
    ) -> tuple[dict[str, Given], dict[str, int]]:
        node = top.get("given")
        if node is None:
            return {}, {}
        from .given import Reader  # brings SymPy: not for a file that fails earlier

        section = schema.mapping(node, "`given`")
        reader = Reader(self.folder, functions)
        return reader.read(section), reader.sizes()

    def _network(
        self, top: tree.Mapping, sizes: Mapping[str, int], symbols: dict[str, Where]
    ) -> Network | None:
        """The network; symbolic sizes that it introduces are added to `symbols`."""
        node = top.get("network")
        if node is None:
            return None
        from .network import Reader

        reader = Reader(sizes, tuple(symbols))
        network = reader.read(node)
        for name, where in reader.used.items():
            symbols.setdefault(name, where)
        return network

    # -- define ------------------------------------------------------------------------------

    def _definitions(self, top: tree.Mapping) -> list[tuple[tree.Scalar, list[tuple[int, int]]]]:
        """The keys of `define`, each with the ranges of its names: `h, c` has two."""
        node = top.get("define")
        if node is None:
            return []
        section = schema.mapping(node, "`define`")
        found = []
        for key, _ in section.entries:
            at, spans = 0, []
            for part in key.text.split(","):
                start = at + len(part) - len(part.lstrip(" "))
                spans.append((start, start + len(part.strip(" "))))
                at += len(part) + 1
            found.append((key, spans))
        return found

    def _defined_names(
        self, top: tree.Mapping, functions: Collection[str]
    ) -> dict[str, tuple[tree.Scalar, tuple[int, int]]]:
        section = top.get("define")
        defined: dict[str, tuple[tree.Scalar, tuple[int, int]]] = {}
        for key, spans in self._definitions(top):
            for span in spans:
                name = schema.name(key, span, functions, section)
                if name in defined:
                    first = defined[name][0].line
                    where = key.where(*span)
                    raise InputError(
                        f"`{name}` is defined twice (first on line {first})", where=where
                    )
                defined[name] = (key, span)
        if len(defined) > limits.DEFINITIONS:
            key, _ = list(defined.values())[limits.DEFINITIONS]
            raise schema.fail(f"more than {limits.DEFINITIONS} definitions", key)
        return defined

    def _check_clashes(
        self,
        top: tree.Mapping,
        given: Mapping[str, Given],
        defined: Mapping[str, tuple[tree.Scalar, tuple[int, int]]],
        symbols: Mapping[str, Where],
        network: bool,
    ) -> None:
        for name, (key, span) in defined.items():
            if name in given:
                line = given[name].where.line
                message = f"`{name}` is given already (on line {line})"
                raise InputError(message, where=key.where(*span))
        places = {name: key.where(*span) for name, (key, span) in defined.items()}
        places |= {name: item.where for name, item in given.items()}
        for name, where in symbols.items():
            if name in places:
                kind = "defined" if name in defined else "given, but not as a positive integer"
                message = f"`{name}` names a size here, and is {kind} on line {places[name].line}"
                raise InputError(message, hint="choose another name for one of them", where=where)
        if network:
            for name in ("input", "output"):
                if name in defined or (name in given and name == "output"):
                    message = f"`{name}` is what the network's {name} is called"
                    hint = "choose another name"
                    raise InputError(message, hint=hint, where=places[name])

    def _define(
        self, top: tree.Mapping, scope: tasks.Scope, functions: Collection[str]
    ) -> tuple[Definition, ...]:
        node = top.get("define")
        found = []
        for key, spans in self._definitions(top):
            assert isinstance(node, tree.Mapping)
            body = node.get(key.text)
            assert body is not None
            expr, source = schema.expression(body, f"`{key.text}`", functions, scope.names)
            own = tuple(key.text[a:b] for a, b in spans)
            found.append(Definition(own, expr, source, key.where()))
        return _ordered(found)


def _size_names(given: Collection[Given]) -> dict[str, Where]:
    """The symbolic sizes of the declarations, each with its first place."""
    found: dict[str, Where] = {}
    for item in given:
        for size in item.shape or ():
            for name in names(size) if not isinstance(size, str) else ():
                found.setdefault(name, item.where)
    return found


def _ordered(definitions: list[Definition]) -> tuple[Definition, ...]:
    """The definitions with every name before its use, otherwise in the order of the file."""
    by_name = {name: d for d in definitions for name in d.names}
    done: dict[int, Definition] = {}
    for first in definitions:
        path: list[tuple[Definition, Any]] = [(first, iter(_uses(first, by_name)))]
        active = {id(first)}
        while path:
            current, pending = path[-1]
            following = next((u for u in pending if id(by_name[u]) not in done), None)
            if id(current) in done or following is None:
                done[id(current)] = current
                active.discard(id(current))
                path.pop()
                continue
            target = by_name[following]
            if id(target) in active:
                raise _cycle([d for d, _ in path], target, by_name)
            active.add(id(target))
            path.append((target, iter(_uses(target, by_name))))
    return tuple(done.values())


def _uses(definition: Definition, by_name: Mapping[str, Definition]) -> list[str]:
    return [name for name in names(definition.expr) if name in by_name]


def _cycle(
    path: list[Definition], target: Definition, by_name: Mapping[str, Definition]
) -> InputError:
    loop = [*path[next(i for i, d in enumerate(path) if d is target) :], target]
    shown = []
    for user, used in pairwise(loop):
        name = next(n for n in _uses(user, by_name) if by_name[n] is used)
        shown.append(name)
    first = next(
        term
        for term in walk(loop[0].expr)
        if isinstance(term, Name) and by_name.get(term.id) is loop[1]
    )
    chain = " -> ".join([shown[-1], *shown])
    return InputError(
        f"the definitions go round in a circle: {chain}",
        hint="a definition may use only what does not depend on it",
        where=loop[0].source.where(first.span),
    )
