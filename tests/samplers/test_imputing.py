"""Filling gaps by sampling: the exact conditional law for a network that answers as the Gaussian, and the same draws in any batch."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import EVENT, FULL, MEAN, gaussian, normal
from ornstein.common.errors import InputError
from ornstein.data.share import heard
from ornstein.denoisers import Network
from ornstein.nets import MLP, Condition, Entries
from ornstein.samplers import DDIM, DDPM, DPMSolver, Exponential
from ornstein.samplers.imputing import impute
from ornstein.schedules import VE, VP, Cosine
from truth import condition

HIDDEN = torch.tensor([[[1, 1, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]], [[1, 1, 1], [1, 1, 1]], [[0, 0, 1], [1, 0, 0]]], dtype=torch.bool)
TRUTH = gaussian().sample(4, seed=5)
X = TRUTH.masked_fill(HIDDEN, torch.nan)
NETWORK = Network.of(MLP(EVENT, width=8, depth=1, signal=2, classes=3).double(), gaussian(), inpaints=True)
"""A new network returns 0: what it says is the Gaussian's conditional mean."""
ENTRIES = Network.of(Entries(EVENT, width=8, depth=1, signal=2).double(), gaussian(), inpaints=True)
"""The same, which looks at entries one by one."""


@pytest.mark.parametrize(("network", "sampler"), [(NETWORK, DPMSolver(2)), (NETWORK, DDPM()), (ENTRIES, DPMSolver(2))])
def test_draws_have_the_conditional_law(network: Network, sampler: DPMSolver | DDPM) -> None:
    """Mean and covariance of 1500 draws within 5 sd (false alarm 1e-4 for 30 numbers) and 2 % of discretisation."""
    draws = 1500
    got = impute(network, X[[0, 3]], sampler, Cosine(), 60, draws, seed=1)
    for i, case in enumerate((0, 3)):
        hidden = HIDDEN[case].flatten()
        rows = torch.eye(6, dtype=torch.float64)[~hidden]
        mean, cov, _ = condition(MEAN.flatten(), FULL.dense(), rows, TRUTH[case].flatten()[~hidden], torch.zeros(len(rows), len(rows)))
        mean, cov = mean[hidden], cov[hidden][:, hidden]
        drawn, deviation = got[:, i].flatten(1)[:, hidden], cov.diagonal().sqrt()
        assert float(((drawn.mean(0) - mean) / deviation).abs().max()) < 5 / math.sqrt(draws) + 0.02
        assert float(((drawn.T.cov() - cov) / (deviation[:, None] * deviation)).abs().max()) < 5 * math.sqrt(2 / draws) + 0.02


def test_a_draw_belongs_to_its_case_and_number() -> None:
    """Whatever the numbers of draws, cases and batch; observed entries bit for bit, also in float32; progress adds up to all cases."""
    told, shares = list[int](), list[float]()
    with heard(shares.append):
        whole = impute(NETWORK, X, DDIM(0.5), VP(), 4, 5, seed=2, batch=4, progress=told.append)
    assert shares == sorted(shares)
    assert len(shares) == 5 * math.ceil(15 / 4)  # the start and four steps of every batch
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert sum(told) == len(X)
    assert all(n > 0 for n in told[:1])
    for draws, cases, batch in ((3, 4, 1), (5, 3, 4), (1, 4, 1000), (5, 4, 7)):
        told.clear()
        part = impute(NETWORK, X[:cases], DDIM(0.5), VP(), 4, draws, seed=2, batch=batch, progress=told.append)
        assert torch.allclose(part, whole[:draws, :cases], rtol=0, atol=1e-12)
        assert sum(told) == cases
    rounded = Network.of(MLP(EVENT, width=8, depth=1, signal=2), gaussian(), inpaints=True)
    runs = ((NETWORK, X.float()), (rounded, X))
    for got, truth in ((whole, X), *((impute(network, x, DDIM(), VP(), 4, 5), x) for network, x in runs)):
        assert got.dtype == truth.dtype
        assert torch.equal(got[:, ~HIDDEN], truth[~HIDDEN].expand(5, -1))
        assert not got.isnan().any()
    assert float((whole[0] - whole[1]).abs()[HIDDEN].min()) > 0
    assert float((impute(NETWORK, X, DDIM(0.5), VP(), 4, 1, seed=3)[0] - whole[0]).abs()[HIDDEN].min()) > 0
    full = impute(NETWORK, TRUTH, DDIM(), VP(), 4, 2)
    assert torch.equal(full, TRUTH.expand(2, *TRUTH.shape))
    impute(NETWORK, X, Exponential(gaussian()), VP(), 4, 1)


