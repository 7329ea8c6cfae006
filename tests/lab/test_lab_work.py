"""What the workbench computes is what Python computes, and the script that it hands out does the same again."""

import json
import runpy
import zipfile

import numpy as np
import pytest
import torch
from laboratory import opened

import ornstein as orn
from ornstein.data.laws import cosines
from ornstein.fitting.held_out import unseen
from ornstein.lab import wire
from ornstein.metrics import sample_spectrum


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab")) as laboratory:
        yield laboratory


@pytest.fixture(scope="module")
def file(lab, tmp_path_factory):
    """60 cosine curves of 24 samples in a file, and on the shelf."""
    x = cosines(60, 24)
    path = tmp_path_factory.mktemp("data") / "curves.csv"
    orn.write(path, x)
    ident = lab.client.post("/api/files?name=curves.csv", content=path.read_bytes()).json()["id"]
    return path, ident


@pytest.fixture(scope="module")
def signals(lab, file):
    return lab.done("open", file=file[1])


@pytest.fixture(scope="module")
def model(lab, signals):
    return lab.done("fit", signals=signals, recipe="gaussian")


def part(lab, ident, name="result"):
    return wire.unpack(lab.get(f"/api/jobs/{ident}/parts/{name}").content)


def close(found, wanted):
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-5, atol=1e-6 * float(np.abs(np.asarray(wanted)).max()))


def test_a_file_is_read_as_python_reads_it(lab, file, signals):
    x = orn.read(file[0])
    told, arrays = part(lab, signals)
    assert told["shape"] == [*x.shape]
    assert told["notes"] == [*x.notes]
    close(arrays["low"], x.values)
    shares = [event["share"] for event in lab.events(signals) if event["is"] == "progress"]
    assert len(shares) >= 2
    assert shares == sorted(shares)


def test_stretches_are_the_values(lab, file, signals):
    x = orn.read(file[0])
    _, arrays = wire.unpack(lab.get(f"/api/jobs/{signals}/stretch?case=3&start=5&stop=15&points=100").content)
    close(arrays["values"], x.values[3, :, 5:15])
    assert lab.get(f"/api/jobs/{signals}/stretch?case=60&start=5&stop=15&points=100").status_code == 422


def test_the_spectrum_is_that_of_python(lab, file, signals):
    found = sample_spectrum(orn.read(file[0]))
    told, arrays = part(lab, lab.done("explore", signals=signals))
    close(arrays["eigenvalues"], found.spectrum.eigenvalues)
    assert told["effective"] == pytest.approx(found.spectrum.effective_rank)
    assert found.spectrum.eigenvalues[found.noise.count] > found.noise.edge
    assert told["edge"] is None  # of curves without noise the count ends for want of eigenvalues, and an edge would mislead
    close(arrays["correlation"], np.corrcoef(orn.read(file[0]).values[:, 0].T.numpy()))


def test_the_edge_of_noise_is_told_where_there_is_noise(lab, tmp_path):
    x = cosines(80, 40, terms=3)
    noise = 0.3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.values.dtype)
    orn.write(tmp_path / "noisy.csv", x.with_values(x.values + noise))
    kept = lab.client.post("/api/files?name=noisy.csv", content=(tmp_path / "noisy.csv").read_bytes()).json()["id"]
    told, _ = part(lab, lab.done("explore", signals=lab.done("open", file=kept)))
    found = sample_spectrum(orn.read(tmp_path / "noisy.csv")).noise
    assert told["edge"] == pytest.approx(found.edge, rel=1e-5)
    assert told["above"] == found.count


def test_a_gaussian_comes_to_the_page_whole(lab, file, model):
    """Mean and eigenbasis give the covariance of the model that the folder holds, which is the one that Python fits."""
    own = orn.fit(orn.read(file[0]))
    told, arrays = part(lab, model)
    assert told["gaussian"]
    close(arrays["mean"], own.mean().flatten())
    close(arrays["basis"] @ np.diag(arrays["eigenvalues"]) @ arrays["basis"].T, own.covariance().dense())
    archive = lab.get(f"/api/jobs/{model}/files/model.zip")
    (lab.folder / "back.zip").write_bytes(archive.content)
    with zipfile.ZipFile(lab.folder / "back.zip") as packed:
        packed.extractall(lab.folder / "back")
    assert torch.equal(orn.load(lab.folder / "back" / "model").sample(3), own.sample(3))


def test_samples_end_where_the_model_draws(lab, file, model):
    own = orn.fit(orn.read(file[0]))
    for how in ({}, {"sampler": "heun", "steps": 6}):
        _, arrays = part(lab, lab.done("sample", model=model, cases=5, seed=3, **how))
        wanted = own.sample(5, seed=3, **how).flatten(1)
        close(arrays["samples"], wanted)
        assert arrays["path"].shape[1:] == (5, 24)
        if how:
            close(arrays["path"][-1], wanted)


