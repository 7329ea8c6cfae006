"""Tables of models against densities that are known, and novelty of copies."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from kinds import mixture, normal
from ornstein.metrics import compare_models, novelty

LAW = mixture()
TRAIN, TEST = 5 * LAW.sample(300, seed=1) + 2, 5 * LAW.sample(150, seed=2) + 2
FEW = TEST[:9]
"""Too few for a mixture of their own, whose search takes most of the seconds."""


def test_the_table_is_paired_and_sorted() -> None:
    models = {"kernel": orn.fit(TRAIN, "empirical", folds=0)}
    table = orn.compare(models, TEST, train=TRAIN[:120])
    assert {s.name for s in table.scores} == {"kernel", "gaussian", "mixture"}
    nats = [s.nats.value for s in table.scores]
    assert nats == sorted(nats, reverse=True)
    assert table.scores[0].name == "mixture"
    for score in table.scores[1:]:
        apart = table.densities[score.name].value - table.densities["mixture"].value
        assert score.difference is not None
        assert score.difference.value == pytest.approx(float(apart.mean()))
        assert score.difference.error == pytest.approx(float(apart.std()) / 150**0.5)
    truth = orn.Model(LAW, orn.fit(TRAIN, "gaussian", folds=0).scaler)
    assert "mixture" in str(table)
    assert truth.event_shape == (2, 3)


def test_without_the_fitted_cases_the_moments_stand_in() -> None:
    model = orn.fit(TRAIN, "mixture", components=3, folds=0)
    table = compare_models({"mine": model}, TEST)
    assert [s.name for s in table.scores] == ["mine", "gaussian"]
    assert compare_models({"gaussian": orn.fit(TRAIN, folds=0)}, FEW).scores[0].difference is None


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
        compare_models({"one": one}, orn.Signals(FEW, 1.0, ("c", "d"), ("mV", "mV")))
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


def test_a_mixture_is_always_there() -> None:
    """Without the fitted cases it is fitted to the other folds of x, so no case is scored by a law that has seen it."""
    table = compare_models({"kernel": orn.fit(TRAIN, "empirical", folds=0)}, TEST[:50])
    assert {s.name for s in table.scores} == {"kernel", "gaussian", "mixture"}
    assert any("mixture: fitted to four fifths of x at a time" in note for note in table.notes)
    scored = table.densities["mixture"].value
    first = orn.fit(TEST[10:50], "mixture", folds=0).log_prob(TEST[:10])
    assert torch.allclose(scored[:10], first)
    few = compare_models({"kernel": orn.fit(TRAIN, "empirical", folds=0)}, TEST[:10])
    assert any("mixture: not in the table" in note for note in few.notes)


def test_supports_of_one_dimension_that_differ() -> None:
    """Means of 0 and of 1: each is impossible under the other."""
    flat = TRAIN - TRAIN.mean((1, 2), keepdim=True)
    one, other = (orn.fit(x, shrinkage="none", standardize="none", folds=0) for x in (flat, flat + 1))
    with pytest.raises(orn.InputError, match="different supports of 5 dimensions"):
        compare_models({"one": one, "other": other}, flat)
    assert compare_models({"one": one, "same": one}, flat[:9]).scores[1].difference is not None


def test_rounded_values_are_said_and_declared() -> None:
    rough, held = (0.5 * (v / 0.5).round() for v in (TRAIN, TEST))
    kinds = {"gaussian": {}, "mixture": {"components": 2}, "empirical": {}}
    models = {kind: orn.fit(rough, kind, folds=0, **options) for kind, options in kinds.items()}
    noted = compare_models(models, held)
    assert any("x is rounded to 0.5, and a density" in note and "step=0.5" in note for note in noted.notes)
    declared = compare_models(models, held[:40], train=rough, step=0.5)
    assert not any("rounded" in note for note in declared.notes)
    assert all(score.bits.value > 0 for score in declared.scores)


def test_models_of_symbols() -> None:
    """Bits with a beat: independent sites and a mixture join; the mixture knows the beat, log 3 nats a case."""
    phase = torch.randint(3, (200, 1), generator=torch.Generator().manual_seed(0))
    bits = ((torch.arange(6) - phase) % 3 == 0).double()
    model = orn.fit(bits[:100], "binary", law="markov")
    table = orn.compare({"chain": model}, bits[100:], train=bits[:100])
    assert [s.name for s in table.scores] == ["mixture", "chain", "independent"]
    assert table.scores[0].nats.value == pytest.approx(-1.1, abs=0.1)
    assert {s.name for s in orn.compare({"chain": model}, bits[100:]).scores} == {"chain", "mixture", "independent"}
    with pytest.raises(orn.InputError, match="differ in units"):
        orn.compare({"chain": model, "signals": orn.fit(bits, folds=0)}, bits)
    with pytest.raises(orn.InputError, match="different symbols"):
        orn.compare({"chain": model, "more": orn.fit(bits, "categorical", law="markov", states=3)}, bits)
    with pytest.raises(orn.InputError, match="leave it out"):
        orn.compare({"chain": model}, bits, step=1.0)


def test_every_row_is_in_the_units_and_the_channels_of_the_models() -> None:
    """Signals in volts, their channels the other way round, against models in millivolts: the same table, marks and all."""
    names = {"rate": 1.0, "channels": ("a", "b")}
    model = orn.fit(orn.Signals(TRAIN, **names, units=("mV", "mV")), "empirical", folds=0)
    own = orn.Signals(TEST[:24], **names, units=("mV", "mV"))
    volts = orn.Signals(1e-3 * TEST[:24].flip(1), 1.0, ("b", "a"), ("V", "V"))
    for train in (None, orn.Signals(1e-3 * TRAIN[:40].flip(1), 1.0, ("b", "a"), ("V", "V"))):
        same = None if train is None else orn.Signals(TRAIN[:40], **names, units=("mV", "mV"))
        one, other = orn.compare({"kernel": model}, own, train=same), orn.compare({"kernel": model}, volts, train=train)
        assert {s.name for s in one.scores} == {"kernel", "gaussian", "mixture"}
        for name, density in one.densities.items():
            assert torch.allclose(other.densities[name].value, density.value, atol=1e-6), name
    with pytest.raises(orn.InputError, match=r"the fitted cases, train \(--fitted\): x has the channels a, but the model needs b too"):
        orn.compare({"kernel": model}, own, train=orn.Signals(TRAIN[:, :1], 1.0, ("a",), ("mV",)))
    with pytest.raises(orn.InputError, match="x holds 1 case, but a comparison with standard errors needs at least 2"):
        orn.compare({"kernel": model}, TEST[:1])


def test_cases_that_share_samples_are_counted_together_and_kept_from_the_folds() -> None:
    """Every case three times: errors of the copies alone are too small by the root of three, and no choice is made by one."""
    thrice = TEST[:20].repeat_interleave(3, 0) + 1e-3 * normal(60, 2, 3, seed=9)
    model = orn.fit(TRAIN, "empirical", folds=0)
    plain, shared = (orn.compare({"kernel": model}, thrice, overlap=k) for k in (0, 2))
    errors = [next(s for s in table.scores if s.name == "kernel").nats.error for table in (plain, shared)]
    alone = float(model.log_prob(TEST[:20]).std()) / 20**0.5
    assert errors[0] == pytest.approx(alone / 3**0.5, rel=0.02)
    assert errors[1] > 1.3 * errors[0]
    levels = [float(table.densities["mixture"].value.mean()) for table in (plain, shared)]
    assert levels[1] > levels[0] + 5, "a choice that meets copies of what it fitted takes components for them"


def test_a_mark_that_cannot_be_fitted_is_left_out_and_that_is_said() -> None:
    again = TEST[:12].repeat(4, 1, 1)
    table = orn.compare({"kernel": orn.fit(TRAIN, "empirical", folds=0)}, again)
    assert {s.name for s in table.scores} == {"kernel", "gaussian"}
    assert any(
        note.startswith("mixture: not in the table, since it cannot be fitted") and "12 different ones" in note for note in table.notes
    )
