"""The `tasks` section: each task typed by its row of `task_table.TASKS`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import limits
from ..errors import InputError, Where, did_you_mean
from ..expr import Expr, Name
from . import schema, tree
from .layer_names import nearest_layer
from .model import Source, Task
from .task_table import COMMON_KEYS, TASKS, UPDATES, Arg
from .tree import Node, Scalar

_MAPPING_HINT = "write `- forward` or `- gradient: {of: L, wrt: w}`"


@dataclass(frozen=True)
class Scope:
    """What the names in a task may refer to."""

    nodes: Collection[str]  # given, defined, and a network's input and output
    sizes: Collection[str]  # symbolic sizes and unknowns: numbers in expressions
    functions: Collection[str]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # several names as one
    owners: Mapping[str, str] = field(default_factory=dict)  # of weights: the layer of each
    layers: tuple[str, ...] = ()  # of a network, as they are printed: their sizes can be asked for

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.nodes, *self.sizes)


def heads(section: Node) -> list[tuple[Scalar, Node | None, tree.Mapping | None]]:
    """Of every task its kind, its arguments and the mapping with the common keys beside."""
    found = []
    for item in schema.sequence(section, "`tasks`").items:
        if isinstance(item, tree.Mapping):
            own = [(k, v) for k, v in item.entries if k.text not in COMMON_KEYS]
            if not own:
                raise schema.fail("the task itself is missing", item, _MAPPING_HINT)
            key, body = next(((k, v) for k, v in own if k.text in TASKS), own[0])
            found.append((_kind(key), body, item))
            for other, _ in own:
                if other is not key:
                    raise _second(other, key)
        elif isinstance(item, Scalar) and not item.is_null:
            found.append((_kind(item), None, None))
        else:
            message = f"a task is a word or a mapping, not {schema.found(item)}"
            raise schema.fail(message, item, _MAPPING_HINT)
    return found


def _kind(key: Scalar) -> Scalar:
    if key.text not in TASKS:
        hint = did_you_mean(key.text, TASKS) or f"the tasks are {schema.listing(TASKS)}"
        raise schema.fail(f"unknown task `{key.text[:40]}`", key, hint)
    return key


def _second(other: Scalar, key: Scalar) -> InputError:
    if other.text in TASKS:
        message = f"two tasks in one entry: `{key.text}` and `{other.text}`"
        return schema.fail(message, other, "begin each task with `- `")
    if other.text in TASKS[key.text]:
        hint = f"indent it under `{key.text}:`, or write `{key.text}: {{{other.text}: …}}`"
        return schema.fail(f"`{other.text}` belongs inside `{key.text}`", other, hint)
    hint = did_you_mean(other.text, COMMON_KEYS)
    hint = hint or f"the keys beside a task are {schema.listing(COMMON_KEYS)}"
    return schema.fail(f"unknown key `{other.text[:40]}` beside `{key.text}`", other, hint)


def unknowns(section: Node, reserved: Collection[str]) -> dict[str, Where]:
    """The names that `solve_shape` tasks ask for, which are free elsewhere."""
    found: dict[str, Where] = {}
    for key, body, _ in heads(section):
        if key.text == "solve_shape" and isinstance(body, tree.Mapping):
            node = body.get("unknown")
            items = node.items if isinstance(node, tree.Sequence) else (node,)
            for item in items:
                if isinstance(item, Scalar):
                    found.setdefault(schema.name(item, None, reserved), item.where())
    return found


def read(section: Node, scope: Scope) -> tuple[Task, ...]:
    """Every task of the section, in order."""
    tasks: list[Task] = []
    seen: dict[str, str] = {}
    for position, (key, body, beside) in enumerate(heads(section), start=1):
        task = _Reader(scope, tasks, key, body, beside).read(str(position))
        folded = task.id.lower()
        if folded in seen:
            node = beside.get("id") if beside else None
            same = "" if seen[folded] == task.id else f" (as `{seen[folded]}`)"
            raise schema.fail(f"a second task with the id `{task.id}`{same}", node or key)
        seen[folded] = task.id
        tasks.append(task)
    return tuple(tasks)


@dataclass
class _Reader:
    scope: Scope
    earlier: list[Task]
    key: Scalar
    body: Node | None
    beside: tree.Mapping | None

    def read(self, position: str) -> Task:
        kind = self.key.text
        table = TASKS[kind]
        args: dict[str, Any] = {}
        sources: dict[str, Source] = {}
        places: dict[str, Where] = {}
        for name, node in self._given(table):
            args[name] = self._argument(table[name], node, f"`{name}` of {kind}", name, sources)
            places[name] = node.where()
        for name, arg in table.items():
            if name not in args and arg.required:
                hint = f"write `{kind}: {{{name}: …}}`"
                raise schema.fail(f"{kind} needs `{name}`", self.key, hint)
        if kind == "shapes":
            args.setdefault("edges", () if "of" in args else "all")
        if kind == "train":
            args.setdefault("report", max(1, args["steps"] // 10))
        args = {name: args.get(name, arg.default) for name, arg in table.items()}
        common: dict[str, Any] = self._common()
        task_id = common.pop("id", position)
        return Task(task_id, kind, args, self.key.where(), sources, places, **common)

    def _given(self, table: dict[str, Arg]) -> list[tuple[str, Node]]:
        body, kind = self.body, self.key.text
        if body is None or (isinstance(body, Scalar) and body.is_null):
            return []
        if not isinstance(body, tree.Mapping):
            example = ", ".join(f"{n}: …" for n, a in table.items() if a.required)
            example = example or ", ".join(f"{n}: …" for n in list(table)[:1])
            hint = f"write `{kind}: {{{example}}}`" if table else f"write `- {kind}`"
            message = f"the arguments of {kind} must be a mapping, not {schema.found(body)}"
            raise schema.fail(message, body, hint)
        for key, _ in body.entries:
            if key.text in COMMON_KEYS and key.text not in table:
                hint = "write it on a line of its own, in the column of the task's name"
                raise schema.fail(f"`{key.text}` belongs beside `{kind}`, not inside", key, hint)
            if key.text in ("lr", "learning_rate") and "rate" in table:
                raise schema.fail(
                    f"unknown key `{key.text}` in {kind}", key, "the learning rate is called `rate`"
                )
        schema.check_keys(body, table, kind)
        return [(key.text, node) for key, node in body.entries]

    def _argument(
        self, arg: Arg, node: Node, what: str, name: str, sources: dict[str, Source]
    ) -> Any:
        nodes = self.scope.nodes
        match arg.kind:
            case "node":
                return schema.reference(node, what, nodes, self.scope.owners)
            case "nodes":
                group = isinstance(node, Scalar) and node.text not in nodes and node.text
                if group in self.scope.groups:
                    return self.scope.groups[group]
                return schema.references(node, what, nodes, self.scope.owners)
            case "expression":
                expr, sources[name] = schema.expression(
                    node, what, self.scope.functions, self.scope.names
                )
                return expr
            case "integer":
                return schema.integer(node, what, arg.least, arg.most)
            case "flag":
                return schema.flag(node, what)
            case "word":
                return schema.word(node, what, arg.words)
            case "edges":
                return self._edges(node, what)
            case "unknowns":
                items = node.items if isinstance(node, tree.Sequence) else (node,)
                return tuple(dict.fromkeys(schema.text(item, what) for item in items))
            case "targets":
                return self._targets(node, what)
            case "report":
                return _report(node, what)
            case "state":
                return self._state(node, what)
            case "after":
                return self._after(node)
            case kind:
                raise AssertionError(kind)

    def _edges(self, node: Node, what: str) -> Any:
        if isinstance(node, Scalar) and node.text == "all":
            return "all"
        pairs: list[tuple[str, ...]] = []
        for item in schema.sequence(node, what).items:
            pair = schema.sequence(item, f"an edge in {what}").items
            if len(pair) != 2:
                raise schema.fail("an edge is a pair, such as [L, q] for ∂L/∂q", item)
            edge = tuple(schema.reference(n, what, self.scope.nodes) for n in pair)
            if edge in pairs:
                raise schema.fail(f"[{', '.join(edge)}] stands twice in {what}", item)
            pairs.append(edge)
        if not pairs:
            raise schema.fail(f"{what} is empty", node, "write `all`, or pairs: [L, q]")
        return tuple(pairs)

    def _targets(self, node: Node, what: str) -> dict[str, tuple[int | Name, ...]]:
        found: dict[str, tuple[int | Name, ...]] = {}
        section = schema.mapping(node, what)
        for key, value in section.entries:
            name, nodes = key.text, self.scope.nodes
            if name not in (*nodes, *self.scope.layers):
                hint = did_you_mean(name, nodes) or nearest_layer(name, self.scope.layers)
                raise schema.fail(f"unknown name `{name[:40]}`", key, hint)
            items = value.items if isinstance(value, tree.Sequence) else (value,)
            sizes: list[int | Name] = []
            for item in items:
                if isinstance(item, Scalar) and item.text in self.scope.sizes:
                    sizes.append(Name(item.text))
                else:
                    sizes.append(schema.integer(item, f"a size of `{name}`", 1))
            found[name] = tuple(sizes)
        if not found:
            raise schema.fail(f"{what} is empty", node, "such as {y: [16, 128, 128]}")
        return found

    def _state(self, node: Node, what: str) -> Any:
        """What an optimiser remembers: an expression, or mappings down to expressions."""
        if isinstance(node, tree.Mapping):
            return {key.text: self._state(value, what) for key, value in node.entries}
        from .values import functions

        known = dict.fromkeys([*self.scope.functions, *functions()])
        return schema.expression(node, what, known, self.scope.names)[0]

    def _after(self, node: Node) -> str:
        wanted = schema.text(node, "`after`")
        updates = [t.id for t in self.earlier if t.kind in UPDATES]
        if wanted not in updates:
            hint = did_you_mean(wanted, updates) or "give the update an `id`, and write it here"
            raise schema.fail(f"no earlier update or train task has the id `{wanted}`", node, hint)
        return wanted

    def _common(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, node in self.beside.entries if self.beside else ():
            what = f"`{key.text}`"
            match key.text:
                case "id":
                    found["id"] = schema.task_id(node)
                case "text" | "hint":
                    found[key.text] = schema.text(node, what)
                case "points":
                    found["points"] = schema.decimal(node, what, 0, 1e6)
                case "tolerance":
                    found["tolerance"] = schema.decimal(node, what, 0, 1, open_=True)
                case "answer":
                    found["answer"] = self._answer(node)
                    found["answer_json"] = plain(node)
        return found

    def _answer(self, node: Node) -> Any:
        """Nested tuples of expressions, or a mapping of the same."""
        if isinstance(node, tree.Mapping):
            return {key.text: self._answer(value) for key, value in node.entries}
        if isinstance(node, tree.Sequence):
            return tuple(self._answer(item) for item in node.items)
        known: dict[str, None] = {}
        if not (isinstance(node, Scalar) and node.text.isdecimal()):  # a count calls nothing
            from .values import functions

            known = dict.fromkeys([*self.scope.functions, *functions()])
        expr: Expr = schema.expression(node, "`answer`", known, self.scope.names)[0]
        return expr


def _report(node: Node, what: str) -> int:
    """`every 5`, or 5."""
    value = schema.scalar(node, what)
    words = value.text.split()
    if len(words) == 2 and words[0] == "every":
        start = value.text.index(words[1])
        inner = Scalar(value.document, node.start + start, node.end, node.flow, words[1], "")
        return schema.integer(inner, what, 1, limits.TRAIN_STEPS)
    if len(words) != 1:
        raise schema.fail(f"{what} must be a number of steps, such as `every 2`", node)
    return schema.integer(node, what, 1, limits.TRAIN_STEPS)


def plain(node: Node) -> Any:
    """The node as JSON data: numbers where they are spelled as numbers, text otherwise."""
    if isinstance(node, tree.Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, tree.Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    if node.style == "":
        for kind in (int, float):
            try:
                value = kind(node.text)
            except ValueError:
                continue
            if abs(value) != float("inf") and value == value:
                return value
    return node.text
