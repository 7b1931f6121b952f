"""A tutor for the mathematics of machine learning.

    import tutor
    solution = tutor.load("problems/seeds/sine_neuron.yaml").solve()
    solution["L"].gradient("w").value
    tutor.derive("norm2(A@x - y)**2", wrt="x").formula

Everything heavy is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Derivative", "InputError", "LoadedProblem", "__version__", "derive", "load", "loads"]

if TYPE_CHECKING:
    from .api import Derivative, InputError, LoadedProblem, derive, load, loads


def __getattr__(name: str):
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'tutor' has no attribute {name!r}")
