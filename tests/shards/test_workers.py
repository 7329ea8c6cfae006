"""What a cluster calls: pickled by path, a dict of arrays in and out, the answers of the model itself."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch

import ornstein as orn
from ornstein.common.random import Noise

X = Noise(1).normal(60, (2, 6)).cumsum(-1)
GAPPY = torch.where(Noise(2).uniform(60, (2, 6)) < 0.3, math.nan, X)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return orn.fit(X).save(tmp_path_factory.mktemp("shards") / "m.model")


def test_a_scorer_says_what_the_model_says(folder: Path) -> None:
    model = orn.load(folder)
    scorer = pickle.loads(pickle.dumps(orn.Scorer(folder)))
    found = scorer({"signals": X.numpy(), "patient": np.arange(60)})
    assert sorted(found) == ["log_prob", "p_value", "patient"]
    np.testing.assert_allclose(found["log_prob"], model.log_prob(X).numpy(), rtol=1e-12)
    np.testing.assert_array_equal(found["p_value"], model.surprise(X).p_value)
    assert len(pickle.dumps(scorer)) < 500  # the path, not the model


def test_the_only_column_of_their_shape_holds_the_signals(folder: Path) -> None:
    rows = np.empty(60, dtype=object)
    rows[:] = list(X.numpy())
    for column in (X.numpy(), rows):  # an array, and a column of arrays
        found = orn.Scorer(folder)({"x": column, "age": np.arange(60.0)})
        np.testing.assert_array_equal(found["log_prob"], orn.Scorer(folder, signals="x")({"x": X.numpy()})["log_prob"])


def test_an_imputer_fills_by_the_median_and_its_band(folder: Path) -> None:
    low, middle, high = orn.load(folder).quantiles(GAPPY, (0.1, 0.5, 0.9))
    found = orn.Imputer(folder, levels=(0.1, 0.9))({"signals": GAPPY.numpy()})
    for name, expected in (("low", low), ("filled", middle), ("high", high)):
        np.testing.assert_allclose(found[name], expected.numpy(), rtol=1e-12)
    seen = ~GAPPY.isnan().numpy()
    assert (found["filled"][seen] == X.numpy()[seen]).all()


def test_a_drawer_draws_signals_by_their_numbers(folder: Path) -> None:
    whole = orn.load(folder).sample(12, seed=3).numpy()
    found = orn.Drawer(folder, seed=3)({"case": np.array([4, 5, 6, 0, 11, 11])})
    np.testing.assert_allclose(found["signals"], whole[[4, 5, 6, 0, 11, 11]], rtol=1e-12)


def test_under_dask(folder: Path) -> None:
    scorer = orn.Scorer(folder)
    blocks = da.from_array(X.numpy(), chunks=(17, 2, 6))
    lazy = blocks.map_blocks(lambda block: scorer({"signals": block})["log_prob"], drop_axis=(1, 2), dtype=float, meta=np.empty(0))
    found = [lazy.compute(scheduler="threads", num_workers=count) for count in (1, 2, 4)]
    np.testing.assert_allclose(found[0], orn.load(folder).log_prob(X).numpy(), rtol=1e-12)
    assert all(np.array_equal(one, found[0]) for one in found)


def test_under_rays_convention(folder: Path) -> None:
    """``map_batches`` of a class: it is made in the actor from pickled arguments, and called with batches of columns."""
    kind, arguments = pickle.loads(pickle.dumps((orn.Scorer, (str(folder),))))
    actor = kind(*arguments)
    parts = [actor({"signals": X.numpy()[i : i + 25]})["log_prob"] for i in range(0, 60, 25)]
    np.testing.assert_allclose(np.concatenate(parts), orn.load(folder).log_prob(X).numpy(), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own, of many kinds
def test_under_ray_itself(folder: Path) -> None:
    """Where the extra ``ray`` is installed: one node of one core, and the same bits as without it."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False, object_store_memory=80_000_000, log_to_driver=False)
    try:
        data = ray.data.from_numpy(X.numpy())
        found = data.map_batches(orn.Scorer, fn_constructor_args=(str(folder),), batch_size=25, concurrency=1).to_pandas()
    finally:
        ray.shutdown()
    assert np.array_equal(np.sort(found["log_prob"].to_numpy(dtype=float)), np.sort(orn.Scorer(folder)({"signals": X.numpy()})["log_prob"]))


def test_a_folder_that_changed_is_refused(tmp_path: Path) -> None:
    scorer = orn.Scorer(orn.fit(X, folds=0).save(tmp_path / "m"))
    assert set(scorer({"signals": X.numpy()})) == {"log_prob"}
    orn.fit(2 * X, folds=0).save(tmp_path / "m", force=True)
    with pytest.raises(orn.InputError, match="has changed since this Scorer was made: make it again"):
        scorer({"signals": X.numpy()})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda f: orn.Scorer(f)({"a": X.numpy(), "b": X.numpy()}), r"and 2 of them hold signals of shape \(2, 6\): say which"),
        (lambda f: orn.Scorer(f)({"a": np.arange(3.0)}), "and 0 of them hold signals"),
        (lambda f: orn.Scorer(f, signals="ecg")({"a": X.numpy()}), "signals is 'ecg', but the batch has the columns a"),
        (lambda f: orn.Scorer(f)({"signals": X.numpy()[:, :1]}), "this model holds signals of shape"),
        (lambda f: orn.Imputer(f, levels=(0.9, 0.1)), "must be two numbers with 0 < low < high < 1"),
        (lambda f: orn.Drawer(f)({"n": np.arange(3)}), "draws need 'case'"),
        (lambda f: orn.Drawer(f)({"case": np.array([-1])}), "whole numbers from 0"),
        (lambda f: orn.Drawer(f)({"case": np.array([0.5])}), "whole numbers from 0"),
        (lambda f: orn.Scorer(f / "no"), "does not exist"),
    ],
)
def test_bad_input(folder: Path, call: object, says: str) -> None:
    with pytest.raises(orn.InputError, match=says):
        call(folder)  # type: ignore[operator]
