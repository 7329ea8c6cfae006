"""Tables of models against densities that are known, and novelty of copies."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from kinds import mixture, normal
from ornstein.metrics import compare_models, novelty

LAW = mixture()
TRAIN, TEST = 5 * LAW.sample(600, seed=1) + 2, 5 * LAW.sample(300, seed=2) + 2


def test_the_table_is_paired_and_sorted() -> None:
    models = {"kernel": orn.fit(TRAIN, "empirical", folds=0)}
    table = orn.compare(models, TEST, train=TRAIN)
    assert {s.name for s in table.scores} == {"kernel", "gaussian", "mixture"}
    nats = [s.nats.value for s in table.scores]
    assert nats == sorted(nats, reverse=True)
    assert table.scores[0].name == "mixture"
    for score in table.scores[1:]:
        apart = table.densities[score.name].value - table.densities["mixture"].value
        assert score.difference is not None
        assert score.difference.value == pytest.approx(float(apart.mean()))
        assert score.difference.error == pytest.approx(float(apart.std()) / 300**0.5)
    truth = orn.Model(LAW, orn.fit(TRAIN, "gaussian", folds=0).scaler)
    assert "mixture" in str(table)
    assert truth.event_shape == (2, 3)


def test_without_the_fitted_cases_the_moments_stand_in() -> None:
    model = orn.fit(TRAIN, "mixture", folds=0)
    table = compare_models({"mine": model}, TEST)
    assert [s.name for s in table.scores] == ["mine", "gaussian"]
    assert compare_models({"gaussian": orn.fit(TRAIN, folds=0)}, TEST).scores[0].difference is None


def test_notes() -> None:
    twice = torch.cat([TEST[:5], TEST[:2]])
    assert any("2 cases equal" in note for note in compare_models({"m": orn.fit(TRAIN, folds=0)}, twice).notes)


def test_supports_must_agree() -> None:
    flat = TRAIN - TRAIN.mean((1, 2), keepdim=True)
    thin, full = orn.fit(flat, "gaussian", shrinkage="none", standardize="none", folds=0), orn.fit(TRAIN, "gaussian", folds=0)
    with pytest.raises(orn.InputError, match="supports of different dimension"):
        compare_models({"thin": thin, "full": full}, flat)


def test_other_signals() -> None:
    one = orn.fit(orn.Signals(TRAIN, 1.0, ("a", "b"), ("mV", "mV")), folds=0)
    two = orn.fit(orn.Signals(TRAIN, 1.0, ("a", "b"), ("V", "V")), folds=0)
    with pytest.raises(orn.InputError, match="different units"):
        compare_models({"one": one, "two": two}, TEST)
    with pytest.raises(orn.InputError, match="channel"):
        compare_models({"one": one}, orn.Signals(TEST, 1.0, ("c", "d"), ("mV", "mV")))
    with pytest.raises(orn.InputError, match="models is empty"):
        compare_models({}, TEST)
    with pytest.raises(orn.InputError, match="compare like with like"):
        compare_models({"one": one, "short": orn.fit(TRAIN[..., :2], folds=0)}, TEST)


def test_copies_are_not_new() -> None:
    """Draws of the law are as far from the fitted cases as held-out ones; copies with a little noise are nearer than any."""
    x = normal(900, 8)
    fitted, held, fresh = x[:300], x[300:600], x[600:]
    honest = novelty(fresh, fitted, held)
    assert float(honest.p_value.mean()) == pytest.approx(0.5, abs=0.1)
    copied = novelty(fitted[:50] + 1e-3, fitted, held)
    assert float(copied.p_value.max()) == pytest.approx(1 / 301)
    assert float(copied.generated.max()) == pytest.approx(1e-3, rel=1e-2)
    with pytest.raises(orn.InputError, match="one shape"):
        novelty(fresh, fitted[:, :3], held)
