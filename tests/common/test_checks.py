"""Checks and errors: every odd thing becomes a clean tensor or one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ornstein.common import checks
from ornstein.common.errors import InputError, OrnsteinError, RunError, unknown_name

PLAIN = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "value",
    [
        PLAIN,
        PLAIN.tolist(),
        PLAIN.astype(">f8"),
        PLAIN.astype(np.float16),
        PLAIN.astype(np.longdouble),
        PLAIN.astype(np.uint16),
        PLAIN.astype(np.uint64),
        np.asfortranarray(PLAIN),
        PLAIN[::-1, ::-1].copy()[::-1, ::-1],
        np.broadcast_to(PLAIN, (2, 3)),
        np.ma.masked_array(PLAIN),
        torch.from_numpy(PLAIN).requires_grad_(),
        torch.from_numpy(PLAIN).bfloat16(),
    ],
)
def test_every_kind_of_array_of_numbers(value: object) -> None:
    x = checks.tensor(value, "x", ndim=(2,))
    assert x.dtype == torch.float64
    assert not x.requires_grad
    assert torch.equal(x, torch.from_numpy(PLAIN))


def test_masked_entries_are_missing() -> None:
    masked = np.ma.masked_array([1, 2, 3], mask=[False, True, False])
    assert torch.equal(checks.tensor(masked, "x", missing=True).isnan(), torch.tensor([False, True, False]))
    with pytest.raises(InputError, match="1 NaN value, first at index"):
        checks.tensor(masked, "x")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([[1, 2], [3]], "x has rows of different lengths"),
        (["a", "b"], "x holds words, but must hold numbers"),
        ([None, 1], "x holds None beside or in place of numbers: write NaN"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), "must hold numbers"),
        ([1j], "x is complex"),
        (torch.tensor([1j]), "x is complex"),
        ([torch.ones(1, requires_grad=True)], "cannot be turned into an array"),
        ([1.0, float("nan"), float("nan")], r"x holds 2 NaN values, first at index \(1,\): impute or drop them first"),
        ([[0.0, -float("inf")]], r"x holds 1 infinite value, first at index \(0, 1\)"),
    ],
)
def test_no_numbers(value: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        checks.tensor(value, "x")


def test_number_of_axes() -> None:
    with pytest.raises(InputError, match=r"x has 1 axes \(3,\), but must have 2 or 3: reshape it first"):
        checks.tensor([1, 2, 3], "x", ndim=(2, 3))
    assert checks.tensor([], "x").shape == (0,)


def test_infinity_is_never_missing_and_large_sums_are_fine() -> None:
    with pytest.raises(InputError, match="infinite"):
        checks.tensor([float("nan"), float("inf")], "x", missing=True)
    assert checks.tensor([1.7e308, 1.7e308], "x", largest=1.8e308).shape == (2,)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "a", None, 10**400, torch.ones(2), 1j])
def test_not_positive(value: float) -> None:
    with pytest.raises(InputError, match="rate is"):
        checks.positive(value, "rate")


def test_positive() -> None:
    assert checks.positive(float(np.float32(0.5)), "rate") == 0.5
    assert checks.positive(0, "noise", zero=True) == 0


@pytest.mark.parametrize("value", [0, -3, 1.0, True, "1", None, np.float64(2), 11])
def test_not_a_count(value: object) -> None:
    with pytest.raises(InputError, match=r"n is .* but must be a whole number of at least 1 and at most 10"):
        checks.count(value, "n", at_most=10)


def test_count() -> None:
    assert checks.count(np.int32(3), "n") == 3
    assert checks.count(0, "n", at_least=0) == 0


def test_errors_are_also_the_errors_that_python_code_expects() -> None:
    assert issubclass(InputError, ValueError | OrnsteinError)
    assert issubclass(RunError, RuntimeError | OrnsteinError)
    assert str(unknown_name("law", "gausian", ("mixture", "gaussian"))) == (
        "law is 'gausian', but must be one of gaussian, mixture; did you mean 'gaussian'?"
    )
    assert "did you mean" not in str(unknown_name("law", "xyz", ("mixture", "gaussian")))
