"""`tutor graph`: pictures of computational graphs and of networks, in every format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import InputError
from .output import Language, collect_garbage_again, told_in
from .words import speaking

if TYPE_CHECKING:
    from .problem.model import Problem


def graph(
    file: Annotated[str, typer.Argument(help="A problem file (YAML), or - for standard input.")],
    png: Annotated[bool, typer.Option("--png", help="A PNG picture (the default).")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="An SVG picture.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF page.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="Graphviz source.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="A Mermaid flowchart.")] = False,
    tikz: Annotated[bool, typer.Option("--tikz", help="A TikZ picture for LaTeX.")] = False,
    values: Annotated[bool, typer.Option("--values", help="Show forward values.")] = False,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Show gradients of the loss.")
    ] = False,
    backward: Annotated[
        bool, typer.Option("--backward", help="Edges from right to left: the gradients' sizes.")
    ] = False,
    jacobians: Annotated[
        bool, typer.Option("--jacobians", help="Edges say the size of their derivative.")
    ] = False,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="The layers of the network, with repeats folded.")
    ] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The file to write.")] = None,
    language: Annotated[
        Language | None,
        typer.Option("--language", help="English, Czech or Chinese; by default the file's own."),
    ] = None,
) -> None:
    """A picture of the computational graph."""
    from .problem import load
    from .problem.elaborate import elaborate
    from .render import picture
    from .render.write import write_atomic
    from .tasks.graph import diagram
    from .tasks.workspace import Workspace

    collect_garbage_again()
    asked = {"png": png, "svg": svg, "pdf": pdf, "dot": dot, "mermaid": mermaid, "tikz": tikz}
    kinds = [kind for kind, on in asked.items() if on]
    suffix = out.suffix[1:].lower() if out is not None else ""
    named = next((kind for kind, end in picture.SUFFIXES.items() if end == suffix), None)
    if not kinds:
        kinds = [named or "png"]
    elif named is not None and named not in kinds:
        raise InputError(f"{out} is not the name of a {kinds[0].upper()} file")
    if out is not None and len(kinds) > 1:
        raise InputError(
            "-o names one file, so ask for one of " + " ".join(f"--{k}" for k in asked)
        )
    if backward and jacobians:
        raise InputError("--backward and --jacobians both say what stands at the edges: take one")
    problem = told_in(load(file), language)
    written_out = values or gradients or backward or jacobians
    layers = problem.network is not None and (not problem.define or problem.only_network)
    if blocks or (layers and not (problem.define and written_out)):
        if written_out:
            raise InputError(
                "the picture of a network's layers shows sizes, no values and no gradients",
                hint="`define` a loss with `output`, and give `input` a value",
            )
        with speaking(problem.language):
            drawn = _layers(problem, kinds)
    else:
        if not problem.define:
            raise InputError(f"{file}: there is no computational graph: `define` is empty")
        ws = Workspace(problem, elaborate(problem, problem.unknowns))
        shown = diagram(ws, values=values, gradients=gradients, backward=backward)
        with speaking(problem.language):
            drawn = picture.drawn(
                shown,
                kinds,
                values=values,
                gradients=gradients,
                backward=backward,
                jacobians=jacobians,
                title=problem.title,
                names=ws.variables(),
            )
    stem = problem.path.stem if problem.path else "graph"
    for kind, data in drawn.items():
        path = out or Path(f"{stem}.{picture.SUFFIXES[kind]}")
        if str(path) == "-":
            sys.stdout.buffer.write(data)
        else:
            write_atomic(path, data)
            typer.echo(f"wrote {path}", err=True)


def _layers(problem: Problem, kinds: list[str]) -> dict[str, bytes]:
    """The picture of a network in every kind asked for."""
    from .render import stack
    from .tasks import blocks

    if problem.network is None:
        raise InputError("there is no `network` whose layers could be drawn")
    return stack.drawn(blocks.stack(problem.network), kinds, problem.title)
