"""The door of gaps: draws and quantiles of what is missing, in signals and in recordings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.correction.learning import learned
from ornstein.data.framed import filled as framed
from ornstein.data.framed import is_framed
from ornstein.data.mne_back import filled, is_instrument, opened
from ornstein.data.read import recognised
from ornstein.data.sentinels import warn_unread
from ornstein.denoisers import Law
from ornstein.model import forecasting, imputing, recordings
from ornstein.model.drawing import PLAIN_SAMPLER, run_of, told
from ornstein.model.fitted import Fitted
from ornstein.model.forecasting import Forecast
from ornstein.model.local_scale import LocalScale, checked
from ornstein.model.quantiles import quantiles, stretched
from ornstein.model.strange import say_strange
from ornstein.samplers import Sampler, Steps, Tuned
from ornstein.schedules import Schedule
from ornstein.training import Budget, Masks

DRAWS = 100
"""Where their number is not said."""


class Gaps(Fitted):
    """What a model says of entries that are missing."""

    def impute(
        self,
        x: object,
        draws: int | None = None,
        *,
        sampler: str | Sampler | Tuned | None = None,
        steps: Steps | None = None,
        schedule: str | Schedule = "vp",
        grid: str = "own",
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        only: object = None,
        seed: int | None = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Any:
        """100 or ``draws`` draws of what NaN hides, (draw, case, *event); observed entries are bit-identical in every draw.

        ``Signals`` come back in their own order of channels and their own units, whatever those of the model. Raw, Epochs and Evoked of
        MNE come back as such, with bad channels and stretches marked BAD at their median; ``quantiles`` gives the band. So do, unless
        ``draws`` is given, frames of pandas (rows of times, rows of cases, cases below each other, series in cells) and arrays of xarray,
        with their index, coordinates and names.

        x may be recordings, longer than the signals of the model. A Gaussian that is the same along its window (fitted to windows that
        begin anywhere) becomes the law of the whole recording, in which a half window holds the memory, and draws are exact for it;
        a mixture, kernel density or network draws half window after half window, each given the quarter window before it as drawn and
        what was observed up to a quarter window ahead. Either way one draw is one coherent series, and gaps longer than a window grow
        back to the law itself. Where the law changes along its window, windows are laid end to end, which is said.

        A Gaussian or mixture of up to 2048 entries conditions every case on its own pattern, all in batches; larger laws and empirical
        ones take the patterns one by one. ``progress`` is told how many cases were finished, or samples of a recording.
        Draws of case i depend on (seed, i) only. Memory: the result; cost: a Cholesky factor of the smaller side of each
        case, seen or missing: 4000 cases of 336 entries take 0.3 to 1.6 CPU-seconds and 0.1 a draw.

        ``only`` (case, *event), bool, says which of the gaps are asked for, where x is an array of cases as long as the window; the others
        stay NaN. What never was measured and nobody asks for then costs a network that looks at single entries nothing.

        A network that was trained with masks draws by sampling, one run per draw and case with gaps; the other arguments are for it
        alone, and those of ``sample``, with one label or condition for all cases or one for each.
        """
        if is_instrument(x):
            return self.quantiles(
                x, (0.5,), draws=draws or 200, label=label, condition=condition, device=device, seed=seed, progress=progress
            )[0]
        if draws is None and is_framed(x) and isinstance(known := recognised(x), Signals):
            middle = self.quantiles(known, (0.5,), label=label, condition=condition, device=device, seed=seed, progress=progress)[0]
            back = self.signals(middle, known)
            if (made := framed(x, known, back.channels, back.values)) is not None:
                return made
        matched = self._matched(x)
        values = self._values(matched or x, missing=True, longer=True)
        warn_unread(x, values)
        say_strange(values, self.scaler)
        count, seed = memory.drawn(DRAWS if draws is None else draws, "draws", values.numel()), checks.seed(seed)
        filler = self._filler(len(values), sampler, steps, schedule, grid, label, condition, device)
        longer, tell = self._longer(values), progress or (lambda _: None)
        if only is not None:
            asked = _asked(only, values, self.event_shape if matched is None else None)
            drawn = filler(values, count, seed, tell, only=asked)
            return torch.where(torch.isnan(values) & ~asked, torch.nan, drawn)
        drawn = recordings.impute(filler, values, count, seed, tell) if longer else filler(values, count, seed, tell)
        return drawn if matched is None else matched.back(drawn)

    def quantiles(
        self,
        x: object,
        levels: object = (0.05, 0.5, 0.95),
        *,
        draws: int = 200,
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        seed: int | None = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Any:
        """Quantiles (level, case, *event) of what NaN hides, entry by entry; observed entries are bit-identical in every one.

        Exact for a Gaussian or mixture of up to 2048 entries and for recordings under a Gaussian; otherwise those of ``draws`` draws. x,
        its names, units and recordings, and the other arguments are as in ``impute``; ``levels`` lie between 0 and 1. With ``bands``, those
        that a check of held-out gaps asked for are stretched, channel by channel; draws of ``impute`` are not. Memory: the result;
        draws are kept for some cases, or one piece of a recording, only. Of a Raw, Epochs or Evoked, a list of copies, one for each level.
        """
        if is_instrument(x):
            known = opened(x, self.channels)
            options: dict[str, Any] = {
                "draws": draws,
                "label": label,
                "condition": condition,
                "device": device,
                "seed": seed,
                "progress": progress,
            }
            return [filled(x, known, level.view(known.shape)) for level in self.quantiles(known, levels, **options)]
        matched = self._matched(x)
        values = self._values(matched or x, missing=True, longer=True)
        warn_unread(x, values)
        say_strange(values, self.scaler)
        self._longer(values)
        z = torch.special.ndtri(checks.levels(levels, "levels"))
        memory.drawn(len(z), "the number of levels", values.numel())
        count, seed = memory.drawn(draws, "draws", math.prod(self.event_shape)), checks.seed(seed)
        if self.bands is not None:
            z = stretched(z, self.bands).squeeze(1) if len(self.event_shape) == 1 else stretched(z, self.bands)
        filler = self._filler(len(values), None, None, "vp", "own", label, condition, device)
        found = quantiles(filler, values, z, count, seed, progress or (lambda _: None))
        return found if matched is None else matched.back(found)

    def forecast(
        self,
        history: object,
        horizon: int,
        draws: int = 100,
        *,
        free: str = "auto",
        local_scale: str | LocalScale = "auto",
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        seed: int | None = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Forecast:
        """What follows histories (case, *lead, time) for ``horizon`` samples: ``.paths`` (draw, case, *lead, horizon) and ``.quantiles``.

        The last samples of a history, as many as the window has beside the horizon, are what the law is given; NaN among them is a gap.
        With ``free`` "nothing" the law is used as it is and returns to its mean; with "level" the level of each channel is free, which is
        the law re-centred on the last values; with "trend" its slope too. "auto" takes the one whose forecasts from origins inside the
        histories score best, and ``.why`` says how. Histories that the model was not fitted to choose more fairly.

        ``local_scale`` lets bands widen and narrow with the errors that the last samples made, for series whose quiet and stormy stretches
        alternate: "none", an ``orn.LocalScale`` of a half-life in samples and a power, or "auto", which takes one of six where forecasts
        from origins inside the histories gain by it, and ``.why_scale`` says how. It reads histories as long as they are.

        Signals, names, units and the other arguments are as in ``impute``. Raises ``InputError`` for a horizon as long as the window, and
        for histories that are too short. Cost: that of ``impute``, and four conditionings to choose.
        """
        matched = self._matched(history)
        values = checks.tensor(matched.values if matched else history, "history", missing=True)
        values = forecasting.checked(values, self.event_shape, horizon)
        count, seed = memory.drawn(draws, "draws", values[..., :1].numel() * horizon), checks.seed(seed)
        filler = self._filler(len(values), None, None, "vp", "own", label, condition, device, plain=True)
        scale = checked(local_scale)
        outward = (lambda found: found) if matched is None else matched.outward
        return forecasting.forecast(filler, values, horizon, count, free, scale, outward, seed, progress or (lambda _: None))

    def corrected(
        self,
        x: object,
        check: object = None,
        *,
        masks: Masks | None = None,
        steps: int | None = None,
        minutes: float | None = None,
        seed: int | None = 0,
        progress: Callable[[str], None] | None = None,
    ) -> Self:
        """This model with a learned correction of its quantiles in gaps, or as it is where that does not gain on held-out gaps.

        A small network looks at what the law says of a hidden entry (mean and deviation given what was seen), at what was seen next to it
        and how far that is off, and bends the law's quantiles of that entry; it starts as the law's own and is trained on gaps in x by
        the pinball loss, under masks that are new at every step. It needs no more of a law than those two numbers, and knows single
        entries only: ``quantiles`` are the corrected ones, draws of ``impute`` have them with the dependence that the law says (its
        Gaussian copula). Densities, samples, posteriors and forecasts are those of the law.

        A network trained with masks is corrected by the law that it stands on: ``quantiles`` are those, without a draw, and draws of
        ``impute`` are moved to them by their ranks, so that entries depend on each other as the network says. At least 32 are made.

        x       signals (case, *event) to learn from, such as those of the fit; they may have gaps
        check   signals that neither the law nor the correction has seen, on whose gaps it must gain by 2 standard errors; without, the
                last tenth of x. ``orn.fit(x, correction="learned")`` sets these aside by itself
        masks   the kinds of gaps and their shares that it is for (default: ``Masks()``, points, blocks and channels of any share)
        steps   of training, 1024 entries each, or ``minutes``, or the first of both that ends. By default every case comes under a hundred
                masks, in 8000 steps at most: six minutes for 35 x 48 entries, seconds for a thousand short vectors

        ``correction.crps`` says what it gained, and ``correction`` is None where it was left out; ``progress`` is told. Raises
        ``InputError`` for laws that are no Gaussian or mixture of up to 2048 entries, and networks that do not fill gaps on one, or are
        told a label or a condition; for images, and fewer than 4 and 2 cases with a value.
        """
        if self.conditions is not None:
            raise InputError("the model is told conditions, but a correction knows none: correct the law without them")
        values = _with_values(self._signals(x, missing=True))
        if check is None:
            tenth = max(2, len(values) // 10)
            values, held = values[:-tenth], values[-tenth:]
        else:
            held = _with_values(self._signals(check, missing=True))
        budget, seed = None if steps is None and minutes is None else Budget.of(steps, minutes), checks.seed(seed)
        tell, masks = progress or (lambda _: None), Masks() if masks is None else masks
        if not isinstance(masks, Masks):
            raise InputError(
                f"masks is {checks.shown(masks)}, but must be training.Masks(...), the gaps that the correction is for, or None"
            )
        return replace(self, correction=learned(self.law, self.scaler, values, held, masks=masks, budget=budget, seed=seed, tell=tell))

    def _longer(self, values: Tensor) -> bool:
        """Whether these are recordings. Raises ``InputError`` where a correction knows windows only."""
        longer = values.shape[-1] > self.event_shape[-1]
        if longer and self.correction is not None:
            raise InputError(
                f"x has {values.shape[-1]} samples, but the correction was learned in windows of {self.event_shape[-1]}: cut x into "
                "windows, or leave the correction out with dataclasses.replace(model, correction=None)"
            )
        return longer

    def _filler(
        self,
        cases: int,
        sampler: str | Sampler | Tuned | None,
        steps: Steps | None,
        schedule: str | Schedule,
        grid: str,
        label: object,
        condition: object,
        device: torch.device | str | None,
        plain: bool = False,
    ) -> imputing.Filler:
        """How this model fills gaps, with every name looked up; ``plain`` is without what was learned of its quantiles."""
        law, given = self.law.on(device), told(self.conditions, label, condition, cases)
        if not isinstance(law, Law):
            method, plan, times = run_of(self.law, sampler or PLAIN_SAMPLER, steps, schedule, grid, self._tuned)
            return imputing.Sampled(law, self.scaler, method, plan, times, given, None if plain else self.correction)
        if sampler is not None or steps is not None:
            raise InputError("sampler and steps are for networks, but draws from this law are exact: leave them out")
        return imputing.Exact(law, self.scaler, None if plain else self.correction)


def _asked(only: object, values: Tensor, event: tuple[int, ...] | None) -> Tensor:
    """``only`` as bool (case, *event), for values of cases with this event; None where they are named signals."""
    if event is None or tuple(values.shape[1:]) != event:
        raise InputError("only is for arrays of cases as long as the window: give x as such an array, or leave only out")
    try:
        found = only.cpu().numpy() if isinstance(only, Tensor) else np.asarray(only)
    except ValueError:  # rows of several lengths
        raise InputError(f"only holds rows of several lengths, but must be bool of the shape of x, {tuple(values.shape)}") from None
    if found.dtype != np.bool_ or found.shape != values.shape:
        raise InputError(f"only is {found.dtype} of shape {found.shape}, but must be bool of the shape of x, {tuple(values.shape)}")
    return torch.from_numpy(found)


def _with_values(x: Tensor) -> Tensor:
    """The cases of x (case, *event) of which something was seen: the others teach nothing."""
    return x[(~torch.isnan(x)).flatten(1).any(1)]
