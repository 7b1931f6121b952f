"""The peer of `tutor solve problems/seeds/sine_neuron.yaml`: the same numbers from PyTorch."""

import math

import torch

torch.set_num_threads(1)
x = torch.tensor([2.0, 1.0], dtype=torch.float64)
w = torch.tensor([math.pi / 2, math.pi], dtype=torch.float64, requires_grad=True)
b, yhat, rate = 1.0, 2.0, 0.5
y = torch.sin(w @ x) - b
(slope,) = torch.autograd.grad(y, w, retain_graph=True)
loss = (y - yhat) ** 2
loss.backward()
assert w.grad is not None
with torch.no_grad():
    stepped = w - rate * w.grad
    again = (torch.sin(stepped @ x) - b - yhat) ** 2
print("y", y.item(), "dy/dw", slope.tolist(), "L", loss.item(), "dL/dw", w.grad.tolist())
print("new w", stepped.tolist(), "new L", again.item())
