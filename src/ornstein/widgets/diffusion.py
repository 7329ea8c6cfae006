"""A curve on its way out and back."""

from __future__ import annotations

import torch
from traitlets import Bool, Bytes, Int

from ornstein.common import checks
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Empirical
from ornstein.tour import reversal
from ornstein.tour.curve import prepare
from ornstein.widgets.base import View, module, packed


class Diffusion(View):
    """Above, the points of a curve at step t of T = 100; below, a run back under a law, at the same step.

    curve   (length,), 8 to 2000 numbers, shown with mean 0 and variance 1; None is five random cosines
    law     any denoiser of curves of that length; by default the law of this one curve, whose runs come back to it
    t       the step, 0 to 100, in the page and in Python

    Raises ``InputError`` as the tour does for a curve, and for a law of other signals. Cost: 100 calls of the denoiser.
    """

    _esm = module("diffusion")
    t = Int(0, min=0, max=reversal.STEPS).tag(sync=True)
    steps = Int(reversal.STEPS).tag(sync=True)
    curve, noise, alpha, sigma, path = (Bytes(b"").tag(sync=True) for _ in range(5))
    aimed = Bool(True).tag(sync=True)

    def __init__(self, curve: object = None, law: Denoiser | None = None, *, seed: int = 0, language: str = "en") -> None:
        seed = checks.count(seed, "seed", at_least=0)
        signal, factors = prepare(curve, seed).values, reversal.factors()
        with torch.no_grad():
            path = reversal.reverse(law or Empirical(signal[None]), seed)
        super().__init__(
            "a curve dissolves into noise and comes back" if language == "en" else "一条曲线散成噪声，再走回来",
            language,
            curve=packed(signal),
            noise=packed(Noise(seed).normal(1, tuple(signal.shape))),
            path=packed(path),
            aimed=law is None,
            **{name: packed(factors[name]) for name in ("alpha", "sigma")},
        )
