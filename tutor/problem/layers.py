"""The layers of a `network`: one table row each, its functions just above, in the modules below.

To add a layer: write its rules (shape, slides, counts) and add one row to the `ROWS` of its module.
Nothing else knows the layers by name. Shapes are per example, without the batch; axis 0 of torch's
documentation is the batch, so that axis 1 is the first one here. Legend: `x` the input's shape,
`a` the bound arguments, `y` the output's shape; `n` entries along an axis, `k` kernel size, `s`
stride, `p` padding, `d` dilation, `C` channels, `g` groups; for sequences `L` the length, `d` the
features, `H` the hidden size.
"""

from __future__ import annotations

from . import (
    layers_activation,
    layers_dense,
    layers_norm,
    layers_reshape,
    layers_resize,
    layers_sequence,
    layers_window,
)
from .layer_spec import LayerSpec

_ROWS = (
    *layers_window.ROWS,
    *layers_resize.ROWS,
    *layers_dense.ROWS,
    *layers_reshape.ROWS,
    *layers_sequence.ROWS,
    *layers_norm.ROWS,
    *layers_activation.ROWS,
)

LAYERS: dict[str, LayerSpec] = {row.type: row for row in _ROWS}
