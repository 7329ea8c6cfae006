"""Labels and conditions: from whatever a person has to what a network sees, and one sentence for what does not fit."""

import pytest
import torch

import ornstein as orn
from ornstein.fitting.conditions import Conditions


def told(**known):
    """(what a model of 60 signals knows of conditions, those of its cases)."""
    return Conditions.fit(known.get("labels"), known.get("condition"), 60)


def test_conditions_are_standardised_in_the_users_units():
    generator = torch.Generator().manual_seed(0)
    vector = 1000 + 50 * torch.randn(60, 2, generator=generator)
    vector[4, 1] = torch.nan
    conditions, given = told(condition=vector)
    torch.testing.assert_close(given.vector.nanmean(0), torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)
    assert bool(torch.isnan(given.vector[4, 1]))
    again = conditions.given(condition=vector[7])
    torch.testing.assert_close(again.vector, given.vector[7:8])
    other = 300 + torch.randn(60, 2, 8, generator=generator)
    conditions, given = told(condition=other, labels=[0, 1, -1] * 20)
    assert given.signal.shape == (60, 2, 8)
    assert given.label.tolist()[:3] == [0, 1, -1]
    torch.testing.assert_close(conditions.given(label=1, condition=other[3]).signal, given.signal[3:4])
    assert conditions.given(label=[0, 1], cases=2).label.tolist() == [0, 1]
    scalar, _ = told(condition=torch.arange(60.0))
    torch.testing.assert_close(scalar.given(condition=29.5).vector, torch.zeros(1, 1, dtype=torch.float64))


def test_labels_may_be_numbers_words_or_partly_unknown():
    conditions, given = told(labels=torch.tensor([2, 0, 1] * 20))
    assert (conditions.classes, conditions.names) == (3, ())
    conditions, given = told(labels=["b", "a", ""] * 20)
    assert (conditions.classes, conditions.names) == (2, ("a", "b"))
    assert given.label.tolist()[:3] == [1, 0, -1]
    assert conditions.given(label="b").label.tolist() == [1]
    _, given = told(labels=[1.0, float("nan"), 0.0] * 20)
    assert given.label.tolist()[:3] == [1, -1, 0]
    _, given = told(condition=[1, 0] * 30)
    assert given.label.tolist()[:2] == [1, 0]


@pytest.mark.parametrize(
    ("labels", "classes", "names", "numbers", "says"),
    [
        ([-1, 1], 2, ("-1", "1"), [0, 1], "class of its own"),
        ([1, 2], 2, ("1", "2"), [0, 1], ""),
        ([2, 0], 2, ("0", "2"), [1, 0], ""),
        ([0.0, 1.0], 2, (), [0, 1], ""),
        ([True, False], 2, (), [1, 0], ""),
        ([-1, 0], 1, (), [-1, 0], "30 cases count as without a class"),
        ([float("nan"), -1.0, 1.0], 2, ("-1", "1"), [-1, 0, 1], "class of its own"),
        (["2", "10"], 2, ("10", "2"), [1, 0], ""),
        ([0, 10**9], 2, ("0", "1000000000"), [0, 1], ""),
    ],
)
def test_classes_are_those_that_occur(labels, classes, names, numbers, says):
    """-1 means "not known" beside a class 0 and nowhere else; a class that no case had is no class."""
    conditions, given = told(labels=labels * (60 // len(labels)))
    assert (conditions.classes, conditions.names) == (classes, names)
    assert given.label.tolist()[: len(numbers)] == numbers
    assert (says in conditions.assumed) if says else not conditions.assumed
    again = conditions.given(label=labels, cases=len(labels))
    assert again.label.tolist() == numbers
    with pytest.raises(orn.InputError, match="label is 7, but"):
        conditions.given(label=7)


def test_no_class_at_all():
    for labels in ([-1] * 60, [float("nan")] * 60, [""] * 60):
        with pytest.raises(orn.InputError, match="holds no class at all"):
            told(labels=labels)
    for labels in ([0.5, 1] * 30, [float("inf"), 1] * 30, [2.0**60, 1] * 30):
        with pytest.raises(orn.InputError, match="must hold whole numbers or words"):
            told(labels=labels)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"label": 2}, "label is 2, but the model knows classes 0 to 1"),
        ({"label": "walk"}, "classes without names"),
        ({"label": [0, 1, 0]}, "3 rows, but 2 signals"),
        ({"label": -3}, "holds -3"),
        ({"condition": torch.zeros(1, 3)}, r"condition has shape \(1, 3\), but the model takes \(case, 2\)"),
        ({"condition": torch.zeros(1, 1, 8)}, "a signal, but the model was fitted without"),
    ],
)
def test_conditions_that_do_not_fit_the_model(given, says):
    conditions, _ = told(labels=[0, 1] * 30, condition=torch.randn(60, 2))
    with pytest.raises(orn.InputError, match=says):
        conditions.given(cases=2, **given)


def test_words_that_are_no_class():
    conditions, _ = told(labels=["run", "rest"] * 30)
    with pytest.raises(orn.InputError, match="did you mean 'rest'"):
        conditions.given(label="rst")
