"""Windows that share samples: what is near a held-out case is not fitted on, and no law judges samples that it has seen."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import normal
from ornstein.common.errors import InputError
from ornstein.common.folds import blocks, ends
from ornstein.covariance import estimate
from ornstein.covariance.lowrank import Rows, choose_rank
from ornstein.fitting.marginals import gaussianised
from ornstein.model.judging import set_aside
from truth import gaussian_log_prob


def windows(samples: int, seed: int) -> Tensor:
    """Windows of 8 samples, one at each, of sums of five neighbours: seven on either side share samples with a window."""
    return normal(samples + 4, seed=seed).unfold(0, 5, 1).sum(1).unfold(0, 8, 1)


def test_the_judges_are_fitted_without_the_neighbours_of_their_fold() -> None:
    """Ten folds of 290 windows, each against the law of the cases that lie further than three from it."""
    x = windows(297, 1)
    model = orn.fit(x, standardize="none", folds=10, overlap=3)
    for k, judge in enumerate(model.judges):
        left = torch.cat([x[: max(0, 29 * k - 3)], x[29 * (k + 1) + 3 :]])
        alone = orn.fit(left, standardize="none", folds=0).log_prob(x[29 * k : 29 * (k + 1)])
        assert torch.allclose(judge.scores, alone.sort().values)


def test_a_fit_without_overlap_keeps_every_neighbour() -> None:
    x = windows(107, 1)
    plain, said = orn.fit(x, folds=4), orn.fit(x, folds=4, overlap=0)
    assert torch.equal(plain.judges[1].scores, said.judges[1].scores)


def test_by_default_too_few_cases_have_no_judges_and_that_is_said() -> None:
    told: list[str] = []
    assert not orn.fit(windows(27, 1), overlap=8, progress=told.append).judges
    assert any("there are no p-values" in line for line in told), told
    with pytest.raises(InputError, match="9 on either side, leave fewer than two to fit beside one of 5 equal parts: give more cases"):
        orn.fit(windows(27, 1), folds=5, overlap=9)
    with pytest.raises(InputError, match=r"20 cases, each of which shares .* 20 on either side: too few are left to choose a structure by"):
        orn.fit(windows(27, 1), structure="auto", overlap=20)
    with pytest.raises(InputError, match="overlap is -1"):
        orn.fit(windows(27, 1), overlap=-1)


def test_symbols_have_folds_without_neighbours_too() -> None:
    bits = (windows(107, 1) > 0).to(torch.float64)
    near, far = (orn.fit(bits, "binary", law="independent", folds=4, overlap=overlap) for overlap in (0, 7))
    for k, fold in enumerate(blocks(100, 4, 7)):
        alone = orn.fit(bits[fold.train], "binary", law="independent", folds=0).log_prob(bits[fold.test])
        assert torch.allclose(far.judges[k].scores, alone.sort().values)
    assert not torch.equal(near.judges[0].scores, far.judges[0].scores)


def test_what_is_set_aside_has_no_neighbours_in_training() -> None:
    x = torch.arange(200.0, dtype=torch.float64).unsqueeze(1)
    fitted, _, aside = set_aside(x, None, 20, 3)
    assert float(torch.cdist(fitted, aside.values).min()) == 4
    assert len(fitted) == 200 - 20 - 4 * 6 - 3
    with pytest.raises(InputError, match="overlap is 150, which leaves"):
        set_aside(x, None, 20, 150)


def test_what_a_choice_holds_out_has_no_neighbours_in_its_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mixture's components, curves or straight lines, the law of symbols, and the cases that choose a network's weights."""
    from ornstein.denoisers import components_choice

    x, fitted = windows(207, 2)[:, :2], []
    climb = components_choice.climb
    monkeypatch.setattr(components_choice, "climb", lambda cases, *rest: (fitted.append(cases), climb(cases, *rest))[1])
    orn.fit(x, "mixture", structure="diagonal", standardize="none", folds=0, overlap=7)
    apart = ends(200, 40, 7)
    assert fitted
    assert all(torch.equal(cases, x[apart.train]) for cases in fitted)
    told: list[str] = []
    for overlap in (0, 7):
        orn.fit(x, marginals="auto", folds=0, overlap=overlap, progress=told.append)
        orn.fit((x > 0).double(), "binary", law="markov", folds=0, overlap=overlap, progress=told.append)
    gains = [line for line in told if "by held-out likelihood" in line]
    levels = [line for line in told if "nats a held-out case" in line]
    assert len(set(gains)) == len(set(levels)) == 2


