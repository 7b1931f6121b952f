"""`tutor derive`: the derivative of one expression, its options and what they do."""

from __future__ import annotations

import atexit
import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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


def derive(
    expression: Annotated[
        str, typer.Argument(metavar="EXPR", help='What to differentiate: "norm2(A@x - y)**2".')
    ],
    wrt: Annotated[
        list[str] | None,
        typer.Option("--wrt", help="With respect to which name; may be given several times."),
    ] = None,
    declare: Annotated[
        list[str] | None,
        typer.Option("-d", "--declare", help='A shape: "A: matrix(m, n)"; several times.'),
    ] = None,
    hessian: Annotated[bool, typer.Option("--hessian", help="The second derivative.")] = False,
    jacobian: Annotated[
        bool, typer.Option("--jacobian", help="The Jacobian matrix, of a scalar too.")
    ] = False,
    layout: Annotated[
        Layout | None, typer.Option("--layout", help="Rows of a Jacobian: those of the result.")
    ] = None,
    vec: Annotated[Vec | None, typer.Option("--vec", help="How vec unrolls a matrix.")] = None,
    index: Annotated[
        bool, typer.Option("--index", help="The closed form with subscripts, Σ and δ, too.")
    ] = False,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="How the derivation is written.")
    ] = Format.terminal,
    level: Annotated[
        Level, typer.Option("--level", help="How many steps and reasons are shown.")
    ] = Level.normal,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write to this file.")] = None,
    code: Annotated[
        Library | None, typer.Option("--code", help="Print a function instead, ready to paste.")
    ] = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Skip the numeric cross-check.")
    ] = False,
    language: Annotated[
        Language, typer.Option("--language", help="English, Czech or Chinese.")
    ] = Language.en,
) -> None:
    """The derivative of one expression, without a file."""
    from .derivation import derivation, kind_of

    collect_garbage_again()
    atexit.register(gc.freeze)
    found = derivation(
        expression,
        wrt or (),
        declare or (),
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
