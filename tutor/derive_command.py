"""`tutor derive`: the derivative of one expression, its options and what they do."""

from __future__ import annotations

import atexit
import gc
from enum import StrEnum
from pathlib import Path

import click

from .options import FORMAT, LANGUAGE, LEVEL, NO_CHECK, OUT
from .output import (
    Format,
    Language,
    Level,
    collect_garbage_again,
    rendered,
    stop_if_unchecked,
    write,
)


class Layout(StrEnum):
    numerator = "numerator"
    denominator = "denominator"


class Vec(StrEnum):
    column = "column"
    row = "row"


class Library(StrEnum):
    numpy = "numpy"
    torch = "torch"
    jax = "jax"


@click.command()
@click.argument("expression", metavar="EXPR")
@click.option("--wrt", multiple=True, help="With respect to which name; several times.")
@click.option("-d", "--declare", multiple=True, help='A shape: "A: matrix(m, n)"; several times.')
@click.option("--hessian", is_flag=True, help="The second derivative.")
@click.option("--jacobian", is_flag=True, help="The Jacobian matrix, of a scalar too.")
@click.option("--layout", type=click.Choice(Layout), help="Rows of a Jacobian: the result's.")
@click.option("--vec", type=click.Choice(Vec), help="How vec unrolls a matrix.")
@click.option("--index", is_flag=True, help="The closed form with subscripts, Σ and δ, too.")
@FORMAT
@LEVEL
@OUT
@click.option(
    "--code", type=click.Choice(Library), help="Print a function instead, ready to paste."
)
@NO_CHECK
@LANGUAGE
def derive(
    expression: str,
    wrt: tuple[str, ...],
    declare: tuple[str, ...],
    hessian: bool,
    jacobian: bool,
    layout: Layout | None,
    vec: Vec | None,
    index: bool,
    format: Format,
    level: Level,
    out: Path | None,
    code: Library | None,
    no_check: bool,
    language: Language,
) -> None:
    """The derivative of one expression, without a file.

    EXPR is what to differentiate, such as "norm2(A@x - y)**2".
    """
    from .derivation import derivation, kind_of

    collect_garbage_again()
    atexit.register(gc.freeze)
    found = derivation(
        expression,
        wrt,
        declare,
        kind=kind_of(hessian=hessian, jacobian=jacobian),
        conventions={"layout": layout, "vec": vec},
        checking=not no_check,
        index=index,
        language=language,
    )
    if code is not None:
        write(found.code(code.value), out)
    elif format is Format.json:
        write(found.json(), out)
    else:
        on_screen = format is Format.terminal and out is None
        solution = found.on_screen() if on_screen else found.solution
        write(rendered(solution, format, out, level=level), out)
    stop_if_unchecked(found.solution)
