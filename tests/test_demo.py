"""The demo does the whole job in a folder, on small stand-ins here so that it takes a second."""

import csv

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein import demo
from ornstein.common import files
from ornstein.data import examples

X = orn.Signals(normal(24, 1, 12, seed=1).cumsum(2), rate=10.0, channels=("walk",), units=("m",))


@pytest.fixture
def small(monkeypatch):
    titles = {"en": "a walk", "zh": "随机游走"}
    monkeypatch.setattr(
        demo, "JOBS", tuple(demo.Job(name, lambda: X, model, titles) for name, model in (("a", "gaussian"), ("b", "mixture")))
    )


def test_everything_is_there_and_fits_together(small, tmp_path):
    told = []
    reports = demo.run_demo(tmp_path / "out", seed=4, progress=told.append)
    assert reports == [tmp_path / "out" / name / "report.html" for name in "ab"]
    assert told[0].startswith("a: ")
    for report in reports:
        folder = report.parent
        assert {p.name for p in folder.iterdir()} == set(demo.OUTPUTS)
        model, samples = orn.load(folder / "model"), orn.read(folder / "samples.csv")
        assert (samples.channels, samples.units, samples.rate) == (("walk",), ("m",), 10.0)
        assert torch.allclose(samples.values, model.sample(demo.SAMPLES, seed=4), rtol=0, atol=1e-12)
        hidden, imputed = orn.read(folder / "hidden.csv").values, orn.read(folder / "imputed.csv").values
        gap = torch.isnan(hidden)
        assert gap.float().mean() == pytest.approx(0.25)
        assert torch.equal(hidden[~gap], X.values[: demo.IMPUTED][~gap])
        assert torch.equal(imputed[~gap], hidden[~gap])
        rows = list(csv.reader((folder / "surprise.csv").read_text().splitlines()))
        assert rows[0] == ["signal", "surprise [nats]", "p-value"]
        nats = [float(row[1]) for row in rows[1:]]
        assert nats == sorted(nats, reverse=True)
        assert sorted(int(row[0]) for row in rows[1:]) == list(range(24))
        assert all(0 < float(row[2]) <= 1 for row in rows[1:])
    assert "随机游走" in reports[0].read_text()


def test_nothing_is_overwritten_unless_asked(small, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "write_report", lambda path, *_, **changes: files.write_text(path, "new", force=changes["force"]))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.html").write_text("mine")
    with pytest.raises(orn.InputError, match=r"report.html exists: choose another folder or pass force=True"):
        demo.run_demo(tmp_path)
    assert not (tmp_path / "a").exists()
    demo.run_demo(tmp_path, force=True)
    assert (tmp_path / "b" / "report.html").read_text() == "new"


def test_bad_arguments(small, tmp_path):
    with pytest.raises(orn.InputError, match="must be one of en, zh"):
        demo.run_demo(tmp_path / "out", language="english")
    (tmp_path / "file").write_text("")
    with pytest.raises(orn.InputError, match="a file is in the way"):
        demo.run_demo(tmp_path / "file")
    assert not (tmp_path / "out").exists()


def test_the_real_jobs_load():
    for job in demo.JOBS:
        x = job.load()
        assert len(x) >= 8
        assert set(job.titles) == {"en", "zh"}
        assert str(len(x)) in job.titles["en"]
        assert str(len(x)) in job.titles["zh"]
    assert demo.JOBS[0].load is examples.electricity
