"""How a name is written: Greek letters, hats, subscripts.

`W1` and `w_1` carry a subscript, `y_hat` (and `yhat`, when what remains is one letter) a hat,
`lambda_` is λ without its guard underscore. Everything else of several letters is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# name: (character, LaTeX). Capitals that look Latin (Alpha) are words.
GREEK: dict[str, tuple[str, str]] = {
    "alpha": ("α", r"\alpha"),
    "beta": ("β", r"\beta"),
    "gamma": ("γ", r"\gamma"),
    "delta": ("δ", r"\delta"),
    "epsilon": ("ε", r"\varepsilon"),
    "zeta": ("ζ", r"\zeta"),
    "eta": ("η", r"\eta"),
    "theta": ("θ", r"\theta"),
    "iota": ("ι", r"\iota"),
    "kappa": ("κ", r"\kappa"),
    "lambda": ("λ", r"\lambda"),
    "mu": ("μ", r"\mu"),
    "nu": ("ν", r"\nu"),
    "xi": ("ξ", r"\xi"),
    "pi": ("π", r"\pi"),
    "rho": ("ρ", r"\rho"),
    "sigma": ("σ", r"\sigma"),
    "tau": ("τ", r"\tau"),
    "upsilon": ("υ", r"\upsilon"),
    "phi": ("φ", r"\varphi"),
    "chi": ("χ", r"\chi"),
    "psi": ("ψ", r"\psi"),
    "omega": ("ω", r"\omega"),
    "Gamma": ("Γ", r"\Gamma"),
    "Delta": ("Δ", r"\Delta"),
    "Theta": ("Θ", r"\Theta"),
    "Lambda": ("Λ", r"\Lambda"),
    "Xi": ("Ξ", r"\Xi"),
    "Pi": ("Π", r"\Pi"),
    "Sigma": ("Σ", r"\Sigma"),
    "Upsilon": ("Υ", r"\Upsilon"),
    "Phi": ("Φ", r"\Phi"),
    "Psi": ("Ψ", r"\Psi"),
    "Omega": ("Ω", r"\Omega"),
}

# suffix: (combining character, LaTeX)
ACCENTS: dict[str, tuple[str, str]] = {
    "hat": ("\u0302", r"\hat"),
    "bar": ("\u0304", r"\bar"),
    "tilde": ("\u0303", r"\tilde"),
}

_LARGE = "0123456789+-=()aehijklmnoprstuvxβγρφχ"
_SMALL = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ"
SUBSCRIPTS = dict(zip(_LARGE, _SMALL, strict=True))
SUBSCRIPTS |= {"×": "ₓ", "−": "₋", "=": "₌"}
SUPERSCRIPTS = dict(zip("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻", strict=True))


@dataclass(frozen=True)
class Parts:
    base: str  # letters only, Greek spelled out
    accents: tuple[str, ...]
    subscripts: tuple[str, ...]
    new: bool = False  # the value after an update: wⁿᵉʷ

    @property
    def single(self) -> bool:
        """One glyph (with accents), so that it may touch its neighbour in a product."""
        return len(self.base) == 1 or self.base in GREEK


_ACCENTED = re.compile(r"([A-Za-z]|" + "|".join(GREEK) + r")(hat|bar|tilde)")
_NUMBERED = re.compile(r"(.*?[A-Za-z])([0-9]+)")


@lru_cache(maxsize=4096)
def parts(name: str) -> Parts:
    """Split a name into what is written large, on top and below."""
    tokens = [t for t in name.split("_") if t]
    if not tokens:
        return Parts(name, (), ())
    base, *rest = tokens
    new = bool(rest) and rest[-1] == "new"
    rest = rest[:-1] if new else rest
    accents = [t for t in rest if t in ACCENTS]
    below = [t for t in rest if t not in ACCENTS]
    if found := _NUMBERED.fullmatch(base):
        base = found[1]
        below.insert(0, found[2])
    if found := _ACCENTED.fullmatch(base):
        base = found[1]
        accents.insert(0, found[2])
    return Parts(base, tuple(accents), tuple(below), new)


def unicode_name(name: str) -> str:
    """ŷ for `y_hat`, W₁ for `W1`, w_loc where no subscript letters exist, wⁿᵉʷ for `w_new`."""
    p = parts(name)
    base = GREEK[p.base][0] if p.base in GREEK else p.base
    marks = "".join(ACCENTS[a][0] for a in p.accents)
    if marks and not p.single:  # a hat over one letter of a word would mislead
        base, marks = base + "".join(f"_{a}" for a in p.accents), ""
    below = subscript(",".join(p.subscripts))
    return unicodedata.normalize("NFC", base + marks) + below + ("ⁿᵉʷ" if p.new else "")


def subscript(text: str) -> str:
    """Small digits and letters where they exist, else `_text`."""
    if not text:
        return ""
    text = "_".join(GREEK[t][0] if t in GREEK else t for t in text.split(","))
    if all(c in SUBSCRIPTS for c in text):
        return "".join(SUBSCRIPTS[c] for c in text)
    raised = any(c in SUPERSCRIPTS.values() for c in text)  # I_(n²) is not the square of I_n
    simple = text.replace("_", "").isalnum() and not raised
    return f"_{text}" if simple else f"_({text})"


def superscript(text: str) -> str | None:
    """Small digits, or None where some character has no small form."""
    if text and all(c in SUPERSCRIPTS for c in text):
        return "".join(SUPERSCRIPTS[c] for c in text)
    return None


def sum_sign(indices: Sequence[str], last: str | None) -> str:
    """Σᵣₛ, or Σᵣₛ₌₀¹ where the last value of the letters is said."""
    if last is None:
        return f"Σ{subscript(''.join(indices))}"
    return f"Σ{subscript(''.join(indices) + '=0')}{superscript(last) or f'^({last})'}"


def latex_name(name: str, *, bold: bool = False) -> str:
    r"""\hat{\mathbf{y}} for a vector `y_hat`, W_{1} for a scalar `W1`, \mathrm{loss} for a word."""
    p = parts(name)
    if p.base in GREEK:
        out = GREEK[p.base][1]
        out = rf"\boldsymbol{{{out}}}" if bold else out
    elif len(p.base) == 1:
        out = rf"\mathbf{{{p.base}}}" if bold else p.base
    else:
        out = rf"\math{'bf' if bold else 'rm'}{{{p.base}}}"
    for a in p.accents:
        out = rf"{ACCENTS[a][1]}{{{out}}}"
    if p.subscripts:
        out += "_{" + ",".join(_latex_subscript(s) for s in p.subscripts) + "}"
    if p.new:
        out += r"^{\mathrm{new}}"
    return out


def _latex_subscript(text: str) -> str:
    if text in GREEK:
        return GREEK[text][1]
    return text if text.isdigit() or len(text) == 1 else rf"\mathrm{{{text}}}"


_POWER = re.compile(r"\*\*(\d+)")


def size_words(dims: str) -> str:
    """A size as people write it: n²×n and m·n for SymPy's n**2×n and m*n."""
    dims = _POWER.sub(lambda m: superscript(m[1]) or m[0], dims)
    return dims.replace("*", "·").replace(" - ", " − ")
