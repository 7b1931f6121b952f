"""Problem files: text in, a typed `Problem` out."""

from __future__ import annotations

from .load import load, loads
from .model import Problem

__all__ = ["Problem", "load", "loads"]