def test_other_conditions_come_along() -> None:
    """A label for each case meets its case: the draws of one case at a time, each with its own."""
    told: list[list[int]] = []

    class Told(MLP):
        def forward(self, x: torch.Tensor, noise: torch.Tensor, condition: Condition | None = None) -> torch.Tensor:
            assert condition is not None
            assert condition.label is not None
            told.append(condition.label.tolist())
            return super().forward(x, noise, condition)

    network = Network.of(Told(EVENT, width=8, depth=1, signal=2, classes=4).double(), gaussian(), inpaints=True)
    impute(network, X, DDIM(), VP(), 2, 2, condition=Condition(torch.arange(4)))
    assert told == [[0, 0, 2, 2, 3, 3]] * 2
    impute(network, X, DDIM(), VP(), 1, 1, condition=Condition(torch.tensor([3])))
    assert told[2:] == [[3, 3, 3]]


@pytest.mark.parametrize(
    ("network", "x", "more", "sentence"),
    [
        (Network.of(MLP(EVENT), gaussian()), X, {}, "this network was trained without masks, so it cannot fill gaps by itself"),
        (NETWORK, X[..., :2], {}, r"x has shape \(4, 2, 2\), but must be \(case, 2, 3\)"),
        (NETWORK, X * math.inf, {}, "x holds .* infinite values"),
        (NETWORK, X, {"draws": 0}, "draws is 0, but must be a whole number of at least 1"),
        (NETWORK, X, {"condition": Condition(signal=normal(4, 2, 3))}, "condition has a signal, but here the signal is x itself"),
        (NETWORK, X, {"condition": Condition(torch.arange(3))}, "condition has 3 rows, but there are 4 cases"),
    ],
)
def test_bad_input(network: Network, x: torch.Tensor, more: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        impute(network, x, DDIM(), VP(), 3, **more)  # type: ignore[arg-type]


def test_times_must_end_at_data_and_draws_fit_in_memory() -> None:
    with pytest.raises(InputError, match=r"steps ends at t = 0.1, where signals still hold noise"):
        impute(NETWORK, X, DDIM(), VP(), [1.0, 0.5, 0.1])
    with pytest.raises(InputError, match="draws is 1000000000000, which takes 192 TB for the result alone"):
        impute(NETWORK, X, DDIM(), VP(), 3, 10**12)


def test_a_network_of_entries_starts_from_the_law_of_what_is_asked() -> None:
    """One step from a low level is affine in the noise of the start: its mean is that law's, whatever is left out stays NaN."""
    only = torch.zeros_like(HIDDEN)
    only[0, 0, 0] = only[2, 1, 1] = True
    got = impute(ENTRIES, X, DDIM(0.0), VE(0.5), 1, 4000, seed=3, only=only)
    assert torch.equal(got.isnan()[0], HIDDEN & ~only)
    for case, index in ((0, 0), (2, 4)):
        rows = torch.eye(6, dtype=torch.float64)[~HIDDEN[case].flatten()]
        seen = TRUTH[case].flatten()[~HIDDEN[case].flatten()]
        mean, cov, _ = condition(MEAN.flatten(), FULL.dense(), rows, seen, torch.zeros(len(rows), len(rows)))
        drawn, deviation = got[:, case].flatten(1)[:, index], float(cov[index, index].sqrt())
        assert abs(float(drawn.mean() - mean[index])) < 5 * deviation / math.sqrt(4000)
    assert bool((impute(NETWORK, X, DDIM(0.0), VE(0.5), 1, 2, seed=3, only=only).isnan()[0] == (HIDDEN & ~only)).all())
