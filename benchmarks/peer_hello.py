"""The peer of `tutor --help`: the smallest typer program that prints with rich."""

import typer
from rich.console import Console

app = typer.Typer()


@app.command()
def hello(name: str = "world") -> None:
    """Greet."""
    Console().print(f"hello {name}")


app()