def test_the_certificate_is_exact(lab, file, model):
    from ornstein.model.methods import sampler_named, schedule_named
    from ornstein.samplers import certify

    own = orn.fit(orn.read(file[0])).moments
    told, arrays = part(lab, lab.done("certify", model=model, sampler="heun"))
    found = certify(sampler_named("heun", own), 10, schedule_named("vp"), own.covariance(), own.mean())
    place = told["steps"].index(10)
    assert told["calls"][place] == found.calls
    assert arrays["distance"][place] == pytest.approx(found.relative_w2, rel=1e-5)


def test_gaps_are_filled_as_by_the_model(lab, file, signals, model):
    x = orn.read(file[0])
    values = x[7].values.clone()
    values[0, 0, 4:9] = torch.nan
    draws = orn.fit(x).impute(x[7].with_values(values), 50, seed=1)
    told, arrays = part(lab, lab.done("fill", signals=signals, model=model, case=7, gaps=[[0, 4, 9]], draws=50, seed=1))
    close(arrays["mean"], draws.mean(0).flatten())
    assert (arrays["low-0.9"] <= arrays["low-0.5"]).all()
    assert told["draws"] == 50


def test_scores_are_those_of_the_model(lab, file, signals, model):
    x = orn.read(file[0])
    nats, p = unseen(orn.fit(x).judges, x.values.double())
    told, arrays = part(lab, lab.done("score", signals=signals, model=model))
    close(arrays["nats"], nats)
    close(arrays["p"], p)
    assert told["held_out"]
    close(arrays["where"], orn.fit(x).where(x[nats.argsort(descending=True, stable=True)[:40]]).flatten(1))


def test_conditions_are_those_of_the_model(lab, file, signals, model):
    x = orn.read(file[0])
    measurement = orn.Average(6)
    post = orn.fit(x).posterior(measurement, measurement(x[2].values)[0], noise=0.1)
    told, arrays = part(lab, lab.done("condition", signals=signals, model=model, case=2, measurement="average", factor=6, noise=0.1))
    assert told["evidence"] == pytest.approx(float(post.log_evidence))
    close(arrays["mean"], post.sample(200).mean(0).flatten())


def test_a_job_on_marked_channels_and_cases_leaves_them_out(lab, signals):
    told, _ = part(lab, lab.done("fit", signals=signals, recipe="gaussian", without_cases=[0, 1, 2]))
    assert told["cases"] == 57
    last = lab.events(lab.start("fit", signals=signals, recipe="gaussian", without_channels=["ch0"]))[-1]
    assert last["is"] == "failed"


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("explore", {}),
        ("sample", {"sampler": "ddim", "steps": 5, "cases": 3}),
        ("certify", {"sampler": "heun"}),
        ("fill", {"case": 1, "gaps": [[0, 2, 5]], "draws": 20}),
        ("score", {}),
        ("condition", {"case": 1, "measurement": "points", "seen": [[0, 2, 5]], "noise": 0.2}),
    ],
)
def test_the_script_of_a_job_runs_and_does_the_same(lab, file, signals, model, kind, asked, monkeypatch, capsys):
    needs = {"explore": {"signals": signals}, "sample": {"model": model}, "certify": {"model": model}}
    ident = lab.done(kind, **needs.get(kind, {"signals": signals, "model": model}), **asked)
    text = lab.get(f"/api/jobs/{ident}/script").text
    monkeypatch.chdir(file[0].parent)
    (file[0].parent / "done.py").write_text(text)
    names = runpy.run_path("done.py")
    if kind == "sample":
        _, arrays = part(lab, ident)
        close(arrays["samples"], names["samples"].flatten(1))
        csv = lab.get(f"/api/jobs/{ident}/files/samples.csv").content
        assert csv == (file[0].parent / "samples.csv").read_bytes()
    if kind == "fill":
        _, arrays = part(lab, ident)
        close(arrays["low-0.9"], names["low"].flatten())
        own, again = (folder / "filled.csv" for folder in (lab.folder / "jobs" / ident, file[0].parent))
        assert own.read_bytes() == again.read_bytes()
    if kind == "condition":
        assert part(lab, ident)[0]["evidence"] == pytest.approx(float(names["post"].log_evidence))


