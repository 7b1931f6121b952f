"""A tutor for the mathematics of machine learning.

    import tutor
    solution = tutor.load("problems/seeds/sine_neuron.yaml").solve()
    solution["L"].gradient("w").value

Everything heavy is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["LoadedProblem", "__version__", "load", "loads"]

if TYPE_CHECKING:
    from .api import LoadedProblem, load, loads


def __getattr__(name: str):
    if name in ("LoadedProblem", "load", "loads"):
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'tutor' has no attribute {name!r}")
