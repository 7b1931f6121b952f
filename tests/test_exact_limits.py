"""Where exact arithmetic stops: long enough to be worth reading, never long enough to wait for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from tutor import load
from tutor.ops.exact import TooLong, determinant, inverse, objects


def test_rotations_stay_exact() -> None:
    c, s = sp.cos(1), sp.sin(1)
    turn = objects([[c, -s, sp.S.Zero], [s, c, sp.S.Zero], [sp.S.Zero, sp.S.Zero, sp.S.One]])
    assert sp.simplify(determinant(turn)) == 1
    found = inverse(turn)
    assert found is not None
    assert np.allclose(found.astype(float), turn.T.astype(float))


def test_a_singular_matrix_of_roots_is_seen_to_be_singular() -> None:
    root = sp.sqrt(2)
    rows = [[root, sp.Integer(2)], [sp.S.One, root]]
    assert determinant(objects(rows)) == 0 and inverse(objects(rows)) is None


def test_sums_of_many_sines_are_not_multiplied_out() -> None:
    """Their determinant has hundreds of terms; testing it for zero once took half a minute."""
    entry = [[sum(sp.sin(k + 3 * i + j) for k in (1, 5, 9)) for j in range(3)] for i in range(3)]
    with pytest.raises(TooLong):
        determinant(objects(entry))
    with pytest.raises(TooLong):
        inverse(objects(entry))


@pytest.mark.parametrize("x", [-30, -800, -100_000, 100_000])
def test_saturated_functions_take_no_time(x: int, tmp_path: Path) -> None:
    """1 + erf(−800) as an exact number has its first digit 278,000 places behind the point."""
    file = tmp_path / "p.yaml"
    file.write_text(
        f"given: {{x: {x}}}\ndefine: {{y: gelu(x)}}\n"
        "tasks: [forward, {gradient: {of: y, wrt: x}}]\n"
    )
    solved = load(file).solve()  # it was minutes, or for ever
    assert not solved.solution.failed
    assert solved["y"].value == pytest.approx(max(x, 0), abs=1e-30)
