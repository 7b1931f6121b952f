"""A realistic solution, written by hand, for the tests of the renderers."""

from __future__ import annotations

import math

import numpy as np

from tutor.expr import Binary, Call, Component, List, Name, Neg, Num, Partial, Sum, Transpose
from tutor.steps import (
    Answer,
    Check,
    Diagram,
    DiagramEdge,
    DiagramNode,
    Solution,
    Step,
    Table,
    TaskResult,
    Text,
    Variable,
)
from tutor.value import Value

x, w, b, yhat = Name("x"), Name("w"), Name("b"), Name("yhat")
y, L, u1, u2, u3 = Name("y"), Name("L"), Name("u1"), Name("u2"), Name("u3")
wx = Binary("@", Transpose(w), x)


def exact(nested: object) -> Value:
    """Nested lists of anything SymPy takes, as an exact value."""
    import sympy as sp

    array = np.array(nested, dtype=object)
    flat = [sp.sympify(v) for v in array.ravel()]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return Value(out.reshape(array.shape))


def num(n: int) -> Num | Neg:
    return Num(str(n)) if n >= 0 else Neg(Num(str(-n)))


def col(*items: object) -> List:
    return List(tuple(num(i) if isinstance(i, int) else i for i in items))  # type: ignore[misc]


def d(of: object, wrt: object) -> Partial:
    return Partial(of, wrt)  # type: ignore[arg-type]


def times(a: object, b: object) -> Binary:
    return Binary("*", a, b)  # type: ignore[arg-type]


def minus(a: object, b: object) -> Binary:
    return Binary("-", a, b)  # type: ignore[arg-type]


PI = Name("pi")


def sine_steps() -> tuple[Step, ...]:
    half_pi = Binary("/", PI, num(2))
    substituted = Binary("+", times(half_pi, num(2)), times(PI, num(1)))
    return (
        Step("S5", "forward", "matmul", Text("Dot product of {w} and {x}", {"w": w, "x": x}),
             (u1, wx, substituted, times(num(2), PI)), Num("6.28319", rounded=True)),
        Step("S6", "forward", "sin", Text("Sine of {u}", {"u": u1}),
             (u2, Call("sin", (u1,)), Call("sin", (times(num(2), PI),)), num(0)), uses=("S5",)),
        Step("S7", "forward", "subtract", Text("Subtract {b}", {"b": b}),
             (y, minus(u2, b), minus(num(0), num(1)), num(-1)), uses=("S6",)),
        Step("S8", "forward", "subtract", Text("The error of the prediction"),
             (u3, minus(yhat, y), minus(num(2), num(-1)), num(3)), uses=("S7",)),
        Step("S9", "forward", "power", Text("Square of {u}", {"u": u3}),
             (L, Binary("**", u3, num(2)), Binary("**", num(3), num(2)), num(9)), uses=("S8",)),
        Step("S10", "local", "linear map",
             Text("How {u} changes with {w}", {"u": u1, "w": w}),
             (d(u1, w), Transpose(x), List((col(2, 1),))),
             why=Text("{u} is linear in {w}, so its derivative is the row of the factors of {w}.",
                      {"u": u1, "w": w}),
             shape=(1, 2), jacobian_dims="1×2", uses=("S5",)),
        Step("S11", "local", "sin", Text("Derivative of the sine"),
             (d(u2, u1), Call("cos", (u1,)), Call("cos", (times(num(2), PI),)), num(1)),
             why=Text("The derivative of sine is cosine."), jacobian_dims="1×1", uses=("S6",)),
        Step("S12", "local", "sum rule", Text("Derivative of the difference"),
             (d(y, u2), num(1)), jacobian_dims="1×1", uses=("S7",)),
        Step("S13", "local", "sum rule", Text("Derivative of the error"),
             (d(u3, y), num(-1)), jacobian_dims="1×1", uses=("S8",)),
        Step("S14", "local", "power rule", Text("Power rule"),
             (d(L, u3), times(num(2), u3), times(num(2), num(3)), num(6)), jacobian_dims="1×1",
             uses=("S9",)),
        Step("S16", "chain", "chain rule", Text("From {a} back to {b}", {"a": L, "b": y}),
             (d(L, y), times(d(L, u3), d(u3, y)), times(num(6), num(-1)), num(-6)),
             uses=("S13", "S14")),
        Step("S18", "chain", "chain rule", Text("From {a} back to {b}", {"a": y, "b": u1}),
             (d(L, u1), times(times(d(L, y), d(y, u2)), d(u2, u1)),
              times(times(num(-6), num(1)), num(1)), num(-6)), uses=("S11", "S12", "S16")),
        Step("S19", "chain", "chain rule", Text("From {a} back to {b}", {"a": u1, "b": w}),
             (d(L, w), times(d(L, u1), x), times(num(-6), col(2, 1)), col(-12, -6)),
             why=Text("The gradient has the shape of {w}: {d} is transposed.",
                      {"w": w, "d": d(u1, w)}), shape=(2,), uses=("S10", "S18")),
        Step("S20", "closed", "closed form", Text("All factors together"),
             (d(L, w), GRADIENT), shape=(2,), uses=("S19",)),
    )  # fmt: skip


