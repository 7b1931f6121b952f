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
from typing import TYPE_CHECKING

# a second BLAS thread costs more start-up time than it ever earns here, unless the user asks
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from . import __version__
from .arguments import guarded
from .author_commands import new, schema
from .derive_command import derive
from .errors import InputError, TutorError, did_you_mean
from .graph_command import graph
from .options import FILE, FILES_LANGUAGE, FORMAT, LANGUAGE, LEVEL, NO_CHECK, OUT
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
    from .problem.model import Problem
    from .steps import Solution


class TableFormat(StrEnum):
    terminal = "terminal"
    json = "json"


class _InOrder(click.Group):
    """Commands stand in the help as they stand here: the main one first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, invoke_without_command=True)
@click.option("--version", is_flag=True, help="Print the version.")
@click.pass_context
def app(context: click.Context, version: bool) -> None:
    """Worked solutions for the mathematics of machine learning."""
    if version:
        click.echo(f"tutor {__version__}")
    elif context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


@app.command()
@FILE
@FORMAT
@OUT
@click.option("--task", help="Only the task of this id.")
@LEVEL
@click.option("--graph", is_flag=True, help="Draw the graph beside the file of -o; include it.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Draw the loss curve of a training (.svg, .png, .pdf).",
)
@NO_CHECK
@FILES_LANGUAGE
@click.pass_context
def solve(
    context: click.Context,
    file: str,
    format: Format,
    out: Path | None,
    task: str | None,
    level: Level,
    graph: bool,
    plot: Path | None,
    no_check: bool,
    language: Language | None,
) -> None:
    """The worked solution of a problem.

    FILE is a problem in YAML, or - for standard input.
    """
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
        click.echo(f"wrote {plot}", err=True)
    write(rendered(solution, format, out, picture.name if picture else None, level), out)
    stop_if_unchecked(solution)
    wrong = [t.id for t in solution.tasks if t.answer is not None and t.answer.correct is False]
    if wrong:
        click.echo(f"tutor: the expected answer differs (task {', '.join(wrong)})", err=True)
        context.exit(1)


def _drawn(solution: Solution, format: Format, out: Path | None) -> Path:
    """Write the graph beside the output, as a file that its format can include."""
    from .render import picture
    from .render.wording import spoken_as
    from .render.write import write_atomic

    if format not in (Format.latex, Format.markdown) or out is None or str(out) == "-":
        raise InputError(
            "--graph needs --format latex or markdown, and a file to stand beside (-o)"
        )
    if solution.diagram is None:
        raise InputError("there is no computational graph: `define` is empty")
    pdf = format is Format.latex
    told = spoken_as(solution.language, solution.conventions)
    with told, picture.lettered() if pdf else nullcontext():
        source = picture.to_dot(solution.diagram, title=None, names=solution.variables)
        data = picture.to_pdf(source) if pdf else picture.to_svg(source).encode()
    path = out.with_name(f"{out.stem}-graph.{'pdf' if format is Format.latex else 'svg'}")
    write_atomic(path, data)
    return path


app.add_command(derive)
app.add_command(graph)


@app.command()
@click.argument("files", metavar="FILES...", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("sheet.pdf"),
    show_default=True,
    help="The sheet: a .pdf, .tex or .html file.",
)
@click.option("--title", help="The title of the sheet (default: Exercises).")
@click.option("--solutions", is_flag=True, help="Write the worked solutions to a second file.")
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    help="A LaTeX or HTML file with {{title}} and {{body}}.",
)
@FILES_LANGUAGE
@click.pass_context
def sheet(
    context: click.Context,
    files: tuple[str, ...],
    out: Path,
    title: str | None,
    solutions: bool,
    template: Path | None,
    language: Language | None,
) -> None:
    """An exercise sheet, and its solutions in a file of their own.

    FILES are problems in YAML, in order.
    """
    from .problem import load
    from .render.write import write_atomic
    from .sheets import typesetter, written

    collect_garbage_again()
    problems = [told_in(load(f), language) for f in files]
    wrong: list[str] = []

    def report(problem: Problem, task: str) -> None:
        wrong.append(f"{problem.title}, task {task}")

    with speaking(problems[0].language):
        made = written(problems, out, title, solutions, template, report)
        program = typesetter(out)
    for path, data in made.items():
        write_atomic(path, data)
        click.echo(f"wrote {path}" + (f" with {program}" if program else ""), err=True)
    if wrong:
        click.echo(f"tutor: the expected answer differs ({'; '.join(wrong)})", err=True)
        context.exit(1)


@app.command()
@click.argument("name", required=False)
@click.option(
    "-f",
    "--format",
    type=click.Choice(TableFormat),
    default=TableFormat.terminal,
    show_default=True,
    help="How the page is written.",
)
@LANGUAGE
def ops(name: str | None, format: TableFormat, language: Language) -> None:
    """The operations and the layers: definition, derivative, an example.

    NAME is an operation, such as softmax or @, or a layer of a network, such as Conv2d; without it,
    all are listed. Capitals matter: conv2d is the function, Conv2d the layer.
    """
    from . import catalogue

    with speaking(language):
        text = catalogue.written(name, format is TableFormat.json, width())
    write(text, None)


app.add_command(new)
app.add_command(schema)


def main() -> None:
    """Run the command; every failure is one message and an exit status."""
    gc.disable()  # importing SymPy sets off dozens of collections that find nothing
    try:
        sys.exit(app.main(guarded(sys.argv[1:]), standalone_mode=False) or 0)
    except TutorError as error:
        from .problem.diagnostics import render_error

        sys.stderr.write(render_error(error).rstrip("\n") + "\n")
        sys.exit(error.status)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as error:  # a wrong command, option or argument
        from .problem.diagnostics import escape

        said = error.format_message()
        hint = "" if "Did you mean" in said else f"\n  {_commands()}"
        sys.stderr.write(f"tutor: {escape(said)}{hint}\n")
        sys.exit(2)
    except Exception as error:
        if "TUTOR_TRACEBACK" in os.environ:
            raise
        sys.stderr.write(_fault(error))
        sys.exit(4)


def _fault(error: Exception) -> str:
    """What nobody foresaw: one message, and how to see more."""
    from traceback import extract_tb

    from .problem.diagnostics import escape

    place = extract_tb(error.__traceback__)[-1]
    said = escape(f"{type(error).__name__}: {error}"[:300])
    return (
        f"tutor: this is a fault of tutor, not of your file: {said}\n"
        f"  at {Path(place.filename).name}:{place.lineno}; please report it with the problem "
        "(TUTOR_TRACEBACK=1 shows more)\n"
    )


def _commands() -> str:
    """A hint for who called a command wrongly, or one that does not exist."""
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    if not words or words[0] in app.commands:
        return "`tutor --help` lists commands, `tutor COMMAND --help` their options"
    near = did_you_mean(words[0], app.commands)
    return near or "the commands are " + ", ".join(f"`{c}`" for c in app.commands)
