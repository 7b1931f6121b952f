"""Shorter equal forms of a node. Every rule keeps the shape and is checked by evaluation in tests.

    functions   one spelling of a scalar function: the logistic one, no sign in the argument
    products    a product of products is one product (up to a cap); functions of one argument meet
    inverses    inv(A) A, inv(A B), det(inv(A))
    definitions typed by hand: softmax, logsumexp, the norm, the variance; what cancels in them
    masks       where(m, a, b) instead of a ⊙ m + b ⊙ (1 − m)
    diagonals   diag(u) + diag(v), and what stands beside a delta
    blocks      what is unrolled and rolled up again inside of functions
    sums        a common number, a common factor, functions of one argument

Like terms, deltas, constants and views are the constructors' work.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.node import Node, topological
from . import (
    blocks,
    definitions,
    diagonals,
    distribution,
    factors,
    functions,
    inverses,
    masks,
    products,
    scalars,
    sums,
)
from .rewrite import Rule, rebuilt, rewritten

RULES: dict[str, tuple[Rule, ...]] = {
    "map": (
        functions.tidied,
        functions.sign_out,
        functions.size_out,
        functions.number_in,
        masks.known_flag,
        masks.two_sided,
        definitions.of_function,
        definitions.norm_inside,
    ),
    "call": (inverses.of_call, definitions.shift, masks.of_where),
    "ein": (
        factors.flat,
        factors.reshaped_back,
        blocks.only_place,
        blocks.rolled_up,
        blocks.rolled_up_in_terms,
        blocks.through_a_diagonal,
        factors.off_the_padding,
        factors.one_unit_axis,
        distribution.over_outer_products,
        inverses.cancelled,
        products.sifted,
        diagonals.on_diagonal,
        masks.idempotent,
        masks.number_inside,
        masks.under_mask,
        definitions.variance,
        definitions.softmax,
        definitions.total_of_softmax,
        distribution.turned,
        distribution.over_weights,
        products.fused,
        products.quotient_apart,
        products.squared,
        products.own_power,
        products.raised,
        products.powers_apart,
        sums.centred,
        distribution.over_a_sum,
    ),
    "add": (
        sums.content_out,
        sums.one_function,
        masks.one_sided,
        definitions.log_softmax,
        definitions.variances,
        sums.functions_merged,
        distribution.through_views,
        diagonals.added,
        masks.chosen,
        distribution.out_of_products,
        scalars.scalar_out,
        sums.factored,
    ),
}


def substitute(node: Node, new: dict[Node, Node]) -> Node:
    """The node with leaves replaced by other nodes of their shape."""
    done: dict[Node, Node] = {}
    for n in topological([node]):
        done[n] = new[n] if n in new else rebuilt(n, [done[a] for a in n.args])
    return done[node]


def simplify(node: Node) -> Node:
    """The node with every rule applied, operands first."""
    return simplify_all([node])[0]


def simplify_all(nodes: Sequence[Node]) -> list[Node]:
    """The same for several nodes; what they share is worked on once."""
    return rewritten(nodes, RULES)
