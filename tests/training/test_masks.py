"""Random gaps: where they lie, what is learned in them, and what a trained network fills them with."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian, Network, filling
from ornstein.nets import MLP, Condition, Entries
from ornstein.training import LogNormal, Loss, Masks, Trainer, completed, fit, held_out
from ornstein.training.loss import Draw
from ornstein.training.masks import KINDS, beside
from truth import condition as conditioned
from truth import spectrum_covariance

MANY = 4000


def test_points() -> None:
    """Every entry with probability r, on its own: the share within 5 standard deviations, in every place (false alarm 1e-5)."""
    hidden = Masks(("points",), (0.3, 0.3)).hidden(Noise(1), MANY, (2, 8)).double()
    assert float((hidden.mean(0) - 0.3).abs().max()) < 5 * math.sqrt(0.21 / MANY)
    pairs = torch.corrcoef(hidden.flatten(1).T) - torch.eye(16)
    assert float(pairs.abs().max()) < 5 / math.sqrt(MANY)
    spread = Masks(("points",), (0.0, 1.0)).hidden(Noise(2), MANY, (2, 8)).double().flatten(1).mean(1)
    assert float(spread.var()) == pytest.approx(1 / 12 + (1 / 2 - 1 / 3) / 16, rel=0.15)  # r uniform, then binomial


@pytest.mark.parametrize("event", [(3, 10), (10,)])
def test_blocks_of_time(event: tuple[int, ...]) -> None:
    """One stretch of round(r n) times in all channels, at least one, everywhere alike: starts within 5 sd (false alarm 1e-5)."""
    for share, length in ((0.3, 3), (0.0, 1), (1.0, 10)):
        if share == 0.0:
            share = 1e-9
        hidden = Masks(("blocks",), (share, share)).hidden(Noise(3), MANY, event).view(MANY, -1, 10)
        assert torch.equal(hidden, hidden[:, :1].expand_as(hidden))
        times = hidden[:, 0].long()
        assert bool((times.sum(1) == length).all())
        assert bool((times.diff(dim=1).abs().sum(1) <= 2).all())
        starts = torch.bincount(times.argmax(1), minlength=10)[: 11 - length] / MANY
        p = 1 / (11 - length)
        assert float((starts - p).abs().max()) <= 5 * math.sqrt(p * (1 - p) / MANY)


def test_blocks_of_images() -> None:
    """A rectangle whose share is r: sqrt(r) of either side."""
    hidden = Masks(("blocks",), (0.25, 0.25)).hidden(Noise(3), 200, (2, 8, 6))
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    rows, columns = hidden[:, 0].any(2), hidden[:, 0].any(1)
    assert torch.equal(hidden[:, 0], rows.unsqueeze(2) & columns.unsqueeze(1))
    assert {*rows.sum(1).tolist()} == {4}
    assert {*columns.sum(1).tolist()} == {3}


def test_channels() -> None:
    """Whole channels, at least one: P = r + (1 - r)^C / C each; within 5 sd (false alarm 1e-5)."""
    hidden = Masks(("channels",), (0.4, 0.4)).hidden(Noise(4), MANY, (3, 5))
    assert torch.equal(hidden, hidden[..., :1].expand_as(hidden))
    p = 0.4 + 0.6**3 / 3
    assert float((hidden[..., 0].double().mean(0) - p).abs().max()) < 5 * math.sqrt(p * (1 - p) / MANY)
    assert bool(hidden[..., 0].any(1).all())


def test_kinds_are_alike_and_belong_to_places() -> None:
    """A third of the cases each; one batch in pieces is the same as whole; signals of one channel have no kind "channels"."""
    masks = Masks(share=(0.5, 0.5))
    hidden = masks.hidden(Noise(5), MANY, (3, 10))
    whole = hidden.all(2) | ~hidden.any(2)
    channels = whole.all(1).double().mean()
    same = (hidden == hidden[:, :1]).all(2).all(1).double().mean()
    for share in (channels, same):
        assert abs(float(share) - 1 / 3) < 5 * math.sqrt(2 / 9 / MANY) + 0.05  # all three channels alike are both: 8.6 % of a third
    parts = [masks.hidden(Noise(5, first), 7, (3, 10)) for first in (0, 7, 14)]
    assert torch.equal(torch.cat(parts), hidden[:21])
    assert masks.hidden(Noise(5), 3, (1, 10)).shape == (3, 1, 10)
    assert bool((masks.hidden(Noise(5), 3, (1, 10)) == Masks(("points", "blocks"), (0.5, 0.5)).hidden(Noise(5), 3, (1, 10))).all())
    with pytest.raises(InputError, match="but these signals have one channel only: hide points or blocks"):
        Masks(("channels",)).hidden(Noise(), 3, (10,))


SHAPE = (1, 4)
ZERO = torch.zeros(4, dtype=torch.float64)
COV = spectrum_covariance((2.0, 0.7, 0.3, 0.1), 1)
LAW = Gaussian(torch.zeros(SHAPE), Dense(COV))
ALONE = Gaussian(torch.zeros(SHAPE), Diagonal(COV.diagonal().clone()))
"""The same variances without any correlation: nothing to fill gaps with."""


def network(seed: int = 0) -> Network:
    return Network.of(MLP(SHAPE, width=48, depth=2, signal=1, seed=seed), ALONE, inpaints=True)


def test_loss_counts_hidden_entries_with_a_known_truth() -> None:
    """It is that of a network told the same condition by hand; and what fills a gap in x has no part in it."""
    x, draw = LAW.sample(6, seed=1).float(), Draw(3, 5, 2, 20)
    masks, levels = Masks(), LogNormal()
    loss = Loss(levels, drop=0.3, masks=masks)
    told, known = masks.applied(x, draw.noise(x.device))
    assert bool(known.all())
    assert told.signal is not None
    hidden = told.signal.isnan()
    assert torch.equal(hidden, masks.hidden(draw.noise(x.device), 6, SHAPE))
    assert torch.equal(told.signal[~hidden], x[~hidden])
    one = network()
    assert torch.equal(loss(one, x, draw), Loss(levels, drop=0.3)(one, x, draw, told))
    gaps = normal(6, *SHAPE, seed=4) > 0.5
    with_gaps = x.masked_fill(gaps, torch.nan)
    values = [loss(one, torch.where(gaps, fill, x), draw, Condition(signal=with_gaps)) for fill in (x, x + 3)]
    assert torch.allclose(*values, rtol=1e-6)  # the reference has no correlations, so other entries do not look there
    everything = loss(one, x, draw, Condition(signal=torch.full_like(x, torch.nan)))
    assert torch.equal(everything, torch.zeros(6))


@pytest.mark.parametrize("dense", [4, 3])
def test_gaps_are_filled_with_the_law(monkeypatch: pytest.MonkeyPatch, dense: int) -> None:
    """Draws from p(missing | observed): mean and covariance of one pattern within 5 sd (false alarm 1e-5); a case without any
    observation is a draw from the law; observed entries and signals without gaps come back bit for bit."""
    monkeypatch.setattr(filling, "DENSE", dense)  # all patterns at once, and one by one
    x = LAW.sample(1, seed=2).expand(MANY, *SHAPE).clone()
    x[:, :, :2] = torch.nan
    x = torch.cat([x, torch.full((MANY, *SHAPE), torch.nan)])
    filled, told = completed(x, LAW, seed=3)
    assert told is not None
    assert told.signal is x
    assert torch.equal(filled[:MANY, :, 2:], x[:MANY, :, 2:])
    rows = torch.eye(4, dtype=torch.float64)[2:]
    mean, cov, _ = conditioned(ZERO, COV, rows, x[0, 0, 2:], torch.zeros(2, 2, dtype=torch.float64))
    for got, m, c in ((filled[:MANY, 0, :2], mean[:2], cov[:2, :2]), (filled[MANY:, 0], ZERO, COV)):
        deviation = c.diagonal().sqrt()
        assert float(((got.mean(0) - m) / deviation).abs().max()) < 5 / math.sqrt(MANY)
        assert float(((got.T.cov() - c) / (deviation[:, None] * deviation)).abs().max()) < 5 * math.sqrt(2 / MANY)
    whole = LAW.sample(5, seed=1)
    same, nothing = completed(whole, LAW)
    assert same is whole
    assert nothing is None
    again = completed(x[:9], LAW, seed=3)[0]
    assert torch.equal(again, completed(x[:9], LAW, seed=3)[0])
    with pytest.raises(InputError, match="condition has a signal, but masks give the observed entries of x in its place"):
        completed(whole, LAW, Condition(signal=whole))


def imputed_error(trained: Network) -> float:
    """Error of E[hidden | observed] as the network says it at sigma = inf, over that of the plain mean; over all 14 proper patterns."""
    truth, wrong, plain = LAW.sample(40, seed=9), 0.0, 0.0
    for pattern in range(1, 15):
        hidden = torch.tensor([bool(pattern >> k & 1) for k in range(4)])
        rows = torch.eye(4, dtype=torch.float64)[~hidden]
        none = torch.zeros(len(rows), len(rows), dtype=torch.float64)
        exact = torch.stack([conditioned(ZERO, COV, rows, row[0, ~hidden], none)[0] for row in truth])[:, hidden]
        signal = truth.masked_fill(hidden, torch.nan)
        got = trained.given(Condition(signal=signal))(torch.zeros_like(signal), math.inf).mean[:, 0, hidden].detach()
        wrong += float((got - exact).square().sum())
        plain += float(exact.square().sum())
    return math.sqrt(wrong / plain)


def learned(x: Tensor, told: Condition | None, steps: int) -> Network:
    trainer = Trainer(network(), x, Loss(LogNormal(0.0, 1.5), masks=Masks()), condition=told, rate=4e-3, lengths=())
    for step in range(steps):
        trainer.step(min(1.0, 2 * (1 - step / steps)))
    return trainer.network


def test_learns_the_exact_conditional_mean() -> None:
    """Without a single correlation in its reference: the error falls to below half of the plain mean's, with gaps in the data too."""
    assert imputed_error(network()) == pytest.approx(1.0, abs=1e-6)
    x = LAW.sample(2000, seed=3)
    gaps = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.25
    assert imputed_error(learned(x, None, 150)) < 1 / 2
    filled, told = completed(x.masked_fill(gaps, torch.nan), LAW, seed=1)
    assert imputed_error(learned(filled, told, 150)) < 1 / 2