def test_extremes_of_stretches_keep_every_jump():
    """Each stretch has the least and largest of its samples, the last one included; what is missing is not one of them."""
    from ornstein.lab.overview import extremes

    values = np.zeros((2, 1001))
    values[0, 1000], values[0, 0], values[1, 500] = 7.0, -3.0, 5.0
    values[1, :100] = np.nan
    low, high = extremes(values, 10)
    assert high[0].tolist() == [0.0] * 9 + [7.0]
    assert low[0].tolist() == [-3.0] + [0.0] * 9
    assert np.isnan(high[1, 0])
    assert np.isnan(low[1, 0])
    assert np.nanmax(high[1]) == 5.0


def test_a_network_is_checked_on_what_it_was_trained_without(tmp_path, file, monkeypatch):
    """Its own held-out signals, each with a quarter hidden, and its own draws: here those of a Gaussian, which are exact."""
    from ornstein.common.errors import InputError
    from ornstein.lab import store
    from ornstein.lab.work import calibrating
    from ornstein.lab.worker import Job
    from ornstein.training.held_out import HELD_OUT, split

    x, asked = orn.read(file[0]), {"signals": "s", "model": "m", "recipe": "network"}
    for name, told in (("s", {}), ("m", {"signals": "s", "recipe": "network"}), ("c", asked), ("d", asked | {"signals": "c"})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.json").write_text(json.dumps({"kind": "", "asked": told, "at": 0}))
        store.save(tmp_path / name, x)
    train, held = split(len(x), HELD_OUT)
    own, given = orn.fit(x[train]), []

    class Watched:
        def impute(self, values, draws, seed):
            given.append(values.clone())
            return own.impute(values, draws, seed=seed)

    monkeypatch.setattr(calibrating, "load", lambda folder: Watched())
    found = calibrating.run(Job(tmp_path / "c"))
    hidden = x.values[held].clone().double()
    begin = (x.shape[2] - round(x.shape[2] / 4)) // 2
    hidden[..., begin : begin + round(x.shape[2] / 4)] = torch.nan
    np.testing.assert_array_equal(torch.cat(given), hidden)
    assert found["cases"] == len(held)
    assert found["p"] > 1e-6  # of bands that are right, one in a million is farther off
    with pytest.raises(InputError, match="no network of these signals"):
        calibrating.run(Job(tmp_path / "d"))


def test_a_fill_says_how_far_its_draws_are(tmp_path, file, monkeypatch):
    """What a law says on the way, as a network does at every step, is told in its order, between what was told before and the end."""
    from ornstein.data import share
    from ornstein.lab import events, store, worker
    from ornstein.lab.work import filling

    x = orn.read(file[0])
    for name, told in (("s", {}), ("f", {"signals": "s", "model": "m", "case": 3, "gaps": [[0, 4, 9]], "draws": 20})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.json").write_text(json.dumps({"kind": "fill", "asked": told, "at": 0}))
    store.save(tmp_path / "s", x)

    class Slow:
        def impute(self, values, draws, seed):
            for part in (0.25, 0.5, 1.0):
                share.say(part)
            return orn.fit(x).impute(values, draws, seed=seed)

    monkeypatch.setattr(filling, "load", lambda folder: Slow())
    monkeypatch.setattr(worker, "SLOWEST", 0.0)
    assert filling.run(worker.Job(tmp_path / "f")) == {"missing": 5}
    shares = [event["share"] for _, event in events.read(tmp_path / "f" / "events.jsonl")]
    assert shares == sorted(set(shares))
    assert len(shares) == 4
    assert shares[-1] == 1.0


@pytest.mark.slow
def test_a_network_is_stopped_kept_and_goes_on(lab, signals):
    """Its loss comes as it falls; "enough" keeps the best weights so far; the next fit goes on from there."""
    ident = lab.start("fit", signals=signals, recipe="network", minutes=5)
    seen = []
    with lab.client.stream("GET", f"/api/jobs/{ident}/events") as answer:
        for line in answer.iter_lines():
            if '"training"' in line:
                seen.append(json.loads(line[6:]))
                if len(seen) == 3:
                    lab.client.post(f"/api/jobs/{ident}/enough")
    last = lab.events(ident)[-1]
    assert last["is"] == "done"
    assert all(event["gaussian"] is not None for event in seen)
    assert [event["step"] for event in seen] == sorted(event["step"] for event in seen)
    told, _ = part(lab, ident)
    steps = told["training"]["steps"]
    assert steps >= seen[2]["step"]
    again = lab.done("fit", signals=signals, recipe="network", minutes=0.1, continues=ident)
    assert part(lab, again)[0]["training"]["steps"] > steps
    assert part(lab, lab.done("calibrate", signals=signals, model=again, recipe="network"))[0]["cases"] == 6
    _, arrays = part(lab, lab.done("sample", model=again, cases=2))
    assert np.isfinite(arrays["path"]).all()
