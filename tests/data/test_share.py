"""How far the reading of a file is: told in order to its end, with the values that nobody hears of it."""

import numpy as np
import pytest
import torch

import ornstein as orn
from ornstein.data import plain, share

ROWS = 9000


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).normal(size=(ROWS, 2)).round(4)


def file_of(kind, values, folder):
    path = folder / f"{kind}.{'edf' if kind == 'edf' else 'csv'}"
    if kind == "edf":
        orn.write(path, orn.Signals(torch.from_numpy(values.T[None].copy()), rate=100.0))
    else:
        rows = [",".join(map(str, row)) for row in values]
        rows[7] = "," + rows[7].split(",")[1] if kind == "gaps" else rows[7]
        rows[5:5] = [""] if kind == "blank" else []
        path.write_text("\n".join(["a,b", *rows, ""]))
    return path


@pytest.mark.parametrize("kind", ["plain", "gaps", "edf", "blank"])
def test_shares_rise_to_one_and_change_nothing(values, tmp_path, monkeypatch, kind):
    """Numbers alone, with an empty cell, records, and a blank line, of which nothing is said on the way."""
    path = file_of(kind, values, tmp_path)
    alone = orn.read(path).values
    monkeypatch.setattr(plain, "LONG", 1)
    monkeypatch.setattr(plain, "_ROWS", 2000)
    told = []
    with share.heard(told.append):
        heard = orn.read(path).values
    assert torch.equal(heard.nan_to_num(nan=9e9), alone.nan_to_num(nan=9e9))
    assert told == sorted(told)
    assert told[-1:] == ([] if kind == "blank" else [1.0])
    assert len(told) >= {"plain": 5, "gaps": 3, "edf": 2, "blank": 0}[kind]


def test_rows_of_another_width_are_found_behind_the_first_block(values, tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "LONG", 1)
    monkeypatch.setattr(plain, "_ROWS", 2000)
    path = file_of("plain", values, tmp_path)
    path.write_text(path.read_text() + "1,2,3\n")
    with pytest.raises(orn.InputError, match=f"line {ROWS + 2} has 3 cells"):
        orn.read(path)


def test_who_listens_can_end_the_reading(values, tmp_path):
    class Enough(BaseException):
        pass

    def stop(_):
        raise Enough

    path = file_of("edf", values, tmp_path)
    with pytest.raises(Enough), share.heard(stop):
        orn.read(path)
    assert orn.read(path).values.shape == (1, 2, ROWS)  # nobody listens any more