GRADIENT = times(
    times(
        times(num(-2), Binary("+", minus(yhat, Call("sin", (wx,))), b)), Call("cos", (wx,))
    ),
    x,
)  # fmt: skip


def update_task() -> TaskResult:
    new = Name("w_new")
    half = Binary("/", num(1), num(2))
    old = col(Binary("/", PI, num(2)), PI)
    value = exact([["pi/2 + 6"], ["pi + 3"]]).data.reshape(2)
    after = col(
        Binary("+", Binary("/", PI, num(2)), num(6)),
        Binary("+", PI, num(3)),
    )
    steps = (
        Step("U1", "update", "gradient descent", Text("One step against the gradient"),
             (new, minus(w, times(Name("alpha"), d(L, w))),
              minus(old, times(half, col(-12, -6))), after),
             col(Num("7.5708", rounded=True), Num("6.14159", rounded=True)),
             why=Text("Each weight moves against its slope, {a} times as far.", {"a": half}),
             shape=(2,)),
    )  # fmt: skip
    return TaskResult(
        "5", "update", {"of": "L", "wrt": "w", "rate": "1/2"},
        Text("Update of {w} against the gradient of {L}", {"w": w, "L": L}), steps,
        (2,), "2×1", symbol=new, value=Value(value),
        extra={"final": {"w": {"exact": ["pi/2 + 6", "pi + 3"], "value": [7.5708, 6.1416]}}},
        answer=Answer(["pi/2 + 6", "pi + 3"], True), points=2,
    )  # fmt: skip


def conv_task() -> TaskResult:
    call = Call("conv2d", (Name("X"), Name("K")), (("stride", num(3)), ("padding", num(1))))
    return TaskResult(
        "6", "evaluate", {}, Text("The value of {e}", {"e": call}),
        (Step("C1", "shape", "conv", Text("Size of the output"),
              (Name("n"), Binary("+", Binary("/", Binary("-", Binary("+", num(3), num(2)), num(2)),
                                             num(3)), num(1)), num(2)),
              why=Text("The input has 3 rows, and 2 rows of zeros are added.")),
         Step("C2", "value", "conv", Text("Slide the kernel"),
              (Name("Y"), call, col(col(2, 0), col(0, 2))), shape=(2, 2))),
        (2, 2), "2×2", symbol=Name("Y"), value=exact([[2, 0], [0, 2]]),
        check=Check("direct loop", 0.0, True), answer=Answer([[2, 0], [0, 3]], False),
    )  # fmt: skip


def tables_task() -> TaskResult:
    columns = ("layer", "output", "formula", "parameters", "neurons", "multiply-adds")
    rows = (
        ("Conv2d", "16×128×128", Binary("+", times(times(num(16), num(3)), Binary("**", num(3),
         num(2))), num(16)), 448, 262144, 7077888),
        ("ReLU", "16×128×128", None, 0, 262144, 0),
        ("MaxPool2d", "16×64×64", None, 0, 65536, 0),
        ("Flatten", "65536", None, 0, 65536, 0),
        ("Linear", "10", Binary("+", times(num(65536), num(10)), num(10)), 655370, 10, 655360),
    )  # fmt: skip
    return TaskResult(
        "7", "parameters", {}, Text("Parameters of the network"),
        tables=(Table(tuple(map(Text, columns)), rows, frozenset((3, 4, 5))),),
        extra={"total_parameters": 655818, "total_macs": 7733248},
    )  # fmt: skip


def train_task() -> TaskResult:
    losses = (4.949, 0.831, 0.14, 0.024, 0.004)
    kernel = Value(np.array([[0.9895, -0.9874]]))
    return TaskResult(
        "8", "train", {"of": "L", "wrt": "k"}, Text("Learning the kernel in {n} steps", {"n": 10}),
        tables=(Table((Text("step"), Text("loss")),
                      tuple((2 * i + 2, v) for i, v in enumerate(losses)), frozenset((0, 1))),),
        shape=(1, 2), dims="1×2", symbol=Name("k"), value=kernel,
        extra={"history": [{"step": 2 * i + 2, "loss": v} for i, v in enumerate(losses)],
               "final_loss": 0.004, "worst": math.nan},
        check=Check("central differences", 3.14e-8, True,
                    Text("stepped around the kink of {f}", {"f": Call("relu", (u1,))})),
    )  # fmt: skip


