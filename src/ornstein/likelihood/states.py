"""The probability of states of the diffusion itself: of one noisy signal, and of a whole path of them. Exact for analytic laws."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.denoisers import Law
from ornstein.process import Process
from ornstein.schedules import Schedule

Score = Callable[[Tensor, float], Tensor]
"""(x (case, *event), sigma) -> log density of x_0 + sigma z in nats, (case,): the ``log_prob`` of a law, or an estimate."""


def state(law: Law | Score, schedule: Schedule, x_t: object, t: float) -> Tensor:
    """log p_t(x_t) in nats for x_t = alpha x_0 + sigma z (case, *event), (case,).

        log p_t(x_t) = log p_(sigma / alpha)(x_t / alpha) - d log alpha

    with p_n the law of x_0 + n z, exact for an analytic one; for a denoiser give ``lambda x, n: flow(denoiser, x, sigma=n).value``.
    At alpha = 0 it is N(0, sigma^2 I). At t = 0 the density is on the support of the law. Raises ``InputError`` for t outside [0, 1].
    """
    x = checks.tensor(x_t, "x_t")
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    size = x[0].numel()
    if alpha == 0:
        return -0.5 * x.flatten(1).square().sum(-1) / sigma**2 - size * math.log(sigma * math.sqrt(2 * math.pi))
    score = law.log_prob if isinstance(law, Law) else law
    # alpha is 1 at t = 0, so a support of fewer dimensions never meets this factor
    return score(x / alpha, sigma / alpha) - size * math.log(alpha)


def path(law: Law | Score, schedule: Schedule, states: object, times: object) -> Tensor:
    """log p(x_t1, x_t2, ...) in nats of a whole forward path (time, case, *event) at rising times, (case,).

        log p = log p_t1(x_t1) + sum_i log q(x_t(i+1) | x_t(i)),      q = N(alpha_ts x_s, sigma_ts^2 I)

    The process is a Markov chain, so only the first state needs the law. Raises ``InputError`` for times that do not rise, and another
    number of them.
    """
    x, t = checks.tensor(states, "states"), checks.tensor(times, "times", ndim=(1,))
    if len(x) != len(t) or not len(t) or bool((t.diff() <= 0).any()):
        raise InputError(f"times must rise and be one for each of the {len(x)} states, but are {t.tolist()}")
    total = state(law, schedule, x[0], float(t[0]))
    process = Process(schedule)
    for i in range(1, len(t)):
        scale, deviation = (float(c) for c in process.transition(float(t[i - 1]), float(t[i])))
        apart = (x[i] - scale * x[i - 1]).flatten(1) / deviation
        total = total - 0.5 * apart.square().sum(-1) - apart.shape[-1] * math.log(deviation * math.sqrt(2 * math.pi))
    return total
