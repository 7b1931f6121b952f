"""Output files appear complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import ToolError

_HINTS = {
    errno.ENOENT: "create the folder first, or choose another with -o",
    errno.ENOTDIR: "a part of the path is a file; choose another with -o",
    errno.EISDIR: "it is a folder; give a file name with -o",
    errno.EACCES: "you may not write there; choose another place with -o",
    errno.EPERM: "you may not write there; choose another place with -o",
    errno.EROFS: "the file system is read-only; choose another place with -o",
    errno.ENOSPC: "the disk is full; free some space or choose another place with -o",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another place with -o",
    errno.EFBIG: "the file would exceed the allowed file size; raise the limit (ulimit -f)",
    errno.ENAMETOOLONG: "choose a shorter name with -o",
}


def write_atomic(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`: a reader sees the old bytes or the new ones, never a part.

    Raises ToolError (exit status 4) with what went wrong and what to do; nothing is left behind.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with _no_size_signal():
            _replace(path.resolve(), data)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error)
        hint = _HINTS.get(number or 0, "choose another place with -o")
        raise ToolError(f"cannot write {str(path)!r}: {reason}", hint=hint) from error


def _replace(path: Path, data: bytes) -> None:
    mode = _mode(path)
    fd, temporary = tempfile.mkstemp(prefix=".tutor-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(path: Path) -> int:
    """Keep an existing file's permissions; a new file gets the usual ones."""
    try:
        status = path.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    if not os.access(path, os.W_OK):  # replacing it would get round its protection
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return status.st_mode & 0o777


@contextlib.contextmanager
def _no_size_signal() -> Iterator[None]:
    """Past `ulimit -f`, be told by EFBIG instead of being killed by SIGXFSZ."""
    name = getattr(signal, "SIGXFSZ", None)
    try:
        old = signal.signal(name, signal.SIG_IGN) if name else None
    except ValueError:  # not the main thread
        old = None
    try:
        yield
    finally:
        if name and old is not None:
            signal.signal(name, old)
