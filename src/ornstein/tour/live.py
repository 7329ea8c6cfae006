"""What a page that trains its own network is given: the opening of a tour as plain JSON, and the training as a stream of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.tour import learned
from ornstein.tour.compute import laws, opening, trained
from ornstein.tour.page import encode

LOOKS = 25
"""Moments of a training at which its reverse run is sent along; each costs about 0.1 s."""


def scene(curve: object = None, seed: int = 0) -> dict[str, object]:
    """The ``opening`` of a tour, and the eigenbases of its two Gaussian laws, ready for ``json.dumps``.

        {"numbers": {name: float}, "arrays": {name: {"shape", "data"}}, "seed", "own", "averaged"}

    Arrays are little-endian Float32 in base64. ``own`` and ``averaged`` say whether the curve is a person's own, and whether
    it had more points than are shown. Raises ``InputError`` as ``opening`` does. Cost: about 0.3 s of one core.
    """
    tour = opening(curve, seed)
    kernel, ensemble = laws(tour.curve.values)
    arrays = tour.arrays | {"basis_kernel": kernel.basis, "basis_ensemble": ensemble.basis}
    averaged = tour.curve.length > len(tour.curve.values)
    return {**_sent(tour.numbers, arrays), "seed": seed, "own": tour.curve.own, "averaged": averaged}


def lesson_training(curve: object = None, seed: int = 0, training: int = learned.TRAINING) -> Iterator[dict[str, object]]:
    """The training of the network of ``compute`` as events ready for ``json.dumps``; whoever asks may leave after any.

        {"step", "of", "losses", "run", "rms"}     at ``LOOKS`` moments: every loss since the last event, the reverse run with the
                                                   network as it is, and how far its end is from the curve
        {"numbers", "arrays"}                      at the end: what ``compute`` knows beyond ``opening``

    Raises ``InputError`` as ``compute`` does. Cost: the training, and about 3 s of one core for the runs.
    """
    training = checks.count(training, "training", at_least=learned.FEWEST)
    first = opening(curve, seed)
    signal, exact = first.curve.values, first.arrays["reverse_one"]
    looks, moments = _shares(LOOKS, training), {round(share * training) for share in learned.MOMENTS}
    losses: list[Tensor] = []
    runs: dict[int, Tensor] = {}
    told = 0
    for moment in learned.training(signal, seed, training):
        losses.append(moment.loss)
        if moment.step not in looks | moments:
            continue
        run = moment.run(exact[-1:], seed)
        if moment.step in moments:
            runs[moment.step] = run
        fresh, told = [float(loss) for loss in losses[told:]], len(losses)
        rms = float((run[0] - signal).square().mean().sqrt())
        yield {"step": moment.step, "of": training, "losses": fresh, "run": encode(run), "rms": rms}
    made = learned.Learned(moment.network, torch.stack(losses).to("cpu", torch.float64), runs)
    yield _sent(*trained(made, signal, exact, seed))


def _shares(count: int, training: int) -> set[int]:
    return {max(1, round(training * (k + 1) / count)) for k in range(count)}


def _sent(numbers: Mapping[str, float], arrays: Mapping[str, Tensor]) -> dict[str, object]:
    return {"numbers": dict(numbers), "arrays": {name: encode(values) for name, values in arrays.items()}}