@pytest.mark.slow
def test_learns_it_well() -> None:
    """Ten times the steps: below a fifth."""
    assert imputed_error(learned(LAW.sample(4000, seed=3), None, 2500)) < 0.2


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Masks(("holes",)), "a kind of mask is 'holes', but must be one of blocks, channels, points"),
        (lambda: Masks(()), "kinds is empty, but masks need at least one of points, blocks, channels"),
        (lambda: Masks(share=(0.5, 0.2)), r"share is \(0.5, 0.2\), but must be \(low, high\)"),
        (lambda: Masks(share=(0.0, 0.0)), r"share is \(0.0, 0.0\)"),
        (lambda: Masks(share=(0.1, 1.5)), r"share is \(0.1, 1.5\)"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
    assert Masks(["points"]).kinds == ("points",)  # type: ignore[arg-type]
    assert Masks().kinds == KINDS


EVENT = (2, 6)
ENTRYWISE = Gaussian(torch.zeros(EVENT, dtype=torch.float64), Dense(spectrum_covariance(torch.linspace(2, 0.1, 12), 1)))


def by_entries() -> Network:
    return Network.of(Entries(EVENT, width=8, depth=1, signal=2).double(), ENTRYWISE, inpaints=True)


def test_at_most_so_many_entries_are_asked_for() -> None:
    """The others, and gaps of the data, are left out; which are asked for is drawn anew, each as often (5 sd, false alarm 1e-4)."""
    x = ENTRYWISE.draw(Noise(1), MANY)
    x[:, 0, :2] = math.nan
    given, _ = Masks(("points",), (0.8, 0.8), most=3).applied(*beside(x)[:1], Noise(2), beside(x)[1], entrywise=True)
    assert given.signal is not None
    asked, out = given.signal.isnan(), given.signal.isinf()
    hidden = Masks(("points",), (0.8, 0.8)).hidden(Noise(2), MANY, EVENT) & ~x.isnan()
    assert torch.equal(asked.flatten(1).sum(1), hidden.flatten(1).sum(1).clamp_max(3))
    assert torch.equal(asked | out, hidden | x.isnan())
    assert torch.equal(given.signal[~asked & ~out], x[~asked & ~out])
    share = asked.double().mean(0)[~x[0].isnan()]
    assert float((share - share.mean()).abs().max()) < 5 * math.sqrt(0.21 / MANY)


def test_a_network_of_entries_that_returns_nothing_has_the_loss_of_the_law() -> None:
    """Each error in deviations of what the law leaves: 1 on its own signals, at every noise (within 5 sd of 300; false alarm 1e-6)."""
    x, condition = beside(ENTRYWISE.draw(Noise(3), 300))
    for masks, drop in ((Masks(("points",), most=2), 0.0), (Masks(("points",)), 1.0)):
        loss = Loss(LogNormal(), drop=drop, masks=masks)(by_entries(), x, Draw(0, 1, 0, 300), condition)
        counted = loss[loss > 0].detach()
        assert abs(float(counted.mean()) - 1) < 5 * math.sqrt(2 / len(counted))


def test_a_network_of_entries_learns_skewed_gaps_better_than_their_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the entries missing, none of them ever filled in: the held-out loss falls below the law's in 40 small steps."""
    monkeypatch.setattr(held_out, "PAIRS", 64)
    x = torch.expm1(0.8 * ENTRYWISE.draw(Noise(4), 200)).float()
    x[Noise(5).uniform(200, EVENT) < 0.5] = math.nan
    done = fit(x, Entries(EVENT, width=16, depth=1, signal=2), ENTRYWISE, masks=Masks(("points",), most=4), steps=40, batch=32, rate=5e-3)
    assert done.held_out is not None
    assert done.gaussian is not None
    assert done.held_out < done.gaussian
