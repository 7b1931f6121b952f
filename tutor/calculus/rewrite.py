"""Nodes rewritten until no rule applies: iterative, each node once per call.

A rule takes a node whose operands are finished and returns an equal one, or the node itself.
What a rule returns is finished in turn, so that rules may build freely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..graph import node as g
from ..graph.node import Node, ein, map_, topological

Rule = Callable[[Node], Node]
PATIENCE = 40  # rewrites per node of the input; no known input comes near


def rebuilt(node: Node, args: list[Node]) -> Node:
    """The node with other operands of the same shapes."""
    if all(a is b for a, b in zip(args, node.args, strict=True)):
        return node
    match node.kind:
        case "ein":
            attr = node.attr
            factors = list(zip(args, attr.labels, strict=True))
            return ein(factors, tuple(range(node.order)), attr.coef, dict(enumerate(attr.sizes)))
        case "add":
            return g.add(args, node.attr)
        case "map":
            return map_(node.attr, args[0])
        case _:
            name, parameters = node.attr
            return g.call(name, args, parameters, node.shape)


def rewritten(nodes: Sequence[Node], rules: Mapping[str, Sequence[Rule]]) -> list[Node]:
    """The finished forms of the nodes; what they share is worked on once."""
    done: dict[Node, Node] = {}
    successor: dict[Node, Node] = {}  # what a node has become, until that is finished
    left = PATIENCE * (len(topological(nodes)) + 1)
    for root in nodes:
        stack = [root]
        while stack:
            n = stack[-1]
            if n in done:
                stack.pop()
                continue
            if n in successor:
                done[n] = done.get(successor[n], n)  # n itself, where it came back inside
                continue
            todo = [a for a in n.args if a not in done]
            if todo:
                stack.extend(reversed(todo))
                continue
            m = rebuilt(n, [done[a] for a in n.args])
            if m is n and left > 0:
                m = _step(n, rules.get(n.kind, ()))
            if m in done:  # another way to what is known
                done[n] = done[m]
                continue
            if m is n or m in successor:  # finished, or a circle: either form will do
                done[n] = n
                continue
            left -= 1
            successor[n] = m
            stack.append(m)
    return [done[n] for n in nodes]


def _step(node: Node, rules: Sequence[Rule]) -> Node:
    for rule in rules:
        new = rule(node)
        if new is not node:
            return new
    return node
