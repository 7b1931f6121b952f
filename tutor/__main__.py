"""`python -m tutor` is the command `tutor`."""

from .cli import main

main()
