"""What every key of a problem file is for, in words: for the reference and for editors."""

from __future__ import annotations

TOP = {
    "title": "what the problem is called (default: the name of the file)",
    "source": "where the exercise comes from",
    "statement": "the question in Markdown with `$mathematics$`",
    "notes": "remarks which may tell answers: solutions print them at the end, sheets never",
    "tags": "words to find it by",
    "language": "of the words around the mathematics",
    "convention": "which of two usual conventions holds, see below",
    "given": "names with their values or sizes",
    "define": "names with their expressions, in any order",
    "network": "a stack of layers",
    "tasks": "what is asked",
}
GIVEN = {
    "value": "a number, an exact expression, nested lists of them, or a builder such as `eye(3)`",
    "shape": "a list of sizes, for a name without a value",
    "file": "a `.npy` or `.csv` file beside the problem",
    "symmetric": "`true`: the entries above and below the diagonal are the same",
    "diagonal": "`true`: only the diagonal is free",
    "positive": "`true`: every entry is above 0",
    "homogeneous": "`true`: the last entry is a constant 1",
    "label": "LaTeX for display",
}
CONVENTION = {
    "layout": "of derivatives: ∂y/∂x has rows(y) × columns(x), or rows(x) × columns(y)",
    "vec": "stacks columns or rows",
    "conv": "keeps or flips the kernel",
    "ties": "in a maximum go to the first entry or share the gradient",
    "style": "of a derivation: one adjoint per variable, or products of Jacobians along each path",
}
NETWORK = {
    "input": "its size without the batch, such as `[3, 128, 128]`",
    "layers": "a list, one entry per layer",
    "seed": "of the weights that are drawn where values are asked for",
}
COMMON = {
    "id": "its name (default: its position)",
    "text": "the question in words",
    "points": "what it is worth",
    "answer": "what you expect: `tutor solve` says whether it agrees",
    "tolerance": "how far a decimal answer may be off",
    "hint": "for those who ask for one",
}
KINDS = {
    "node": "a name",
    "nodes": "a name or a list of names",
    "expression": "an expression",
    "integer": "an integer",
    "flag": "`true` or `false`",
    "edges": "`all`, or pairs of names",
    "unknowns": "a name or a list of names",
    "targets": "names with the sizes that they shall have",
    "report": "`every k`",
    "state": "the optimiser's state from earlier steps",
    "after": "the id of an earlier `update` or `train`",
}
