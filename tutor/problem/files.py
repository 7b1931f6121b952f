"""Arrays from `.npy` and `.csv` files beside the problem file, and from nowhere else."""

from __future__ import annotations

import stat
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..errors import InputError, ShapeError, Where
from ..value import Value
from . import schema
from .arrays import pack
from .tree import Document, Node
from .values import number

_CAP = 32 * limits.ELEMENTS  # bytes: a number of a CSV file takes at most about this much
_EXACT = 10_000  # integer arrays up to this size stay exact


def read_array(node: Node, name: str, folder: Path | None) -> Value:
    """The value of `file: name`; errors point at the name, or into the CSV file."""
    path = _inside(node, name, folder)
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise schema.fail(f"`{name}` is not a regular file", node)
        if info.st_size > _CAP:
            raise schema.fail(f"`{name}` is larger than {_CAP // 10**6} MB", node)
        if path.suffix == ".npy":
            return _npy(path, name, node)
        return _csv(path.read_bytes(), name, node)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise schema.fail(f"`{name}` cannot be read ({reason})", node) from None


def _inside(node: Node, name: str, folder: Path | None) -> Path:
    """The path, if it leads to a place inside the folder, links followed."""
    if folder is None:
        raise schema.fail("`file` needs a problem file, beside which it is looked for", node)
    if not name.endswith((".npy", ".csv")):
        raise schema.fail(f"`{name[:80]}` is not a .npy or .csv file", node)
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except (OSError, RuntimeError, ValueError):
        raise schema.fail(f"`{name[:80]}` is not a usable path", node) from None
    if Path(name).is_absolute() or "\\" in name or not path.is_relative_to(root):
        raise schema.fail(
            f"`{name[:80]}` is outside the problem's folder",
            node,
            "put the file beside the problem",
        )
    return path


def _npy(path: Path, name: str, node: Node) -> Value:
    try:
        data: Any = np.lib.format.open_memmap(path, mode="r")  # never unpickles
    except (ValueError, EOFError, SyntaxError) as error:
        reason = "it holds objects" if "object" in str(error) else "it is damaged"
        raise schema.fail(f"`{name}` is not a plain array of numbers ({reason})", node) from None
    if data.dtype.kind not in "fiub":
        raise schema.fail(f"`{name}` holds {data.dtype.name}, not real numbers", node)
    if data.ndim > limits.TENSOR_ORDER or prod(data.shape) > limits.ELEMENTS:
        raise schema.fail(f"`{name}` has more than {limits.ELEMENTS} numbers", node)
    if data.size == 0:
        raise schema.fail(f"`{name}` holds no numbers", node)
    if data.dtype.kind in "iu" and data.size <= _EXACT:
        return pack([number(str(x)) for x in data.ravel().tolist()], data.shape)
    floats = np.array(data, dtype=float)
    if not np.isfinite(floats).all():
        raise schema.fail(f"`{name}` holds numbers that are not finite", node)
    return Value(floats)


def _csv(data: bytes, name: str, node: Node) -> Value:
    """Rows of numbers with commas between; one number per row makes a column."""
    try:
        document = Document(name, data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except UnicodeDecodeError:
        raise schema.fail(f"`{name}` is not UTF-8 text", node) from None
    flat: list[Any] = []
    width = rows = 0
    for index, start in enumerate(document.starts):
        line = document.line(index + 1)
        if not line.strip():
            continue
        cells = line.split(",")
        if rows and len(cells) != width:
            where = Where(name, index + 1, 1, line, max(1, len(line)))
            raise ShapeError(
                f"a ragged table: this row has {len(cells)} numbers, the first {width}", where=where
            )
        width, rows = len(cells), rows + 1
        at = start
        for cell in cells:
            value = number(cell.strip()) if len(cell) <= 2 * limits.NUMBER_CHARACTERS else None
            if value is None:
                where = document.where(at, at + max(1, len(cell)))
                raise InputError(f"`{cell.strip()[:40]}` is not a number", where=where)
            flat.append(value)
            at += len(cell) + 1
    if not flat:
        raise schema.fail(f"`{name}` holds no numbers", node)
    return pack(flat, (rows,) if width == 1 else (rows, width))
