"""`tutor graph`: pictures of computational graphs and of networks, in every format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .errors import InputError
from .options import FILE, FILES_LANGUAGE, OUT
from .output import Language, collect_garbage_again, told_in
from .words import speaking

if TYPE_CHECKING:
    from .problem.model import Problem


@click.command()
@FILE
@click.option("--png", is_flag=True, help="A PNG picture (the default).")
@click.option("--svg", is_flag=True, help="An SVG picture.")
@click.option("--pdf", is_flag=True, help="A PDF page.")
@click.option("--dot", is_flag=True, help="Graphviz source.")
@click.option("--mermaid", is_flag=True, help="A Mermaid flowchart.")
@click.option("--tikz", is_flag=True, help="A TikZ picture for LaTeX.")
@click.option("--values", is_flag=True, help="Show forward values.")
@click.option("--gradients", is_flag=True, help="Show gradients of the loss.")
@click.option("--backward", is_flag=True, help="Edges from right to left: the gradients' sizes.")
@click.option("--jacobians", is_flag=True, help="Edges say the size of their derivative.")
@click.option("--blocks", is_flag=True, help="The layers of the network, with repeats folded.")
@OUT
@FILES_LANGUAGE
def graph(
    file: str,
    png: bool,
    svg: bool,
    pdf: bool,
    dot: bool,
    mermaid: bool,
    tikz: bool,
    values: bool,
    gradients: bool,
    backward: bool,
    jacobians: bool,
    blocks: bool,
    out: Path | None,
    language: Language | None,
) -> None:
    """A picture of the computational graph.

    FILE is a problem in YAML, or - for standard input.
    """
    from .problem import load
    from .problem.elaborate import elaborate
    from .render import picture
    from .render.wording import spoken_as
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
        with spoken_as(problem.language, {"conv": problem.convention.conv}):
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
            click.echo(f"wrote {path}", err=True)


def _layers(problem: Problem, kinds: list[str]) -> dict[str, bytes]:
    """The picture of a network in every kind asked for."""
    from .render import stack
    from .tasks import blocks

    if problem.network is None:
        raise InputError("there is no `network` whose layers could be drawn")
    return stack.drawn(blocks.stack(problem.network), kinds, problem.title)
