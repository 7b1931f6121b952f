"""Options that several commands share, in one wording."""

from __future__ import annotations

from pathlib import Path

import click

from .output import Format, Language, Level

FILE = click.argument("file", metavar="FILE")

FORMAT = click.option(
    "-f",
    "--format",
    type=click.Choice(Format),
    default=Format.terminal,
    show_default=True,
    help="How it is written.",
)

OUT = click.option("-o", "--out", type=click.Path(path_type=Path), help="Write to this file.")

LEVEL = click.option(
    "--level",
    type=click.Choice(Level),
    default=Level.normal,
    show_default=True,
    help="How many steps and reasons are shown.",
)

NO_CHECK = click.option("--no-check", is_flag=True, help="Skip the numeric cross-check.")

FILES_LANGUAGE = click.option(
    "--language",
    type=click.Choice(Language),
    help="English, Czech or Chinese; by default the file's own.",
)

LANGUAGE = click.option(
    "--language",
    type=click.Choice(Language),
    default=Language.en,
    show_default=True,
    help="English, Czech or Chinese.",
)
