"""A summary of parts is the summary of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ornstein.common.errors import InputError
from ornstein.shards import Summary
from ornstein.shards.summary import ERROR

RNG = np.random.default_rng(0)
VALUES = np.concatenate([RNG.standard_normal(4000) * 30 - 5, -np.exp(RNG.standard_normal(1000) * 4), [0.0, -np.inf, 1e-280]])


def summed(*parts: np.ndarray) -> Summary:
    whole, offset = Summary(5), 0
    for part in parts:
        whole.add(part, "a", offset)
        offset += len(part)
    return whole


def test_parts_add_up_to_the_whole() -> None:
    whole, parts = summed(VALUES), summed(VALUES[:7], VALUES[7:7], VALUES[7:3000], VALUES[3000:])
    assert (parts.bins, parts.least, parts.count, parts.infinite) == (whole.bins, whole.least, len(VALUES) - 1, 1)
    finite = VALUES[np.isfinite(VALUES)]
    for found in (whole, parts):
        assert found.mean == pytest.approx(finite.mean(), rel=1e-12)
        assert found.deviation == pytest.approx(finite.std(ddof=1), rel=1e-12)


def test_quantiles_are_within_their_error() -> None:
    found, ordered = summed(VALUES), np.sort(VALUES[np.isfinite(VALUES)])
    for level in (0.0, 0.01, 0.3, 0.5, 0.77, 0.999, 1.0):
        exact = ordered[int(level * (len(ordered) - 1))]
        assert abs(found.quantile(level) - exact) <= 1.0001 * ERROR * abs(exact)


def test_the_least_are_found_with_their_places() -> None:
    order = np.argsort(VALUES)[:5]
    assert summed(VALUES[:100], VALUES[100:]).least == [(VALUES[i], "a", i) for i in order]


def test_numbers_of_every_size_have_a_bin_of_their_own() -> None:
    """Also zeros of both signs, the largest and the smallest numbers."""
    values = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-300, -1e300, 1.7e308, 1.0, -1.0])
    for value in values:
        assert abs(summed(np.array([value])).quantile(0.5) - value) <= max(ERROR * abs(value), 1e-310)
    assert [summed(np.array([-2.0, -1.0, 0.0, 1e-9, 3.0])).quantile(k / 4) < 0 for k in range(5)] == [True, True, False, False, False]


def test_nothing_is_listed_where_nothing_is_asked_for() -> None:
    whole = Summary(0)
    whole.add(VALUES, "a", 0)
    whole.add(VALUES, "b", 0)
    assert (whole.least, whole.count) == ([], 2 * len(VALUES) - 2)


def test_nothing_added() -> None:
    assert Summary().described()["quantiles"] == {}
    assert math.isnan(Summary().deviation)
    with pytest.raises(InputError, match="no finite value was added"):
        Summary().quantile(0.5)
    with pytest.raises(InputError, match=r"level is 2, but must lie in \[0, 1\]"):
        summed(VALUES).quantile(2.0)
