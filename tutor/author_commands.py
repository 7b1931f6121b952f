"""`tutor new` and `tutor schema`: for who writes problem files."""

from __future__ import annotations

from pathlib import Path

import click

from .errors import InputError
from .options import OUT
from .output import write


@click.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), default="problem.yaml")
def new(file: Path) -> None:
    """A problem file to start from.

    FILE is what it is called (problem.yaml), or - for standard output.
    """
    from importlib.resources import files

    if file.exists():
        raise InputError(
            f"{file} exists already", hint="choose another name: `tutor new NAME.yaml`"
        )
    write(files(__package__).joinpath("starter.yaml").read_bytes(), file)
    if str(file) != "-":
        click.echo(f"wrote {file}: now `tutor solve {file}`", err=True)


@click.command()
@OUT
def schema(out: Path | None) -> None:
    """The JSON Schema of problem files, for editors."""
    import json

    from .problem.json_schema import json_schema

    write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", out)
