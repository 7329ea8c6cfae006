"""Eigenvalues in motion."""

from __future__ import annotations

from typing import Any

from traitlets import Bytes, Int

from ornstein.tour import reversal
from ornstein.widgets.base import View, module, packed
from ornstein.widgets.laws import moments


class Spectrum(View):
    """The spectrum of a law and of its diffusion at step t: lambda_k(t) = alpha_t^2 lambda_k + sigma_t^2.

    law   a Gaussian or a fitted model: what has a ``covariance()``;  t: the step, 0 to 100
    """

    _esm = module("spectrum")
    t = Int(0, min=0, max=reversal.STEPS).tag(sync=True)
    steps = Int(reversal.STEPS).tag(sync=True)
    eigenvalues, alpha, sigma = (Bytes(b"").tag(sync=True) for _ in range(3))

    def __init__(self, law: Any, *, language: str = "en") -> None:
        factors = reversal.factors()
        super().__init__(
            "eigenvalues of a law and of its diffusion" if language == "en" else "一个分布的特征值，以及扩散之后的特征值",
            language,
            eigenvalues=packed(moments(law)[1].eigenvalues),
            **{name: packed(factors[name]) for name in ("alpha", "sigma")},
        )
