"""The optimisers: one record each, after the formulas and parameter names of torch.optim.

A rule is one assignment of a step, written in the input syntax over these symbols:

    w          the parameter; G its gradient ∂L/∂w at the old point; g the gradient that is used
    v m s b u  what is remembered from step to step (`v_new` is the value after this step)
    v_hat …    what is computed on the way
    alpha      the learning rate `rate`; the other Greek letters are options (OPTIONS says which)
    t          the number of the step, from 1

The same formula is printed, with numbers put in for the symbols, and computed; there is no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..steps import Text


@dataclass(frozen=True)
class Rule:
    """symbol ← formula, if `when` holds: every option named is there, or, behind a minus, is not.

    first: the formula of a first step that has nothing to remember, where that one differs.
    """

    symbol: str
    formula: str
    title: str
    why: str | None = None
    when: tuple[str, ...] = ()
    first: str | None = None


@dataclass(frozen=True)
class Optimiser:
    """name: what the file says; torch: the class of torch.optim that has these formulas.

    options: the parameters it takes, torch's names and defaults (spelled as they print).
    states: what it remembers, with torch's name for it.
    """

    name: str
    torch: str | None
    title: str
    options: Mapping[str, str | bool]
    states: Mapping[str, str]
    rules: tuple[Rule, ...]
    source: str
    counts: bool = False  # the number of the step enters the formulas
    second_order: bool = False  # the gradient is first multiplied by the inverse Hessian: d
    default_rate: str | None = None


# option: the symbols that stand for it, the best first (a problem may use the letter itself)
SYMBOLS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "rate": (("alpha", "eta", "rate"),),
    "momentum": (("mu", "momentum"),),
    "dampening": (("tau", "dampening"),),
    "betas": (("beta1", "decay1"), ("beta2", "decay2")),
    "alpha": (("rho", "beta", "smoothing"),),
    "eps": (("epsilon", "eps"),),
    "weight_decay": (("lambda_", "decay"),),
    "lr_decay": (("kappa", "lr_decay"),),
    "initial_accumulator_value": (("s_0", "accumulator"),),
}

_UPHILL = Rule(
    "g",
    "-G",
    "The gradient at {w}, turned around",
    "To make the result larger, go against the gradient of its negative.",
    ("maximize",),
)
_GRADIENT = (
    Rule(
        "g",
        "G + lambda_ * w",
        "The gradient at {w} with weight decay",
        "Weight decay adds {lambda_} times the parameter to the gradient, as the penalty {half} "
        "would.",
        ("weight_decay", "-maximize"),
    ),
    Rule(
        "g",
        "lambda_ * w - G",
        "The gradient at {w}, turned around, with weight decay",
        "To make the result larger, go against the gradient of its negative. Weight decay adds "
        "{lambda_} times the parameter to that.",
        ("weight_decay", "maximize"),
    ),
    replace(_UPHILL, when=("maximize", "-weight_decay")),
)
_SQUARES = Rule(
    "v_new",
    "rho * v + (1 - rho) * g**2",
    "Running mean of the squares",
    "The squared gradient, entry by entry, averaged over the last steps: torch's `alpha` is {rho}.",
)

_SGD = (
    *_GRADIENT,
    Rule(
        "v_new",
        "mu * v + g",
        "Velocity",
        "The velocity keeps the share {mu} of the old one and adds the gradient; the learning "
        "rate comes in only with the step.",
        ("momentum", "-dampening"),
    ),
    Rule(
        "v_new",
        "mu * v + (1 - tau) * g",
        "Velocity",
        "The velocity keeps the share {mu} of the old one; dampening lets only the share "
        "{kept} of the gradient in (in torch not at the very first step).",
        ("momentum", "dampening"),
        first="g",
    ),
    Rule("w", "w - alpha * g", "Update {w}", "Go against the gradient, by the learning rate "
         "{alpha}.", ("-momentum",)),
    Rule("w", "w - alpha * v_new", "Update {w}", "Go against the velocity, by the learning rate "
         "{alpha}.", ("momentum", "-nesterov")),
    Rule("w", "w - alpha * (g + mu * v_new)", "Update {w}", "Nesterov's step looks ahead: it adds "
         "the gradient to the velocity that has already been moved on by {mu}.",
         ("momentum", "nesterov")),
)  # fmt: skip

_MOMENTS = (
    Rule(
        "m_new",
        "beta1 * m + (1 - beta1) * g",
        "First moment",
        "A running mean of the gradients.",
    ),
    Rule(
        "v_new",
        "beta2 * v + (1 - beta2) * g**2",
        "Second moment",
        "A running mean of their squares, entry by entry.",
    ),
    Rule(
        "m_hat",
        "m_new / (1 - beta1**t)",
        "Bias correction of the first moment",
        "The mean began at 0, so that after {t} steps the weights in it add up only to {share}; "
        "dividing by that makes up for it.",
    ),
    Rule(
        "u_new",
        "maximum(u, v_new)",
        "The largest second moment so far",
        "AMSGrad divides by the largest second moment that there has been, so that the steps of an "
        "entry cannot grow again.",
        ("amsgrad",),
    ),
    Rule(
        "v_hat",
        "v_new / (1 - beta2**t)",
        "Bias correction of the second moment",
        "The same for the squares.",
        ("-amsgrad",),
    ),
    Rule(
        "v_hat",
        "u_new / (1 - beta2**t)",
        "Bias correction of the second moment",
        "The same for the squares.",
        ("amsgrad",),
    ),
)
_ADAM_STEP = (
    "Each entry moves by the learning rate times its mean gradient, measured in units of the "
    "root of its mean square; {epsilon} only keeps the quotient from being 0/0."
)

_ALL = (
    Optimiser(
        "sgd", "SGD", "Gradient descent",
        {"momentum": "0", "dampening": "0", "weight_decay": "0", "nesterov": False,
         "maximize": False},
        {"v": "momentum_buffer"}, _SGD, "Robbins and Monro (1951); torch.optim.SGD",
    ),
    Optimiser(
        "momentum", "SGD", "Gradient descent with momentum",
        {"momentum": "0.9", "dampening": "0", "weight_decay": "0", "nesterov": False,
         "maximize": False},
        {"v": "momentum_buffer"}, _SGD, "Polyak (1964), in the form of torch.optim.SGD",
    ),
    Optimiser(
        "nesterov", "SGD", "Nesterov's accelerated gradient",
        {"momentum": "0.9", "weight_decay": "0", "maximize": False},
        {"v": "momentum_buffer"}, _SGD, "Nesterov (1983), in the form of torch.optim.SGD",
    ),
    Optimiser(
        "adagrad", "Adagrad", "AdaGrad",
        {"lr_decay": "0", "weight_decay": "0", "initial_accumulator_value": "0", "eps": "1e-10",
         "maximize": False},
        {"s": "sum"},
        (
            *_GRADIENT,
            Rule("alpha_t", "alpha / (1 + (t - 1) * kappa)", "Learning rate of this step",
                 "Learning rate decay: the rate shrinks with the number of steps.", ("lr_decay",)),
            Rule("s_new", "s + g**2", "Sum of the squares",
                 "The squared gradients so far, added up entry by entry."),
            Rule("w", "w - alpha_t * g / (sqrt(s_new) + epsilon)", "Update {w}",
                 "Each entry has its own rate, which shrinks with the gradients that it has seen; "
                 "{epsilon} only keeps the quotient from being 0/0."),
        ),
        "Duchi, Hazan and Singer (2011); torch.optim.Adagrad", counts=True,
    ),
    Optimiser(
        "rmsprop", "RMSprop", "RMSProp",
        {"alpha": "0.99", "eps": "1e-8", "weight_decay": "0", "momentum": "0", "centered": False,
         "maximize": False},
        {"v": "square_avg", "m": "grad_avg", "b": "momentum_buffer"},
        (
            *_GRADIENT,
            _SQUARES,
            Rule("m_new", "rho * m + (1 - rho) * g", "Running mean of the gradients", None,
                 ("centered",)),
            Rule("c", "v_new - m_new**2", "Centred squares",
                 "Without the square of the mean: an estimate of the variance.", ("centered",)),
            Rule("w", "w - alpha * g / (sqrt(v_new) + epsilon)", "Update {w}",
                 "Each entry of the gradient is measured in units of the root of its mean square; "
                 "{epsilon} only keeps the quotient from being 0/0.", ("-centered", "-momentum")),
            Rule("w", "w - alpha * g / (sqrt(c) + epsilon)", "Update {w}",
                 "Each entry of the gradient is measured in units of its standard deviation; "
                 "{epsilon} only keeps the quotient from being 0/0.", ("centered", "-momentum")),
            Rule("b_new", "mu * b + g / (sqrt(v_new) + epsilon)", "Velocity",
                 "The scaled gradient goes into a velocity.", ("-centered", "momentum")),
            Rule("b_new", "mu * b + g / (sqrt(c) + epsilon)", "Velocity",
                 "The scaled gradient goes into a velocity.", ("centered", "momentum")),
            Rule("w", "w - alpha * b_new", "Update {w}",
                 "Go against the velocity, by the learning rate {alpha}.", ("momentum",)),
        ),
        "Tieleman and Hinton (2012); torch.optim.RMSprop",
    ),
    Optimiser(
        "adam", "Adam", "Adam",
        {"betas": "[0.9, 0.999]", "eps": "1e-8", "weight_decay": "0", "amsgrad": False,
         "maximize": False},
        {"m": "exp_avg", "v": "exp_avg_sq", "u": "max_exp_avg_sq"},
        (
            *_GRADIENT,
            *_MOMENTS,
            Rule("w", "w - alpha * m_hat / (sqrt(v_hat) + epsilon)", "Update {w}", _ADAM_STEP),
        ),
        "Kingma and Ba (2015), algorithm 1; torch.optim.Adam", counts=True,
    ),
    Optimiser(
        "adamw", "AdamW", "AdamW",
        {"betas": "[0.9, 0.999]", "eps": "1e-8", "weight_decay": "0.01", "amsgrad": False,
         "maximize": False},
        {"m": "exp_avg", "v": "exp_avg_sq", "u": "max_exp_avg_sq"},
        (
            _UPHILL,
            Rule("w_tilde", "(1 - alpha * lambda_) * w", "Weight decay",
                 "The decay acts on the parameter itself: it stays out of the gradient and so out "
                 "of both moments.", ("weight_decay",)),
            *_MOMENTS,
            Rule("w", "w_tilde - alpha * m_hat / (sqrt(v_hat) + epsilon)", "Update {w}",
                 _ADAM_STEP),
        ),
        "Loshchilov and Hutter (2019), algorithm 2; torch.optim.AdamW", counts=True,
    ),
    Optimiser(
        "newton", None, "Newton's method", {}, {},
        (
            Rule("w", "w - alpha * d", "Update {w}",
                 "Newton's step goes to the stationary point of the quadratic model."),
        ),
        "Nocedal & Wright, Numerical Optimization (2006), chapter 3", second_order=True,
        default_rate="1",
    ),
)  # fmt: skip

OPTIMISERS: Mapping[str, Optimiser] = {o.name: o for o in _ALL}


def sentence(words: str, holes: Mapping[str, object]) -> Text:
    """The words with those holes that they have."""
    return Text(words, {k: v for k, v in holes.items() if f"{{{k}}}" in words})
