"""How many windows fit: the one place for the output sizes of convolutions and pools.

Everything here is integer arithmetic. With `n` entries, a kernel of `k` taps `d` apart, a stride
`s` and `before` + `after` padded entries, a window spans d(k − 1) + 1 entries and

    outputs = floor((n + before + after − d(k − 1) − 1) / s) + 1
"""

from __future__ import annotations

from ..errors import ShapeError

Padding = int | tuple[int, int]


class NoWindowError(ShapeError):
    """Not even one window fits: the input is too small for the kernel."""


def extent(kernel: int, dilation: int = 1) -> int:
    """The entries that one window spans, first tap to last: d(k − 1) + 1."""
    return dilation * (kernel - 1) + 1


def both_sides(padding: Padding) -> tuple[int, int]:
    """The padding before and after: an integer counts for both."""
    return (padding, padding) if isinstance(padding, int) else (padding[0], padding[1])


def output_size(
    n: int,
    kernel: int,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """The number of windows along one axis, at least 1, or a ShapeError that says what fits.

    With `ceil_mode` a last window may hang over the end, provided that it starts on the input or
    on the padding before it (PyTorch's rule for pools).
    """
    before, after = both_sides(padding)
    _at_least(1, kernel, "the kernel size")
    _at_least(1, stride, "the stride")
    _at_least(1, dilation, "the dilation")
    _at_least(0, min(before, after), "the padding")
    _at_least(1, n, "the input size")
    room = n + before + after - extent(kernel, dilation)
    if not ceil_mode:
        if room < 0:
            raise _no_window(n, kernel, before, after, dilation)
        return room // stride + 1
    count = -(-room // stride) + 1
    if (count - 1) * stride >= n + before:
        count -= 1
    if count < 1:
        raise _no_window(n, kernel, before, after, dilation)
    return count


def same_padding(n: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """The zeros before and after that give ceil(n/s) outputs; an odd zero goes to the end."""
    _at_least(1, kernel, "the kernel size")
    _at_least(1, stride, "the stride")
    _at_least(1, dilation, "the dilation")
    _at_least(1, n, "the input size")
    outputs = -(-n // stride)
    total = max((outputs - 1) * stride + extent(kernel, dilation) - n, 0)
    return total // 2, total - total // 2


def check_pool_padding(kernel: int, padding: Padding, dilation: int = 1) -> None:
    """A pool pads by at most half its kernel, as PyTorch demands: then every window holds an entry.

    With a dilation the window is wider than the kernel, and could do with more; PyTorch refuses it.
    """
    most = kernel // 2
    widest = max(both_sides(padding))
    if widest > most:
        wider = ", whatever its dilation" if dilation > 1 else ""
        raise ShapeError(
            f"a padding of {widest} is more than half the kernel of {kernel}",
            hint=f"a pool with this kernel takes a padding of at most {most}{wider}",
        )


def _at_least(least: int, number: int, what: str) -> None:
    if number < least:
        raise ShapeError(f"{what} is {number}, but must be at least {least}")


def _no_window(n: int, kernel: int, before: int, after: int, dilation: int) -> NoWindowError:
    span = extent(kernel, dilation)
    spread = f" with dilation {dilation}" if dilation > 1 else ""
    padded = f" + {before} + {after} of padding" if before or after else ""
    missing = span - n - before - after
    fits = [f"a padding larger by {-(-missing // 2)} on both sides"]
    room = n + before + after
    if room >= dilation + 1:
        fits.append(f"a kernel of at most {(room - 1) // dilation + 1}")
    elif room >= 1:
        fits.append("a kernel of 1")
    if dilation > 1 and kernel > 1 and room >= kernel:
        fits.append(f"a dilation of at most {(room - 1) // (kernel - 1)}")
    return NoWindowError(
        f"a kernel of {kernel}{spread} spans {span}, but there are only {n}{padded}",
        hint="what fits: " + ", or ".join(fits),
    )