def diagram() -> Diagram:
    nodes = (
        DiagramNode("x", "x", "input", None, None, (2,), "2×1", exact([2, 1])),
        DiagramNode("w", "w", "parameter", None, None, (2,), "2×1", exact(["pi/2", "pi"])),
        DiagramNode("u1", "u1", "operation", "@", wx, (), "1×1", exact("2*pi")),
        DiagramNode("L", "L", "output", "**", Binary("**", u3, num(2)), (), "1×1", exact(9)),
    )
    edges = (
        DiagramEdge("w", "u1", "2×1", "1×2"),
        DiagramEdge("x", "u1", "2×1", "1×2"),
        DiagramEdge("u1", "L", "1×1", "1×1"),
    )
    return Diagram(nodes, edges)


def solution(**changes: object) -> Solution:
    """The sine neuron with a few more tasks; `changes` replace its fields."""
    graph = diagram()
    tasks = (
        TaskResult("1", "graph", {}, Text("The computational graph"), diagram=graph,
                   extra={"dot": "digraph {}", "nodes": [], "edges": []}),
        TaskResult(
            "4", "gradient", {"of": "L", "wrt": "w"},
            Text("Gradient of {L} with respect to {w}", {"L": L, "w": w}), sine_steps(),
            (2,), "2×1", "1×2", d(L, w), GRADIENT, exact([-12, -6]),
            check=Check("central differences", 1.2e-10, True), answer=Answer([-12, -6], True),
            text=r"Use the chain rule to compute $\frac{\partial\mathcal{L}}{\partial\mathbf{w}}$.",
        ),
        update_task(), conv_task(), tables_task(), train_task(),
        TaskResult("9", "jacobian", {"of": "z", "wrt": "W"},
                   Text("Jacobian of {z} with respect to {W}", {"z": Name("z"), "W": Name("W")}),
                   (Step("J1", "closed", "index form", Text("In index notation"),
                         (Component(Name("z"), (Name("i"),)),
                          Sum(("k",), times(Component(Name("W"), (Name("i"), Name("k"))),
                                            Component(x, (Name("k"),)))))),),
                   (Name("m"), 2), "m×2",
                   formula=Call("kron", (Transpose(x), Call("eye", (Name("m"),)))), symbol=d(
                       Name("z"), Name("W"))),
    )  # fmt: skip
    variables = {
        "x": Variable("x", "given", (2,), "2×1", exact([2, 1])),
        "w": Variable("w", "given", (2,), "2×1", exact(["pi/2", "pi"])),
        "b": Variable("b", "given", (), "1×1", exact(1)),
        "yhat": Variable("yhat", "given", (), "1×1", exact(2), r"\hat{y}"),
        "X": Variable("X", "given", (3, 3), "3×3", exact([[1, 0, 2], [2, 1, -1], [0, 0, 2]])),
        "K": Variable("K", "given", (2, 2), "2×2", exact([[1, -1], [0, "1/2"]])),
        "W": Variable("W", "given", (Name("m"), 2), "m×2", None),
        "u1": Variable("u1", "defined", (), "1×1", exact("2*pi")),
        "y": Variable("y", "defined", (), "1×1", exact(-1)),
        "L": Variable("L", "defined", (), "1×1", exact(9)),
        "z": Variable("z", "defined", (Name("m"),), "m×1", None),
        "w_new": Variable("w_new", "defined", (2,), "2×1", None),
        "Y": Variable("Y", "defined", (2, 2), "2×2", None),
        "k": Variable("k", "given", (1, 2), "1×2", Value(np.array([[0.00683409, 0.01299842]]))),
    }
    fields = {
        "title": "A sine neuron with an L2 loss",
        "source": "001_eb896e95124c5a9b.txt, task 1",
        "statement": STATEMENT,
        "conventions": {"layout": "numerator", "vec": "column", "conv": "correlation"},
        "variables": variables,
        "tasks": tasks,
        "warnings": (Text("The document prints the old weights for {w}.", {"w": w}),),
    }
    return Solution(**(fields | changes))  # type: ignore[arg-type]


STATEMENT = r"""
The model maps $\mathbf{x}$ to a *scalar* $y$ through **one** neuron with weights
$\mathbf{w}$ and bias `b`:
$$
y = \sin{(\mathbf{w}^T\mathbf{x})} - b,
$$
where $\mathbf{w} = \begin{bmatrix} \frac{\pi}{2} & \pi \end{bmatrix}$.

- Draw the graph.
- Compute the gradient and update with $\alpha = 0.5$, so that more than one line of text is needed
  for this item.
"""
