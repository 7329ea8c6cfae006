"""The door of likelihood: densities in the user's units, and how surprising a signal is."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.data.mne_back import by_epoch, is_epochs
from ornstein.data.read import recognised
from ornstein.fitting.held_out import Surprise, p_value, ranked
from ornstein.likelihood import Density, bits_per_dim, log_density, looks_rounded, probability, rounding
from ornstein.model.along import Along, in_parts, judged_along
from ornstein.model.drawing import told, under
from ornstein.model.fitted import Fitted
from ornstein.model.given import density_given
from ornstein.model.judging import TOLD, Bench
from ornstein.model.odd import Oddness, oddness, surprise_map


class Scoring(Fitted):
    """What a model says of signals: log-densities with their errors, surprise with its p-value, and where it lies."""

    def log_prob(self, x: object, *, label: object = None, condition: object = None) -> Tensor:
        """log density in nats per case, in the user's units; -inf outside the support of the law. Higher is more typical.

        Exact for an analytic law, otherwise the value of ``log_density``, which also says how far it may be off, and in ``why`` what takes
        a case out of the support. Of rounded values it can be made as large as one likes: that is warned of once, and ``bits_per_dim``
        declares their step.
        """
        values = self._signals(x)
        self._say_rounded(values)
        return self.log_density(values, label=label, condition=condition).value

    def _say_rounded(self, values: Tensor) -> None:
        """Look once, at the first signals (case, *event) that are enough to see a grid in, and warn of one."""
        if self._looked or (seen := looks_rounded(values.detach())) is None:
            return
        self._looked.append(seen)
        if seen:
            warnings.warn(rounding(values.detach()), UserWarning, stacklevel=3)

    def log_density(
        self,
        x: object,
        *,
        method: str = "auto",
        error: float | None = None,
        calls: int | None = None,
        label: object = None,
        condition: object = None,
        guidance: float = 1.0,
        given: object = None,
        device: torch.device | str | None = None,
        seed: int | None = 0,
    ) -> Density:
        """``log_prob`` with its standard and discretisation error, the denoiser calls it took, and why it was had in this way.

        method  "auto", "exact", "flow" (the density of what deterministic samplers draw), "mmse" or "bound": see ``likelihood.log_density``
        error   nats that it may be off; default 0.05, or 0.001 for each entry of a signal
        calls   of the denoiser, products with its Jacobian among them, that one signal may cost; the method follows
        label, condition, guidance, device   as in ``sample``, with one label or condition for all signals or one for each
        given   which entries are known, boolean like one signal or its last axis: the density of the others given them. Exact for a
                law in closed form, and the integral of a network that was trained with masks
        """
        values = self._signals(x)
        if given is not None:
            if guidance != 1:
                raise InputError(f"guidance is {guidance:g}, but a density given a part is that of the network itself: leave guidance out")
            known = told(self.conditions, label, condition, len(values))
            return density_given(self.law.on(device), self.scaler, values, given, known, method, error, checks.seed(seed))
        law = under(self.law, self.conditions, label, condition, guidance, len(values), device=device)
        found = log_density(law, self.scaler.encode(values), method=method, error=error, calls=calls, seed=checks.seed(seed))
        return found.shifted(-self.scaler.log_volume(values, self.moments.covariance()))

    def log_prob_windows(self, x: object, hop: int = 1) -> Tensor:
        """``log_prob`` of the windows of recordings x (case, channel, time) that begin at 0, hop, 2 hop, ..., (case, window).

        The windows of stationary, autoregressive and independent laws (times any covariance of channels), and of mixtures of such, are
        never made: O(log T) or O(b^2) a sample for windows of T samples or order b. Other laws have them made a few at a time. Window
        k of a recording is the same to 1e-9 as ``log_prob`` of it alone. Memory: some arrays of the size of x; ``orn.shards.run`` with a
        ``Scorer(model, hop=1)`` reads and writes longer ones in parts. Raises ``InputError`` for recordings shorter than a window, and
        with gaps.
        """
        return self._along(self._recordings(x), checks.count(hop, "hop"))

    def _recordings(self, x: object) -> Tensor:
        """Recordings of at least the length of a window, (case, *lead, time), without gaps."""
        values, times = self.series_of(x), self.event_shape[-1]
        if values.shape[-1] < times:
            raise InputError(f"x has {values.shape[-1]} samples, but windows of this model have {times}: give longer recordings")
        if gaps := int(torch.isnan(values).sum()):
            raise InputError(
                f"x holds {gaps} NaN values, and windows with gaps have no density: impute them first, or cut the recording there"
            )
        return values

    def _along(self, x: Tensor, hop: int) -> Tensor:
        """The windows (case, window) of recordings (case, *lead, time)."""
        if (prepared := Along.of(self.law, self.scaler, hop)) is not None:
            return torch.stack([prepared(one) for one in x])
        return torch.stack([in_parts(lambda part: self.log_density(part).value, one, self.event_shape, hop) for one in x])

    def surprise_windows(self, x: object, hop: int = 1) -> Surprise:
        """``surprise`` of the windows of recordings x (case, channel, time) that begin at 0, hop, 2 hop, ..., each (case, window).

        The p-value of a window is that of ``surprise``: the share of held-out windows at least as surprising, each judged by a law that
        has seen neither. Fit to windows with ``overlap``, so that no judge has seen samples of the windows that it was compared with.
        Each p-value is fair by itself: p <= a in a share of about a of the windows of new recordings. Windows that share samples rise and
        fall together, so alarms come in runs: count stretches, not windows. None without held-out windows. Cost: ``log_prob_windows``,
        and once more for each fold of the fit. Raises ``InputError`` as ``log_prob_windows`` does, and for a network whose judges were
        scored under labels or conditions.
        """
        if (self.training or {}).get(TOLD):
            raise InputError("the cases that judge new ones were scored under their labels or conditions, and windows have none")
        values, hop = self._recordings(x), checks.count(hop, "hop")
        level = self._along(values, hop)
        if not self.judges:
            return Surprise(-level, None if self.reference is None else ranked([self.reference], [level]))
        return Surprise(-level, ranked([one.scores for one in self.judges], (judged_along(one, values, hop) for one in self.judges)))

    def score_samples(self, x: object) -> Tensor:
        """The same as ``log_prob``, under scikit-learn's name."""
        return self.log_prob(x)

    def calibrated(self, x: object, *, label: object = None, condition: object = None, guidance: float = 1.0, seed: int | None = 0) -> Self:
        """The same model, whose p-values come from x: cases (case, *event) that no fit has seen (split conformal; Vovk et al. 2005).

        For any model, also a guided or conditional one: p-values then ask for labels and conditions of new cases as these had them.
        A false alarm at p <= a has a probability of at most a for a case that is exchangeable with x, whatever the model; with labels, also
        within every class: a new case is compared with those of its own.
        """
        found = self.log_density(x, label=label, condition=condition, guidance=guidance, seed=seed)
        scores, classes = Bench.of(found.value, told(self.conditions, label, condition, len(found.value)))
        under_label = label is not None or condition is not None
        training = {**(self.training or {}), TOLD: under_label} if self.conditions is not None else self.training
        return replace(self, reference=scores, reference_classes=classes, judges=(), training=training)

    def surprise(self, x: object, *, label: object = None, condition: object = None, guidance: float = 1.0) -> Any:
        """-log_prob, and its p-value: (1 + number of held-out cases at least as surprising) / (1 + number held out).

        Each held-out case is compared with x under the law that had not seen it, so p is as fair with few cases as with many:
        see ``fitting.held_out.p_value``. Small p is surprising; it is never 0. Models of older versions hold no such laws: there x is
        scored by the law of all cases, which finds too little where entries outnumber cases. A network has p-values where cases were set
        aside for them (``fit(..., judged=200)``) or given later (``calibrated``); label, condition and guidance are as in ``sample``.

        A ``Surprise``, or for Epochs of MNE a pandas frame with a row per epoch: event, nats, p_value.
        """
        if is_epochs(x):
            return by_epoch(x, *self.surprise(recognised(x), label=label, condition=condition, guidance=guidance))
        if (self.training or {}).get(TOLD) and label is None and condition is None:
            raise InputError("the cases that judge new ones were scored under their labels or conditions: give label= or condition=")
        level = self.log_density(x, label=label, condition=condition, guidance=guidance).value
        if self.judges:
            return Surprise(-level, p_value(self.judges, self._signals(x)))
        if self.reference is None:
            return Surprise(-level, None)
        known = told(self.conditions, label, condition, len(level))
        return Surprise(-level, Bench(self.reference, self.reference_classes).p_value(level, known))

    def where(self, x: object, by: str = "entry", *, floor: float | None = None, seed: int = 0) -> Tensor:
        """How surprising every part of a signal is, in nats: ``by`` "entry" (case, *event), "time" (case, time), "channel" (case, channel).

        A Gaussian and a mixture answer with -log p(part | all the rest), exactly, through a noise of ``floor`` (in deviations of the
        channel; see ``likelihood.where``); any other model with the share of each part in -log_prob (``likelihood.local``).
        """
        return surprise_map(self.law.on(), self.scaler, self._signals(x), by, floor, seed)

    def oddness(self, x: object, share: float = 0.95) -> Oddness:
        """Size, shape, and density through a noise floor: scores that the many small eigenvalues do not lead, as they lead log_prob.

        The main directions hold ``share`` of the variance of the law. Where a law has many directions of next to no variance, rounding
        and sensor noise in them decide the plain density; here they count together, by their mean. See ``likelihood.subspace``.
        """
        return oddness(self.law.on(), self.moments, self.scaler, self._signals(x), share)

    def bits_per_dim(self, x: object, step: object = None) -> Tensor:
        """-log2 of the probability of x per entry, where ``step`` declares that the data are rounded to it (a number, or one per entry):
        comparable between models, and at least 0. See ``likelihood.probability``; it asks for 16 log-densities.

        Without a step, -log2 of the density per entry in the user's units, -log_prob / (d log 2): for continuous data it can be negative.
        Of rounded data that means nothing, and is warned of once.
        """
        entries = math.prod(self.event_shape)
        if step is None:
            values = self._signals(x)
            self._say_rounded(values)
            return bits_per_dim(self.log_density(values).value, entries)
        return bits_per_dim(probability(lambda y: self.log_density(y).value, self._signals(x), checks.tensor(step, "step")).value, entries)
