"""Words of the command line: an expression may begin with a minus sign."""

from __future__ import annotations

import re
from collections.abc import Sequence

VALUED = (  # options of `derive` whose value is a word of its own, and may begin with a minus
    "--wrt", "-d", "--declare", "--layout", "--vec", "--format", "-f", "-o", "--out", "--code",
)  # fmt: skip
_OPTION = re.compile(r"--[a-z][a-z-]*(=.*)?", re.DOTALL)
_ATTACHED = re.compile(r"-d\s*[A-Za-z]\w*\s*:|-[of]\S+\.\w+\Z|-f(terminal|json|latex|markdown)\Z")


def guarded(words: Sequence[str]) -> list[str]:
    """The words after `tutor`; of `derive`, an expression such as `-x.T@x` goes behind `--`."""
    if not words or words[0] != "derive":
        return list(words)
    kept, expressions = ["derive"], []
    rest = iter(words[1:])
    for word in rest:
        if word in VALUED:
            kept += [word, *[v for v in [next(rest, None)] if v is not None]]
        elif word == "--":
            continue  # options may follow the expression all the same
        elif not _is_expression(word):
            kept.append(word)
        else:
            expressions.append(word)
    return [*kept, "--", *expressions] if expressions else kept


def _is_expression(word: str) -> bool:
    """Whether a word with a leading minus is no option, well or badly spelled."""
    if not word.startswith("-") or word == "-":
        return False
    return not _OPTION.fullmatch(word) and not _ATTACHED.match(word)
