"""Moments piece by piece: the same to 1e-12 of the variances whatever the source, the engine, the order and the size of the pieces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array
import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
import zarr
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import ornstein as orn
from ornstein.common.errors import InputError, RunError
from ornstein.common.random import Noise
from ornstein.covariance import (
    Accumulator,
    SpectrumAccumulator,
    VarianceAccumulator,
    accumulate,
    accumulate_spectrum,
    accumulate_variances,
    batches,
)

KINDS = [Accumulator, VarianceAccumulator, SpectrumAccumulator]
BY_KIND: dict[type, Callable[..., Any]] = dict(zip(KINDS, [accumulate, accumulate_variances, accumulate_spectrum], strict=True))
CASES = 90


def signals(cases: int = CASES, offset: float = 0.0) -> Tensor:
    """(case, 2, 5) with correlations, two very different channels and, rounded to float32, no bits that float32 lacks."""
    x = Noise(3).normal(cases, (10,)) @ (torch.eye(10, dtype=torch.float64) + 0.7 * Noise(4).normal(10, (10,)))
    return (x.view(cases, 2, 5) * torch.tensor([[1.0], [64.0]]) + offset).float().double()


def exact(kind: type, x: Tensor) -> np.ndarray:
    """The moments by NumPy in extended precision, from differences that float64 holds exactly."""
    rows = x.flatten(1).numpy()
    centred = (rows - rows[0]).astype(np.longdouble)
    centred = centred - centred.mean(0)
    matrix = (centred.T @ centred / len(rows)).astype(np.float64)
    if kind is Accumulator:
        return matrix
    if kind is VarianceAccumulator:
        return matrix.diagonal()
    fourier = np.fft.fft(np.eye(len(matrix)), norm="ortho")
    return (fourier @ matrix @ fourier.conj().T).diagonal().real


def check(moments: Any, x: Tensor, tolerance: float = 1e-12) -> None:
    assert moments.count == len(x)
    found, want = moments.average().numpy(), exact(type(moments), x)
    spread = np.sqrt(exact(VarianceAccumulator, x)) if want.ndim == 2 else np.sqrt(want.max() * np.ones(len(want)))
    assert np.all(np.abs(found - want) <= tolerance * (np.outer(spread, spread) if want.ndim == 2 else spread**2))
    first = x[0].flatten()
    wanted = torch.from_numpy((x.flatten(1) - first).numpy().astype(np.longdouble).mean(0).astype(np.float64))
    torch.testing.assert_close(
        moments.mean_from(first), wanted, rtol=1e-12, atol=1e-12 * float(np.sqrt(exact(VarianceAccumulator, x)).max())
    )


def mapped(x: Tensor, folder: Path) -> np.ndarray:
    np.save(folder / "x.npy", x.float().numpy())
    return np.load(folder / "x.npy", mmap_mode="r")


def stored(x: Tensor, folder: Path) -> object:
    array = zarr.create_array(str(folder / "x.zarr"), shape=tuple(x.shape), chunks=(7, 2, 3), dtype="f4")
    array[:] = x.float().numpy()
    return array


SOURCES: dict[str, Callable[[Tensor, Path], object]] = {
    "tensor": lambda x, _: x,
    "float32": lambda x, _: x.float(),
    "fortran order": lambda x, _: np.asfortranarray(x.numpy()),
    "list": lambda x, _: x.tolist(),
    "memory map": mapped,
    "zarr": stored,
    "dask read here": lambda x, _: dask.array.from_array(x.numpy(), chunks=(11, 1, 2)),
    "generator": lambda x, _: (part.numpy() for part in x.split([1, 0, 40, 3, 46])),
    "loader": lambda x, _: torch.utils.data.DataLoader(list(x), batch_size=8),
    "signals": lambda x, _: orn.Signals(x),
    "generator of signals": lambda x, _: (orn.Signals(part) for part in x.split(13)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source(name: str, tmp_path: Path) -> None:
    x = signals(offset=1e8 if name in ("memory map", "zarr") else 3.0)
    check(accumulate(SOURCES[name](x, tmp_path)), x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [0.0, 1e8, -1e12])
def test_an_offset_costs_no_digits(kind: type, offset: float) -> None:
    x = torch.cat([signals(), torch.ones(CASES, 2, 1, dtype=torch.float64)], 2)  # the last entry of each channel is constant
    x = (offset + x).double()
    found = BY_KIND[kind](iter(x.split(17)))
    check(found, x)
    if kind is VarianceAccumulator:
        assert found.variance().view(2, 6)[:, 5].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", KINDS)
@given(entries=st.integers(1, 2000), scale=st.sampled_from([1e-12, 1.0, 1e12]), cases=st.integers(1, CASES))
def test_the_size_of_the_pieces_does_not_matter(kind: type, entries: int, scale: float, cases: int) -> None:
    x = scale * signals(cases, 5.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ENTRIES", entries)
        check(BY_KIND[kind](x), x)


@pytest.mark.parametrize("kind", KINDS)
@given(order=st.permutations(range(6)), offset=st.sampled_from([0.0, 1e8]))
def test_the_order_of_merges_does_not_matter(kind: type, order: list[int], offset: float) -> None:
    x = signals(offset=offset)
    parts = [kind(10).update(part.flatten(1)) for part in x.split([1, 30, 2, 7, 49, 1])]
    left = kind(10)
    for index in order[:3]:
        left.merge(parts[index])
    right = kind(10).merge(parts[order[3]]).merge(parts[order[4]].merge(parts[order[5]]))
    check(left.merge(kind(10)).merge(right), x)


def test_a_missing_join_would_be_seen() -> None:
    """Planted error: scatters added without the term of the means."""
    x = signals()
    wrong = Accumulator(10).update(x[:50].flatten(1))
    wrong.scatter = wrong.scatter + Accumulator(10).update(x[50:].flatten(1)).scatter
    wrong.count = CASES
    with pytest.raises(AssertionError):
        check(wrong, x)


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunks", [(11, 1, 2), (90, 2, 5), (1, 2, 5), ((40, 0, 50), 2, 5)])
def test_dask_blocks(scheduler: str, kind: type, chunks: Any) -> None:
    x = signals(offset=1e8)
    with dask.config.set(scheduler=scheduler):
        check(BY_KIND[kind](dask.array.from_array(x.numpy(), chunks=chunks), engine="dask"), x)


def test_dask_blocks_of_unknown_length() -> None:
    x = signals()
    array = dask.array.from_array(x.numpy(), chunks=(20, 2, 5))
    kept = array[array[:, 0, 0] > 0]
    check(accumulate(kept, engine="dask"), x[x[:, 0, 0] > 0])
    with pytest.raises(InputError, match=r"unknown number of cases \(nan, 2, 5\): call its compute_chunk_sizes"):
        accumulate(kept)


class Watched:
    """An array that can only be read by slices, and remembers them."""

    def __init__(self, x: Tensor, chunks: tuple[int, ...] | None = None) -> None:
        self.x, self.shape, self.dtype, self.chunks = x, tuple(x.shape), x.dtype, chunks
        self.read: list[tuple[int, int]] = []

    def __getitem__(self, rows: slice) -> Tensor:
        self.read.append((rows.start, rows.stop))
        return self.x[rows]


def test_an_array_is_read_once_in_whole_chunks_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_ENTRIES", 250)  # 25 cases
    x = signals()
    source = Watched(x, (10, 2, 5))
    check(accumulate(source), x)
    assert source.read == [(0, 20), (20, 40), (40, 60), (60, 80), (80, 90)]
    source = Watched(x, (60, 2, 5))
    check(accumulate(source), x)
    assert source.read == [(0, 60), (60, 90)]


def test_a_million_entries_in_linear_memory() -> None:
    x = Noise(0).normal(3, (10**6,)).float() + 100.0
    found = accumulate_variances(x)
    torch.testing.assert_close(found.variance(), x.double().var(0, correction=0), rtol=1e-10, atol=0)
    spectrum = accumulate_spectrum(x).spectrum()
    assert float(spectrum.mean()) == pytest.approx(float(found.variance().mean()), rel=1e-12)  # Parseval
    with pytest.raises(InputError, match="at most 8192 x 8192 is formed"):
        accumulate(x)


def test_progress_counts_cases() -> None:
    told: list[str] = []
    accumulate(iter(signals().split(40)), progress=told.append)
    assert told == ["40 cases", "80 cases", "90 cases"]


def broken(cause: str) -> Iterator[Tensor]:
    x = signals()
    yield x[:5]
    if cause == "NaN":
        x[8, 1, 2] = torch.nan
    if cause == "infinite":
        x[8, 1, 2] = torch.inf
    yield x[5:] if cause in ("NaN", "infinite") else x[5:, :, :4] if cause == "length" else x[5, 0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: broken("NaN"), r"batch 2 holds 1 missing value \(NaN\).*estimate\(x, 'dense'\), which fills gaps by EM"),
        (lambda: broken("infinite"), r"batch 2 holds 1 infinite value, first at index \(3, 1, 2\)"),
        (lambda: broken("length"), r"batch 2 holds signals of shape \(2, 4\), but those before it have \(2, 5\): pad or window them"),
        (lambda: broken("axes"), r"batch 2 has 1 axes \(5,\), but must be \(case, \*event\)"),
        (lambda: iter([[[1.0], [1.0, 2.0]]]), "batch 1 has rows of different lengths"),
        (lambda: iter(["ab"]), "batch 1 is a str, but must be an array"),
        (lambda: iter([]), "x is empty: it holds no cases"),
        (lambda: iter([torch.zeros(0, 3)]), "x is empty: it holds no cases"),
        (lambda: torch.zeros(0, 3), r"x is empty \(0, 3\): it holds no cases"),
        (lambda: torch.zeros(4, 0), r"x is empty \(4, 0\), but every signal must hold at least one value"),
        (lambda: torch.zeros(4), r"x has 1 axes \(4,\), but must be \(case, \*event\) with 2 to 4"),
        (lambda: {"a": 1}, "x is a dict, but must be an array"),
        (lambda: 3.0, "x is a float, but must be an array"),
        (lambda: np.array([["a"]]), "x holds words, but must hold numbers"),
    ],
)
def test_bad_input_is_one_sentence(source: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        accumulate(source())


def test_a_gap_is_placed_in_a_long_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_ENTRIES", 100)
    x = signals()
    x[34, 0, 0] = torch.nan
    with pytest.raises(InputError, match=r"x\[30:40\] holds 1 missing value"):
        accumulate(x)
    with pytest.raises(InputError, match=r"x.blocks\[1\]\[10:20\] holds 1 missing value"):
        accumulate(dask.array.from_array(x.numpy(), chunks=(20, 2, 5)), engine="dask")


def test_engines_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="engine is 'dusk', but must be one of dask, local, torch; did you mean 'dask'"):
        accumulate(signals(), engine="dusk")
    with pytest.raises(InputError, match="x is a Tensor: wrap it"):
        accumulate(signals(), engine="dask")
    with pytest.raises(InputError, match="needs a process group: start with torchrun"):
        accumulate(signals(), engine="torch")
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(InputError, match=r"needs the extra dask: pip install '\.\[dask\]'"):
        accumulate(signals(), engine="dask")


# Several processes. Each writes down what it found; the parent compares.


def failing() -> Iterator[Tensor]:
    yield signals()[:5]
    raise OSError("disk gone")


def attempt(call: Callable[[], object]) -> str:
    try:
        call()
    except (InputError, RunError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def everything(rank: int, ranks: int) -> dict[str, object]:
    x = signals(offset=1e8)
    own = x[rank::ranks]
    gap = x.clone()
    gap[-1, 0, 0] = torch.nan
    found = {"split": accumulate(x, engine="torch"), "shards": accumulate(iter(own.split(4)), engine="torch")}
    found["lopsided"] = accumulate(iter([x] if rank == 1 else []), engine="torch")
    found["spectrum"] = accumulate_spectrum(x, engine="torch")
    errors = {
        "gap": attempt(lambda: accumulate(gap, engine="torch")),
        "disk": attempt(lambda: accumulate(failing() if rank == 0 else iter([x]), engine="torch")),
        "shards as arrays": attempt(lambda: accumulate(x[rank * 10 : rank * 10 + 10], engine="torch")),
        "lengths": attempt(lambda: accumulate(iter([x[..., : 5 - rank]]), engine="torch")),
        "nothing": attempt(lambda: accumulate(iter([]), engine="torch")),
    }
    model = orn.fit(x, engine="torch")
    return {"moments": found, "errors": errors, "model": (model.mean(), model.covariance().dense())}


def worker(rank: int, ranks: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting{ranks}", rank=rank, world_size=ranks)
    torch.save(everything(rank, ranks), f"{folder}/{ranks}-{rank}.pt")
    dist.destroy_process_group()


def compare(folder: Path, ranks: int) -> None:
    results = [torch.load(folder / f"{ranks}-{rank}.pt", weights_only=False) for rank in range(ranks)]
    x = signals(offset=1e8)
    for name, moments in results[0]["moments"].items():
        check(moments, x)
        for other in results[1:]:
            assert torch.equal(other["moments"][name].scatter, moments.scatter)
            assert torch.equal(other["moments"][name].mean, moments.mean)
    expected = orn.fit(x, folds=0)
    for result in results:
        errors = result["errors"]
        assert errors["gap"].startswith(f"InputError: rank {ranks - 1}: x[")
        assert errors["disk"] == "RunError: rank 0: disk gone"
        assert errors["shards as arrays"].startswith("InputError: rank 1 was given another x than rank 0")
        assert errors["lengths"].startswith("InputError: rank 1 holds signals of shape (2, 4), but others have (2, 5)")
        assert errors["nothing"].startswith("InputError: x is empty")
        torch.testing.assert_close(result["model"][0], expected.mean(), rtol=1e-15, atol=0)
        torch.testing.assert_close(result["model"][1], expected.covariance().dense(), rtol=0, atol=1e-10 * 64**2)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_of_torch_distributed(ranks: int, tmp_path: Path) -> None:
    """A server that has imported everything once forks the ranks, which meet through a file: no port, no waiting for imports."""
    torch.multiprocessing.get_context("forkserver").set_forkserver_preload(["ornstein", "dask.array", "zarr", "pytest", "hypothesis"])
    torch.multiprocessing.start_processes(worker, (ranks, str(tmp_path)), nprocs=ranks, start_method="forkserver")
    compare(tmp_path, ranks)


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch, torch.distributed as dist\n"
        "from test_streaming import everything\n"
        "dist.init_process_group('gloo')\n"
        "rank, ranks = dist.get_rank(), dist.get_world_size()\n"
        f"torch.save(everything(rank, ranks), f'{tmp_path}/{{ranks}}-{{rank}}.pt')\n"
        "dist.destroy_process_group()\n"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    path = f"{here}:{here.parent}:{Path(orn.__file__).parents[1]}"
    subprocess.run(command, check=True, env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PATH": ""}, timeout=120)
    compare(tmp_path, 2)
