"""Collections of aeon: its own conversions of data sets that it ships, in an environment of its own (the Makefile says how)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ornstein import fit, read

aeon = pytest.importorskip("aeon", reason="aeon needs numba, whose NumPy is older than the one pinned here; the Makefile says how")


@pytest.mark.parametrize("kind", ["numpy3D", "np-list", "df-list", "pd-multiindex", "numpy2D", "pd-wide"])
def test_collections_of_one_length(kind: str) -> None:
    from aeon.datasets import load_basic_motions
    from aeon.utils.conversion import convert_collection

    x, _ = load_basic_motions(split="train")
    x = x[:, :1] if kind in ("numpy2D", "pd-wide") else x
    found = convert_collection(x, kind)
    assert np.array_equal(read(found).values.numpy(), x)
    assert fit(found, structure="diagonal", folds=0).log_density(found).value.shape == (40,)


@pytest.mark.parametrize("kind", ["np-list", "df-list"])
def test_collections_of_many_lengths(kind: str) -> None:
    from aeon.datasets import load_japanese_vowels
    from aeon.utils.conversion import convert_collection

    x, _ = load_japanese_vowels(split="train")
    found = read(convert_collection(x[:40], kind))
    for one, values in zip(x, found.values, strict=False):
        assert np.array_equal(values[:, : one.shape[1]].numpy(), one)
        assert bool(torch.isnan(values[:, one.shape[1] :]).all())
    assert fit(convert_collection(x[:40], kind), structure="diagonal", folds=0).event_shape == found.shape[1:]