def test_a_network_is_not_trained_on_neighbours_of_what_chooses_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def stop(_: object, cases: Tensor, *__: object, **___: object) -> None:
        trained.append(cases)
        raise InputError("seen")

    monkeypatch.setattr(sys.modules["ornstein.training.fit"], "Trainer", stop)
    x = windows(207, 3)
    with pytest.raises(InputError, match="seen"):
        orn.fit(x, "network", steps=1, overlap=7, standardize="none")
    assert torch.equal(trained[0].to(x), x[ends(200, 20, 7).train].to(trained[0].dtype).to(x))


def test_a_bandwidth_is_not_chosen_by_neighbours() -> None:
    """Cases that come twice would want no width at all; as neighbours that share samples they are left out together."""
    x = windows(57, 4).repeat_interleave(2, 0)
    near, far = (orn.fit(x, "empirical", folds=0, overlap=overlap).log_density(windows(57, 5)).value.mean() for overlap in (0, 1))
    assert float(far) > float(near) + 10


def test_a_structure_is_judged_without_the_neighbours_of_what_it_is_judged_by() -> None:
    """Each fold by SciPy; and 63 windows of 70 samples look like their neighbours, so that they alone ask for more than a short memory."""
    x, levels = windows(70, 1), []
    for fold in blocks(63, 4, 7):
        centred = x[fold.train] - x[fold.train].mean(0)
        level = gaussian_log_prob(x[fold.test], x[fold.train].mean(0), torch.diag(centred.square().mean(0)))
        levels.append(level)
    assert estimate(x, "diagonal", folds=4, overlap=7).held_out == pytest.approx(float(torch.cat(levels).mean()))
    for overlap, structure in ((0, "toeplitz"), (7, "matern-3/2")):
        law = orn.fit(x.unsqueeze(1), structure="auto", standardize="none", folds=0, overlap=overlap).law
        assert torch.allclose(law.covariance().dense(), estimate(x, structure).covariance.dense())


def test_a_rank_is_judged_without_the_neighbours_of_what_it_is_judged_by() -> None:
    x = normal(124, seed=2).unfold(0, 5, 1).sum(1).unfold(0, 12, 1)
    rows = Rows(x - x.mean(0), torch.zeros(12, dtype=torch.float64))
    assert choose_rank(rows, overlap=11) < choose_rank(rows)


def test_curves_are_not_bent_by_values_that_come_again_in_the_next_window() -> None:
    """Sixty normal values, each in up to eight windows: a curve that peaks at every one of them is right about them all again."""
    x = normal(60, seed=10).unfold(0, 8, 1).unsqueeze(1)
    assert [gaussianised(x, "channel", overlap=overlap)[1] for overlap in (0, 7)] == [(1.0,), (0.0,)]
    told: list[str] = []
    orn.fit(x, marginals="gaussian", folds=0, overlap=7, progress=told.append)
    assert any("marginals: 0 of 1 curves are bent" in line for line in told), told
    assert gaussianised(x[:12], "channel", overlap=7)[1] == (0.0,)
    assert [gaussianised(normal(37, seed=k).unfold(0, 8, 1).unsqueeze(1), "channel", overlap=7)[1] for k in (2, 3, 5)] == [(0.0,)] * 3
