"""The command line: options in, exit status out; no mathematics here.

Heavy modules are imported inside the commands, so that `tutor --help` starts quickly.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

# a second BLAS thread costs more start-up time than it ever earns here, unless the user asks
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import typer

from . import __version__
from .arguments import guarded
from .derive_command import derive
from .errors import InputError, TutorError, did_you_mean
from .graph_command import graph
from .output import (
    Format,
    Language,
    Level,
    collect_garbage_again,
    rendered,
    stop_if_unchecked,
    told_in,
    width,
    write,
)
from .words import speaking

if TYPE_CHECKING:
    from .steps import Solution

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Worked solutions for the mathematics of machine learning.",
)


Spoken = Annotated[
    Language | None,
    typer.Option("--language", help="English, Czech or Chinese; by default the file's own."),
]


class TableFormat(StrEnum):
    terminal = "terminal"
    json = "json"


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"tutor {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command()
def solve(
    file: Annotated[str, typer.Argument(help="A problem file (YAML), or - for standard input.")],
    format: Annotated[
        Format, typer.Option("--format", "-f", help="How the solution is written.")
    ] = Format.terminal,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write to this file.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only the task of this id.")] = None,
    level: Annotated[
        Level, typer.Option("--level", help="How many steps and reasons are shown.")
    ] = Level.normal,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw the graph beside the file of -o, and include it.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw the loss curve of a training (.svg, .png, .pdf)."),
    ] = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Skip the numeric cross-check.")
    ] = False,
    language: Spoken = None,
) -> None:
    """The worked solution of a problem."""
    from .problem import load
    from .render.progress import Progress
    from .tasks import solve as run

    problem = told_in(load(file), language)
    counted = not problem.define and all(t.kind == "parameters" for t in problem.tasks)
    collect_garbage_again(mathematics=not counted)
    if not graph:  # nothing needs finding at exit (but the embedded layout cleans up there)
        atexit.register(gc.freeze)
    progress = Progress()
    solution = run(problem, only=task, checking=not no_check, progress=progress)
    progress.close()
    picture = _drawn(solution, format, out) if graph else None
    if plot is not None:
        from .render.plot import plot as drawn

        drawn(solution, plot)
        typer.echo(f"wrote {plot}", err=True)
    write(rendered(solution, format, out, picture.name if picture else None, level), out)
    stop_if_unchecked(solution)
    wrong = [t.id for t in solution.tasks if t.answer is not None and t.answer.correct is False]
    if wrong:
        sys.stderr.write(f"tutor: the expected answer differs (task {', '.join(wrong)})\n")
        raise typer.Exit(1)


def _drawn(solution: Solution, format: Format, out: Path | None) -> Path:
    """Write the graph beside the output, as a file that its format can include."""
    from .render import picture
    from .render.write import write_atomic

    if format not in (Format.latex, Format.markdown) or out is None or str(out) == "-":
        raise InputError(
            "--graph needs --format latex or markdown, and a file to stand beside (-o)"
        )
    if solution.diagram is None:
        raise InputError("there is no computational graph: `define` is empty")
    pdf = format is Format.latex
    with speaking(solution.language), picture.lettered() if pdf else nullcontext():
        source = picture.to_dot(solution.diagram, title=None, names=solution.variables)
        data = picture.to_pdf(source) if pdf else picture.to_svg(source).encode()
    path = out.with_name(f"{out.stem}-graph.{'pdf' if format is Format.latex else 'svg'}")
    write_atomic(path, data)
    return path


app.command()(derive)
app.command()(graph)


@app.command()
def sheet(
    files: Annotated[list[str], typer.Argument(help="Problem files (YAML), in order.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The sheet: a .pdf, .tex or .html file.")
    ] = Path("sheet.pdf"),
    title: Annotated[
        str | None, typer.Option("--title", help="The title of the sheet (default: Exercises).")
    ] = None,
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Write the worked solutions to a second file.")
    ] = False,
    template: Annotated[
        Path | None,
        typer.Option("--template", help="A LaTeX or HTML file with {{title}} and {{body}}."),
    ] = None,
    language: Spoken = None,
) -> None:
    """An exercise sheet with room for answers, and worked solutions in a file of their own."""
    from .problem import load
    from .render.write import write_atomic
    from .sheets import typesetter, written

    collect_garbage_again()
    problems = [told_in(load(f), language) for f in files]
    with speaking(problems[0].language if problems else "en"):
        wrong: list[str] = []
        report = lambda p, task: wrong.append(f"{p.title}, task {task}")  # noqa: E731
        made = written(problems, out, title, solutions, template, report)
        program = typesetter(out)
    for path, data in made.items():
        write_atomic(path, data)
        typer.echo(f"wrote {path}" + (f" with {program}" if program else ""), err=True)
    if wrong:
        sys.stderr.write(f"tutor: the expected answer differs ({'; '.join(wrong)})\n")
        raise typer.Exit(1)


@app.command()
def ops(
    name: Annotated[
        str | None, typer.Argument(help="An operation, such as softmax or @; without it, a list.")
    ] = None,
    format: Annotated[
        TableFormat, typer.Option("--format", "-f", help="How the page is written.")
    ] = TableFormat.terminal,
    language: Annotated[
        Language, typer.Option("--language", help="English, Czech or Chinese.")
    ] = Language.en,
) -> None:
    """The operations: axes, definition, derivative, conventions, an example, the source."""
    from . import catalogue
    from .render import operation

    with speaking(language):
        if format is TableFormat.json:
            text = operation.json(catalogue.page(name) if name else catalogue.entries())
        elif name:
            text = operation.page(catalogue.page(name), width())
        else:
            text = operation.listing(catalogue.entries(), width())
    write(text, None)


def main() -> None:
    """Run the command; every failure is one message and an exit status."""
    gc.disable()  # importing SymPy sets off dozens of collections that find nothing
    try:
        sys.exit(app(guarded(sys.argv[1:]), standalone_mode=False) or 0)
    except TutorError as error:
        from .problem.diagnostics import render_error

        sys.stderr.write(render_error(error).rstrip("\n") + "\n")
        sys.exit(error.status)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except typer.TyperException as error:  # a wrong command, option or argument
        from .problem.diagnostics import escape

        said = error.format_message().replace("Value error, ", "")
        sys.stderr.write(f"tutor: {escape(said)}{_nearest_command()}\n")
        sys.exit(2)


def _nearest_command() -> str:
    """A hint when the first word is not a command."""
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    commands = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    if not words or words[0] in commands:
        return "\n  `tutor --help` lists commands, `tutor COMMAND --help` their options"
    hint = did_you_mean(words[0], commands) or "the commands are " + ", ".join(
        f"`{c}`" for c in commands
    )
    return f"\n  {hint}"
