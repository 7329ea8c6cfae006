"""method="auto" says what it does and why, and each case has the same result alone and among 256, whatever is computed together."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import Silent
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network, Particles
from ornstein.model import Model

X = 5 + ornstein_uhlenbeck(200, 4, 3.0, seed=1).values[:, 0]
GAUSSIAN = orn.fit(X, folds=0)
TWO = orn.fit(X, "mixture", components=2, folds=0)
KERNEL = orn.fit(X[:60], "empirical", folds=0)
CURVED = orn.fit(X.exp() / 100, marginals="gaussian", folds=0)
NETWORK = Model(Network.of(Silent(), TWO.law), TWO.scaler)
PLAIN = Model(Network.of(Silent(), GAUSSIAN.law), GAUSSIAN.scaler)
MASK, SUM = orn.Mask(torch.arange(4) < 2), orn.Average(2)

CASES = {
    "exact: a Gaussian under linear measurements": (GAUSSIAN, MASK, X[:, :2], 0.3),
    "exact: a mixture under linear measurements": (TWO, MASK, X[:, :2], 0.3),
    "exact: a law of points under": (KERNEL, MASK, X[:, :2], 0.3),
    "twisted: a Network of Silent has no closed form, so weighted particles are guided by a mixture of 2": (NETWORK, MASK, X[:, :2], 0.3),
    "twisted: a Network of Silent has no closed form, so weighted particles are guided by a Gaussian": (PLAIN, MASK, X[:, :2], 0.3),
    "twisted: Poisson noise has no closed form": (GAUSSIAN, MASK, X[:, :2].round().clamp_min(0), orn.Poisson()),
    "twisted: Clip is not linear": (TWO, orn.Clip(4, 6), X.clamp(4, 6), 0.3),
    "twisted: curved marginals make the measurement nonlinear": (CURVED, SUM, X.exp().view(-1, 2, 2).mean(2) / 100, 0.3),
}
FEW = {"particles": 8, "steps": 2}


SLOWER = [says for says in CASES if says.startswith("twisted: ") and "Network" not in says]
"""Where every case runs on its own: 256 of them take seconds."""


@pytest.mark.filterwarnings("ignore:only .* particles carry the weight", "ignore:y is")
@pytest.mark.parametrize(
    ("says", "count"),
    [*((says, 3 if says in SLOWER else 256) for says in CASES), *(pytest.param(says, 256, marks=pytest.mark.slow) for says in SLOWER)],
)
def test_auto_says_why_and_cases_do_not_know_each_other(says: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All cases at once, in chunks of forty, and three of them alone: the same laws, particle by particle."""
    model, measurement, y, noise = CASES[says]
    y = y[torch.arange(count) % len(y)]
    many = model.posterior(measurement, y, noise, **FEW)
    assert many.why.startswith(says)
    assert "\n" not in many.why
    monkeypatch.setattr(sys.modules["ornstein.posterior.twisted"], "TOGETHER", 40 * FEW["particles"])
    torch.testing.assert_close(drawn(model.posterior(measurement, y, noise, **FEW)), drawn(many), rtol=0, atol=1e-9)
    for case in (0, count // 2, count - 1):
        alone = model.posterior(measurement, y[case], noise, first=case, **FEW)
        assert alone.why == many.why
        torch.testing.assert_close(drawn(alone), drawn(many)[case], rtol=0, atol=1e-9)
        assert alone.log_evidence is not None
        assert many.log_evidence is not None
        torch.testing.assert_close(alone.log_evidence, many.log_evidence[case], rtol=0, atol=1e-9)


def drawn(post: Model) -> Tensor:
    """What tells one law from another, a row for each case."""
    return post.law.points if isinstance(post.law, Particles) else post.mean()


def test_what_was_asked_for_is_said_too() -> None:
    assert GAUSSIAN.posterior(MASK, X[0, :2], 0.3, method="twisted", particles=40, steps=4).why == "twisted, as asked for"
    assert GAUSSIAN.posterior(GAUSSIAN).why.startswith("exact: the product of Gaussians")
    assert GAUSSIAN.why == ""
    bent = TWO.posterior(orn.Clip(4, 6) @ SUM, torch.tensor([5.0, 5.0]), 0.3, particles=100, steps=4)
    assert bent.why.startswith("twisted: Clip is not linear")
