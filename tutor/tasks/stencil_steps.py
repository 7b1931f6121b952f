"""The steps of `stencil`: ansatz, Taylor expansion, moment equations, kernel, error, least size."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import factorial

from ..expr import Binary, Call, Component, Expr, List, Name, Neg, Num, Sum
from ..steps import Step, Text, in_turn
from .arithmetic import num, plus, times
from .stencil_kernel import SIDE, Kernel

X, H, F, K, J = Name("x"), Name("h"), Name("f"), Name("k"), Name("j")
_SHOWN_EQUATIONS = 5  # more moment equations are shown in detail only


def derivative_symbol(d: int) -> Expr:
    """Dᵈ f(x), with D = d/dx."""
    return times(_power(Name("D"), d), Call("f", (X,)))


def laplace_symbol() -> Expr:
    """D_x² f + D_y² f."""
    along = [times(_power(Name(f"D_{axis}"), 2), F) for axis in "xy"]
    return plus(*along)


def _power(base: Expr, n: int) -> Expr:
    return base if n == 1 else Binary("**", base, num(n))


def _at(j: int) -> Expr:
    """f(x + j·h)"""
    if j == 0:
        return Call("f", (X,))
    step = H if abs(j) == 1 else times(num(abs(j)), H)
    return Call("f", (Binary("+" if j > 0 else "-", X, step),))


def _coefficient(j: int) -> Expr:
    return Component(Name("c"), (num(j),))


def _scaled(c: Fraction | int, e: Expr) -> Expr:
    if abs(c) == 1:
        return e if c > 0 else Neg(e)
    scaled = times(num(abs(c)), e)
    return scaled if c > 0 else Neg(scaled)


def _sum(terms: Sequence[Expr]) -> Expr:
    return plus(*terms) if terms else Num("0")


def difference(k: Kernel) -> Expr:
    """(f(x − h) − 2·f(x) + f(x + h))/h²."""
    pairs = zip(k.nodes, k.coefficients, strict=True)
    terms = [_scaled(c, _at(j)) for j, c in pairs if c]
    return Binary("/", _sum(terms), _power(H, k.derivative))


def error_term(k: Kernel) -> Expr:
    """The leading error: E·h^order·D^(d + order) f(x)."""
    step = times(_power(H, k.order), derivative_symbol(k.derivative + k.order))
    return _scaled(k.error, step)


class _Steps:
    def __init__(self, task: str) -> None:
        self.task, self.done = task, []

    def add(
        self,
        kind: str,
        rule: str,
        title: Text,
        equation: tuple[Expr, ...],
        why: Text,
        level: int = 1,
        shape: tuple[int, ...] = (),
    ) -> None:
        id_ = f"{self.task}.{len(self.done) + 1}"
        step = Step(id_, kind, rule, title, equation, why=why, shape=shape, level=level)
        self.done.append(step)


def steps(
    task: str,
    k: Kernel,
    side: str,
    accuracy: int,
    plane: Sequence[Sequence[Fraction]] | None,
    flipped: bool,
) -> list[Step]:
    """Every step; `plane` is the kernel in two dimensions."""
    out = _Steps(task)
    _ansatz(out, k, side, accuracy)
    _moments(out, k)
    _kernel(out, k)
    if plane is not None:
        _laplacian(out, k, plane)
    _least_size(out, k, plane is not None)
    _convention(out, k, flipped)
    return out.done


def _ansatz(out: _Steps, k: Kernel, side: str, accuracy: int) -> None:
    d, n = k.derivative, len(k.nodes)
    take = Text(
        "Take {n} neighbouring values ({side}), spaced by {h}, with unknown weights.",
        {"n": n, "side": SIDE[side], "h": H},
    )
    if n > d + 1 or side != "central":
        needed = Text("So many are needed for an error of order {a}.", {"a": accuracy})
    else:
        needed = Text("A derivative of degree {d} needs at least so many.", {"d": d})
    even = Text("By symmetry the order is even {order}.", {"order": k.order})
    weighted = _sum([times(_coefficient(j), _at(j)) for j in k.nodes])
    out.add("given", "", Text("A weighted sum of neighbours"), (Name("S"), weighted),
            in_turn(take, needed, even if k.order > accuracy else None))  # fmt: skip
    step = times(J, H)
    body = times(
        Binary("/", Binary("**", step, K), Call("factorial", (K,))),
        times(Binary("**", Name("D"), K), Call("f", (X,))),
    )
    out.add(
        "forward",
        "Taylor expansion",
        Text("Expand each value around {x}", {"x": X}),
        (Call("f", (Binary("+", X, step),)), Sum(("k",), body)),
        Text("{D} is the derivative, so its power {k} is the derivative of degree {k}.",
             {"D": Name("D"), "k": K}),
    )  # fmt: skip
    moment = Component(Name("M"), (K,))
    terms = times(Binary("**", H, K), Binary("/", moment, Call("factorial", (K,))))
    out.add(
        "forward",
        "collect powers",
        Text("Collect the powers of {h}", {"h": H}),
        (Name("S"), Sum(("k",), times(terms, times(Binary("**", Name("D"), K), Call("f", (X,)))))),
        Text(
            "Here {M} is the sum of the weights times {jk}, the moment of degree {k}. The sum is "
            "{target} when the moment of degree {d} is {fact} and the other low ones vanish.",
            {
                "M": moment,
                "jk": Binary("**", J, K),
                "k": K,
                "target": times(_power(H, d), derivative_symbol(d)),
                "d": d,
                "fact": Call("factorial", (num(d),)),
            },
        ),
    )


def _moments(out: _Steps, k: Kernel) -> None:
    level = 1 if len(k.nodes) <= _SHOWN_EQUATIONS else 2
    for degree in range(len(k.nodes)):
        terms = [_scaled(j**degree, _coefficient(j)) for j in k.nodes if j**degree]
        right = factorial(k.derivative) if degree == k.derivative else 0
        name = Component(Name("M"), (num(degree),))
        out.add(
            "local",
            "moment equation",
            Text("Moment of degree {k}", {"k": degree}),
            (name, _sum(terms), num(right)),
            Text("This is the wanted derivative.")
            if right
            else Text("This derivative must not appear."),
            level=level,
        )


def _kernel(out: _Steps, k: Kernel) -> None:
    d = k.derivative
    left = List(tuple(_coefficient(j) for j in k.nodes))
    out.add(
        "closed",
        "linear equations",
        Text("Solve for the weights"),
        (left, List(tuple(num(c) for c in k.coefficients))),
        Text("{n} linear equations in {n} unknowns; their matrix is a Vandermonde matrix, so there "
             "is exactly one solution.", {"n": len(k.nodes)}),
        shape=(len(k.nodes),),
    )  # fmt: skip
    order = Call("O", (_power(H, k.order),))
    out.add(
        "closed",
        "finite difference",
        Text("The derivative of degree {d}", {"d": d}),
        (derivative_symbol(d), plus(difference(k), order)),
        Text("Divide by {h}. With pixels one apart, {one}, the weights are the kernel.",
             {"h": _power(H, d), "one": Binary("==", H, Num("1"))}),
        level=0,
    )  # fmt: skip
    degree = d + k.order
    m = k.moment(degree)
    out.add(
        "closed",
        "leading error",
        Text("The leading error"),
        (Name("E"), error_term(k)),
        Text(
            "What the quotient adds to the derivative starts with the first moment that does not "
            "vanish again. It has degree {k} and is {m}, divided by {fact}. So the error falls as "
            "{power}.",
            {
                "k": degree,
                "m": num(m),
                "fact": Call("factorial", (num(degree),)),
                "power": _power(H, k.order),
            },
        ),
    )


def _laplacian(out: _Steps, k: Kernel, plane: Sequence[Sequence[Fraction]]) -> None:
    rows = List(tuple(List(tuple(num(c) for c in row)) for row in plane))
    filled = sum(1 for row in plane for c in row if c)
    out.add(
        "closed",
        "sum of derivatives",
        Text("The Laplacian: along the row and along the column"),
        (laplace_symbol(), rows),
        Text(
            "The Laplacian is the sum of the second derivatives along both axes: the kernel is "
            "laid along the row and along the column of {x}, and where they cross the weights add. "
            "{n} entries are not zero; the division by {h} stays.",
            {"n": filled, "h": _power(H, 2), "x": X},
        ),
        shape=(len(plane), len(plane)),
        level=0,
    )


def _least_size(out: _Steps, k: Kernel, plane: bool) -> None:
    d = k.derivative
    few = Text(
        "With fewer than {n} values, the equations for the moments of degree below {d} already "
        "force all weights to 0 (the Vandermonde matrix is invertible), and then the moment of "
        "degree {d} cannot be {fact}. With {n} values there is a solution.",
        {"d": d, "n": d + 1, "fact": Call("factorial", (num(d),))},
    )
    if plane:
        so = "So a kernel for a derivative of degree {d} has at least {n} entries along each axis."
    else:
        so = "So a kernel for a derivative of degree {d} has at least {n} entries."
    least = Text(so, {"d": d, "n": d + 1})
    size = {"size": len(k.nodes)}
    this = Text("This one has {size}, for its accuracy and its side.", size)
    out.add(
        "note",
        "least size",
        Text("The least size"),
        (Name("n_min"), plus(num(d), Num("1")), num(d + 1)),
        in_turn(few, least, this if len(k.nodes) > d + 1 else None),
        level=0,
    )


def _convention(out: _Steps, k: Kernel, flipped: bool) -> None:
    odd = k.derivative % 2 == 1
    symmetric = k.coefficients == k.coefficients[::-1]
    if flipped:
        said = Text("The kernel is given for true convolution, which flips it.")
    else:
        said = Text("The kernel is given for cross-correlation; true convolution flips it.")
    more = None
    if symmetric:
        more = Text("This one is symmetric, so it stays the same.")
    elif k.coefficients == tuple(-c for c in k.coefficients[::-1]) and odd:
        more = Text("For this derivative of odd degree that changes the sign.")
    title = Text("Convolution or cross-correlation")
    out.add("note", "convention", title, (), in_turn(said, more))
