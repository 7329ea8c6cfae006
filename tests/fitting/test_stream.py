"""Fits from moments alone: the model of the in-memory fit, from any source, without holding the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dask.array
import numpy as np
import pytest
import torch
import zarr
from torch import Tensor

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Gaussian
from ornstein.model import Model


def data(channels: int = 2, length: int = 6, offset: float = 5.0) -> Tensor:
    """(40, channel, time): channels of very different size; the first entry of channel 0 is constant."""
    x = torch.cat([ornstein_uhlenbeck(40, length, 3.0, seed=c).values for c in range(channels)], 1)
    x = (x * torch.tensor([[1.0], [250.0]])[:channels] + offset).float().double()
    x[:, 0, 0] = offset
    return x


def same(found: Model, want: Model, x: Tensor) -> None:
    """Equal moments to 1e-10 of the deviations, and equal log-densities."""
    deviation = x.flatten(1).std(0).max()
    torch.testing.assert_close(found.mean(), want.mean(), rtol=1e-15, atol=1e-10 * float(deviation))
    a, b = found.covariance().dense(), want.covariance().dense()
    scale = b.diagonal().clamp_min(1e-6 * float(b.diagonal().max())).sqrt()
    assert float(((a - b) / torch.outer(scale, scale)).abs().max()) < 1e-10
    torch.testing.assert_close(found.log_prob(x), want.log_prob(x), rtol=1e-8, atol=1e-8)
    assert found.reference is None


def mapped(x: Tensor, folder: Path) -> object:
    np.save(folder / "x.npy", x.numpy())
    return np.load(folder / "x.npy", mmap_mode="r")


def stored(x: Tensor, folder: Path) -> object:
    array = zarr.create_array(str(folder / "x.zarr"), shape=tuple(x.shape), chunks=(7, *x.shape[1:]), dtype="f8")
    array[:] = x.numpy()
    return array


@pytest.mark.parametrize("structure", ["dense", "diagonal"])
@pytest.mark.parametrize("standardize", ["channel", "feature", "none"])
@pytest.mark.parametrize("offset", [5.0, 1e6])
def test_the_same_model_as_in_memory(structure: str, standardize: str, offset: float) -> None:
    x = data(offset=offset)
    want = orn.fit(x, structure=structure, standardize=standardize, folds=0)
    same(orn.fit(iter(x.split(9)), structure=structure, standardize=standardize), want, x)


@pytest.mark.parametrize("length", [8, 9])
@pytest.mark.parametrize("standardize", ["channel", "none"])
@pytest.mark.parametrize("axis", [True, False])
def test_a_stationary_model(length: int, standardize: str, axis: bool) -> None:
    x = data(1, length) if axis else data(1, length)[:, 0]
    want = orn.fit(x, structure="stationary", standardize=standardize, folds=0)
    same(orn.fit(x, structure="stationary", standardize=standardize, engine="local"), want, x)


@pytest.mark.parametrize("shrinkage", ["oas", "none", "nonlinear", 0.25])
def test_shrinkage_from_moments(shrinkage: str | float) -> None:
    x = data()[:, :, 1:]
    same(orn.fit(iter([x]), shrinkage=shrinkage), orn.fit(x, shrinkage=shrinkage, folds=0), x)


@pytest.mark.parametrize(
    ("source", "engine"),
    [
        (mapped, "local"),
        (stored, None),
        (lambda x, _: x, "local"),
        (lambda x, _: iter(x.split(7)), None),
        (lambda x, _: dask.array.from_array(x.numpy(), chunks=(9, 1, 3)), None),
        (lambda x, _: dask.array.from_array(x.numpy(), chunks=(9, 1, 3)), "dask"),
    ],
)
def test_sources_and_engines(source: Callable[[Tensor, Path], object], engine: str | None, tmp_path: Path) -> None:
    x = data()
    same(orn.fit(source(x, tmp_path), engine=engine), orn.fit(x, folds=0), x)


def test_names_and_units_come_along() -> None:
    x = orn.Signals(data(), rate=250.0, channels=("Fz", "Cz"), units=("mV", "µV"))
    for source in (x, iter([x[:20], x[20:]])):
        model = orn.fit(source, engine="local")
        assert (model.channels, model.units, model.rate) == (x.channels, x.units, x.rate)
    swapped = orn.Signals(x.values, rate=250.0, channels=("Cz", "Fz"), units=("mV", "µV"))
    with pytest.raises(InputError, match=r"batch 2 has \(channels, units, rate\) .*'Cz', 'Fz'.* but those before it have"):
        orn.fit(iter([x, swapped]))


def test_a_streamed_model_is_saved_and_sampled(tmp_path: Path) -> None:
    model = orn.fit(iter(data().split(9)))
    model.save(tmp_path / "model")
    assert torch.equal(orn.load(tmp_path / "model").sample(3), model.sample(3))


def test_half_a_million_samples_per_signal() -> None:
    """A stationary law where no matrix fits: its spectrum is flat because the data are white."""
    size = 500_000

    def recordings() -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(1)
        for _ in range(4):
            yield 3 * torch.randn(1, size, generator=generator) + 7

    model = orn.fit(recordings(), structure="stationary")
    assert model.event_shape == (size,)
    # the mean of four takes a quarter of the variance; the standard error is 9 sqrt(2 * 3 / 4^2 / size) = 0.008, and 6 are allowed
    assert float(model.covariance().diagonal().mean()) == pytest.approx(9 * 3 / 4, abs=0.05)
    assert bool(torch.isfinite(model.log_prob(model.sample(1))).all())


def test_what_needs_all_cases_at_once_is_refused() -> None:
    x = data()
    gap = x.clone()
    gap[3, 0, 1] = torch.nan
    for arguments, message in [
        ({"model": "mixture"}, "model is 'mixture', but data read piece by piece allow only 'gaussian': load x into memory"),
        ({"model": Gaussian(x[0], orn.covariance.Diagonal(torch.ones(12)))}, "model is Gaussian, but"),
        ({"model": "mixture", "components": 2}, "model is 'mixture'"),
        ({"components": 2}, "components belongs to model 'mixture'"),
        ({"structure": "low-rank"}, "structure is 'low-rank', but data read piece by piece allow only dense, diagonal, stationary"),
        ({"structure": "stationary"}, r"signals of shape \(2, 6\), but read piece by piece structure 'stationary' is for one channel"),
        ({"structure": "stationary", "standardize": "feature"}, "standardize is 'feature', but"),
        ({"standardize": "chanel"}, "did you mean 'channel'"),
        ({"shrinkage": "ledoit-wolf"}, "shrinkage 'ledoit-wolf' needs all cases at once"),
        ({"shrinkage": "osa"}, "did you mean 'oas'"),
        ({"rank": 2}, "rank belongs to structure 'low-rank'"),
        ({"engine": "spark"}, "engine is 'spark', but must be one of dask, local, torch"),
    ]:
        with pytest.raises(InputError, match=message):
            orn.fit(iter(x.split(9)), **arguments)
    with pytest.raises(InputError, match="batch 1 holds 1 missing value"):
        orn.fit(iter([gap]))
    with pytest.raises(InputError, match="x holds 1 case, but a covariance needs at least 2"):
        orn.fit(iter([x[:1]]))
    with pytest.raises(InputError, match=r"20000 x 20000 matrix \(3.0 GiB\)"):
        orn.fit(iter([torch.zeros(2, 20_000)]))
