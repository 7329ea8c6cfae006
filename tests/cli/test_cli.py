"""The command line as a person uses it: files in, files out, one sentence for what went wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import ornstein as orn
from commands import refused, run
from kinds import normal
from ornstein.cli import main
from ornstein.data.laws import ornstein_uhlenbeck


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with days.csv (complete), gaps.csv (NaN in it) and a fitted model."""
    monkeypatch.chdir(tmp_path)
    x = ornstein_uhlenbeck(40, 8, 3.0, seed=1).values
    days = orn.Signals(20 + 5 * x, rate=4.0, channels=("load",), units=("kW",))
    orn.write("days.csv", days)
    gaps = days.values[:6].clone()
    gaps[:4, 0, 2:5] = torch.nan
    orn.write("gaps.csv", days.with_values(gaps))
    orn.fit(days).save("days.model")
    return tmp_path


def test_fit_then_sample_then_read_back(room, capsys):
    code, out, _ = run(capsys, "fit", "days.csv", "-o", "m", "--json")
    found = json.loads(out)
    model = orn.load("m")
    assert code == 0
    assert found["shape"] == [1, 8]
    assert found["held_out"]["mean"] == pytest.approx(float(model.reference.mean()))
    assert run(capsys, "sample", "m", "-n", "5", "-o", "new.csv", "--seed", "3")[0] == 0
    new = orn.read("new.csv")
    assert (new.rate, new.channels, new.units) == (4.0, ("load",), ("kW",))
    assert torch.equal(new.values, model.sample(5, seed=3))


def test_a_sampler_by_name_on_a_grid_by_name(room, capsys):
    words = ("sample", "days.model", "-n", "3", "-o", "new.csv", "--sampler", "heun", "--steps", "6", "--grid", "spectral")
    assert run(capsys, *words)[0] == 0
    assert torch.equal(orn.read("new.csv").values, orn.load("days.model").sample(3, sampler="heun", steps=6, grid="spectral"))


def test_a_lowered_order_is_said_in_one_line(room, capsys):
    code, _, err = run(capsys, "sample", "days.model", "-n", "3", "-o", "new.csv", "--sampler", "unipc", "--steps", "2")
    assert code == 0
    assert re.fullmatch(r"note: 2 steps leave no 3 to look back to, so UniPC.* runs at a lower order than 3\n", err)


def test_scores_are_those_of_the_model(room, capsys):
    code, out, _ = run(capsys, "score", "days.model", "days.csv", "-o", "scores.csv", "--json")
    model, x = orn.load("days.model"), orn.read("days.csv")
    found = json.loads(out)
    assert code == 0
    torch.testing.assert_close(torch.tensor(found["log_prob"], dtype=torch.float64), model.log_prob(x))
    torch.testing.assert_close(torch.tensor(found["p_value"], dtype=torch.float64), model.surprise(x).p_value)
    rows = (room / "scores.csv").read_text().splitlines()
    assert rows[0] == "case,log_prob_nats,bits_per_dim,p_value,inside,off,floored_nats"
    assert float(rows[1].split(",")[1]) == float(model.log_prob(x)[0])
    _, out, _ = run(capsys, "score", "days.model", "days.csv", "--top", "1")
    assert str(int(model.surprise(x).nats.argmax())) in out


def test_where_a_signal_is_odd_is_written(room, capsys):
    assert run(capsys, "score", "days.model", "days.csv", "--where", "map.npy", "--json")[0] == 0
    model, x = orn.load("days.model"), orn.read("days.csv")
    torch.testing.assert_close(orn.read("map.npy").values, model.where(x))


def test_models_are_compared(room, capsys):
    assert run(capsys, "fit", "days.csv", "-o", "mix.model", "--model", "mixture", "--folds", "0")[0] == 0
    code, out, _ = run(capsys, "compare", "days.model", "mix.model", "days.csv", "--json", "-o", "table.csv")
    rows = json.loads(out)["models"]
    assert code == 0
    assert {row["model"] for row in rows} == {"days.model", "mix.model"}
    assert rows[0]["nats"] >= rows[1]["nats"]
    assert (room / "table.csv").read_text().startswith("model,nats,nats_error,difference")
    _, out, _ = run(capsys, "compare", "days.model", "days.csv", "--fitted", "days.csv")
    assert "mixture" in out
    assert run(capsys, "compare", "days.csv")[0] == 2


def test_posteriors_are_checked(room, capsys):
    words = ("check", "days.model", "--measure", "average:4", "--noise", "0.1", "--cases", "60")
    code, out, _ = run(capsys, *words, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["verdict"] == "right"
    assert 0.6 < told["coverage"]["0.9"] <= 1
    assert "看不出" in run(capsys, *words, "--lang", "zh")[1]
    assert run(capsys, "check", "days.model", "days.csv", "--cases", "40")[0] == 0
    for measure, says in (("avrage:4", "did you mean 'average'"), ("average", "such as average:4"), ("hide:2", "between 0 and 1")):
        code, _, err = run(capsys, "check", "days.model", "--measure", measure)
        assert code == 2
        assert says in err


def test_parameters_are_fitted_saved_and_drawn(room, capsys):
    """x = theta + N(0, 0.1): the posterior of two parameters is near the observation; other commands refuse the folder."""
    theta = torch.randn(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    files = {"theta": theta, "x": theta + 0.1 * torch.randn(60, 2, generator=torch.Generator().manual_seed(1)), "seen": theta[:1]}
    for name, rows in files.items():
        head = "a,b\n" if name == "theta" else ""  # a row is a simulation, under names too
        Path(f"{name}.csv").write_text(head + "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()))
    code, out, _ = run(capsys, "fit", "x.csv", "--parameters", "theta.csv", "-o", "both.model", "--json")
    told = json.loads(out)
    assert (code, told["parameters"], told["observation"]) == (0, [2], [1, 2])
    assert told["chosen"].startswith("gaussian")
    assert run(capsys, "sample", "both.model", "--observation", "seen.csv", "-n", "50", "-o", "drawn.csv")[0] == 0
    drawn = orn.read("drawn.csv").values
    assert drawn.shape == (50, 2, 1)
    assert float((drawn[..., 0].mean(0) - theta[0]).abs().max()) < 0.12
    for words, says in (
        (["score", "both.model", "x.csv"], "holds parameters and simulations, not signals"),
        (["sample", "both.model", "-o", "new.csv"], "--observation is needed"),
        (["sample", "both.model", "-o", "new.csv", "--observation", "x.csv"], "one observation is asked at a time"),
        (["sample", "both.model", "-o", "new.csv", "--observation", "seen.csv", "--steps", "3"], "--steps is given"),
        (["fit", "x.csv", "--parameters", "theta.csv", "--labels", "2", "-o", "new.model"], "--labels is given"),
        (["fit", "x.csv", "--parameters", "seen.csv", "-o", "new.model"], "theta has shape"),
    ):
        refused(capsys, room, words, says)


def test_impute_writes_medians_and_bands(room, capsys):
    code, out, _ = run(capsys, "impute", "days.model", "gaps.csv", "-o", "full.csv", "--bands", "bands.csv", "--draws", "50", "--seed", "2")
    assert code == 0
    assert "12 missing values" in out
    gaps, full, bands = orn.read("gaps.csv").values, orn.read("full.csv"), orn.read("bands.csv")
    low, median, high = orn.load("days.model").quantiles(gaps, (0.05, 0.5, 0.95))
    assert torch.equal(full.values, median)
    assert torch.equal(full.values[~torch.isnan(gaps)], gaps[~torch.isnan(gaps)])
    assert full.units == ("kW",)
    torch.testing.assert_close(bands.values[:, :1], low)
    torch.testing.assert_close(bands.values[:, 1:], high)


def test_forecast_writes_medians_bands_and_paths_and_tests_them(room, capsys):
    torch.manual_seed(0)
    series = orn.Signals(torch.randn(1, 1, 300, dtype=torch.float64).cumsum(-1), channels=("a",))
    orn.write("walk.csv", series)
    orn.fit(series.windows(12, 1), folds=0).save("walk.model")
    where = ("-o", "next.csv", "--bands", "ends.csv", "--paths", "paths.csv", "--draws", "7")
    code, out, _ = run(capsys, "forecast", "walk.model", "walk.csv", "--horizon", "4", *where, "--backtest", "--season", "5")
    assert code == 0
    assert "20 origins" in out
    assert "season before" in out
    assert "4 samples ahead" in out
    found = orn.load("walk.model").forecast(series, 4, 7)
    assert torch.equal(orn.read("next.csv").values.flatten(), found.quantiles((0.5,)).flatten())
    assert orn.read("ends.csv").shape == (1, 2, 4)
    assert orn.read("paths.csv").shape == (7, 1, 4)
    code, out, _ = run(capsys, "forecast", "walk.model", "walk.csv", "--horizon", "4", "-o", "plain.csv", "--local-scale", "none", "--json")
    assert code == 0
    assert json.loads(out)["why_scale"] == "no local scale, as asked"
    assert json.loads(out)["local_scale"] is None
    assert run(capsys, "forecast", "walk.model", "walk.csv", "--horizon", "4")[0] == 2


def test_impute_checks_its_bands_and_keeps_the_correction(room, capsys):
    torch.manual_seed(0)
    orn.write("heavy.csv", orn.Signals(torch.distributions.StudentT(2.0).sample((600, 1, 8)).double()))
    assert run(capsys, "fit", "heavy.csv", "--folds", "0", "-o", "heavy.model")[0] == 0
    code, out, _ = run(capsys, "impute", "heavy.model", "heavy.csv", "--check")
    assert code == 0
    assert "how often bands hold" in out
    assert "--correct" in out
    assert orn.load("heavy.model").bands is None
    code, out, _ = run(capsys, "impute", "heavy.model", "heavy.csv", "--check", "--correct")
    assert code == 0
    assert "are kept in heavy.model" in out
    assert float(orn.load("heavy.model").bands[0, 0]) < 0.6
    assert run(capsys, "impute", "heavy.model", "heavy.csv")[0] == 2
    assert run(capsys, "impute", "heavy.model", "heavy.csv", "--check", "-o", "filled.csv")[0] == 2
    alone = torch.full((20, 1, 8), torch.nan)
    alone[:, :, 3] = 1.0  # whatever is hidden, it is a gap of all eight samples
    orn.write("alone.csv", orn.Signals(alone))
    code, out, _ = run(capsys, "impute", "heavy.model", "alone.csv", "--check")
    assert code == 0
    assert "–" in out
    assert "nan" not in out


def test_bench_gaps_compares_the_ways_on_ones_own_data(room, capsys, monkeypatch):
    from ornstein.metrics import gap_bench

    monkeypatch.setattr(gap_bench, "LAWS", {"gaussian": {}, "kronecker": {"structure": "kronecker"}})
    code, out, _ = run(capsys, "bench", "gaps", "days.csv")
    assert code == 0
    assert "gaussian" in out
    assert "seasonal" in out
    assert "left out kronecker" in out
    assert "left out PyPOTS" not in run(capsys, "bench", "gaps", "days.csv", "--no-peers")[1]
    found = json.loads(run(capsys, "bench", "gaps", "days.csv", "--json")[1])
    assert {row["way"] for row in found["rows"]} == {"linear", "last value", "seasonal mean", "gaussian"}


def test_a_trend_is_said_beside_the_answer_and_stays(room, capsys):
    steep = torch.arange(40, dtype=torch.float64).view(-1, 1, 1) + torch.randn(40, 1, 6, generator=torch.Generator().manual_seed(0))
    orn.write("steep.npz", orn.Signals(steep, channels=("a",)))
    code, _, err = run(capsys, "fit", "steep.npz", "--folds", "0", "-o", "steep.model")
    assert code == 0
    assert "note: a follows a straight line from case to case" in err


def test_impute_takes_a_recording_longer_than_the_window(room, capsys):
    torch.manual_seed(0)
    series = torch.randn(400, dtype=torch.float64).cumsum(0) * 0.1
    orn.write("long.csv", orn.Signals(series.view(1, 1, -1), channels=("a",)))
    assert run(capsys, "fit", "long.csv", "--window", "20", "--hop", "1", "--folds", "0", "-o", "long.model")[0] == 0
    series[100:160] = torch.nan
    orn.write("holes.csv", orn.Signals(series.view(1, 1, -1), channels=("a",)))
    code, out, _ = run(capsys, "impute", "long.model", "holes.csv", "-o", "whole.csv")
    whole = orn.read("whole.csv").values
    assert code == 0
    assert "60 missing values in 1 signals" in out
    assert whole.shape == (1, 1, 400)
    assert torch.equal(whole[0, 0, :100], series[:100])
    assert bool(torch.isfinite(whole).all())


def test_a_report_says_each_stage_once_and_takes_images(room, capsys, monkeypatch):
    asked = {}

    def written(path, x, *, progress, **options):
        asked.update(options)
        for what in ("law", "gaussian · dense, fold 1 of 2", "gaussian · dense, fold 2 of 2", "mixture · dense, fold 1 of 2"):
            progress(what)
        return path

    monkeypatch.setattr("ornstein.report.write_report", written)
    code, _, err = run(capsys, "report", "days.csv", "-o", "r.html", "--image")
    assert code == 0
    assert [line.split(" s  ")[1] for line in err.splitlines()] == ["law", "gaussian · dense", "mixture · dense"]
    assert asked["images"] is True
    assert run(capsys, "report", "days.csv", "-o", "r.html", "--json")[2] == ""
    assert asked["images"] is False
    assert "gaussian, mixture, empirical, or" in run(capsys, "report", "--help")[1]


def test_what_a_law_does_not_know_is_not_printed(room, capsys):
    """4200 entries: a stationary law knows its rank, an autoregressive one does not, and neither says nan."""
    np.save("wide.npy", normal(12, 4200, seed=3).cumsum(1).numpy())
    _, out, _ = run(capsys, "fit", "wide.npy", "-o", "s.model", "--structure", "stationary", "--folds", "0")
    assert re.search(r"rank 4\d\d\d, effective rank \d", out)
    _, out, _ = run(capsys, "fit", "wide.npy", "-o", "a.model", "--structure", "autoregressive", "--folds", "0")
    assert "rank" not in out
    assert "nan" not in out
    _, out, _ = run(capsys, "fit", "wide.npy", "-o", "b.model", "--structure", "autoregressive", "--folds", "0", "--json")
    assert json.loads(out)["effective_rank"] is None


def test_language_works_anywhere_on_the_line(room, capsys):
    assert "条信号" in run(capsys, "score", "days.model", "days.csv", "--lang", "zh")[1]
    assert "协方差" in run(capsys, "--lang=zh", "--help")[1]
    assert run(capsys, "--lang", "xx", "fit")[0] == 2


@pytest.mark.parametrize("command", ["fit", "sample", "score", "compare", "check", "impute", "spectrum", "bench", "report", "tour", "demo"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_command_has_help_with_an_example(command, language, capsys):
    code, out, _ = run(capsys, command, "--help", "--lang", language)
    assert code == 0
    assert f"ornstein {command}" in out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("fit nofile.csv -o m", 2, "does not exist"),
        ("fit days.csv -o days.model", 2, "--force"),
        ("fit days.csv -o no/such/m", 2, "does not exist"),
        ("fit days.csv -o m --model gausian", 2, "did you mean 'gaussian'"),
        ("fit days.csv -o m --structure low-rnk", 2, "did you mean 'low-rank'"),
        ("fit days.csv -o m --rank ten", 2, "--rank"),
        ("fit days.csv -o m --structure low-rank --rank -1", 2, "at least 1"),
        ("fit days.csv -o m --shrinkage often", 2, "shrinkage is 'often'"),
        ("fit gaps.csv -o m --model mixture", 2, "NaN"),
        ("fit days.csv -o m --window 9", 2, "at most 8"),
        ("fit days.csv -o m --hop 2", 2, "window"),
        ("fit days.csv -o m --components 2", 2, "belongs to model 'mixture'"),
        ("sample days.model -o new.xyz", 2, "suffix"),
        ("sample days.model -o days.csv", 2, "--force"),
        ("sample days.model -o n.csv -n 0", 2, "at least 1"),
        ("sample days.model -o n.csv --sampler ddim --steps 0", 2, "at least 1"),
        ("sample days.model -o n.csv --sampler ddim --steps -1", 2, "at least 1"),
        ("sample days.model -o n.csv --steps ten", 2, "--steps"),
        ("sample days.csv -o n.csv", 2, "model folder"),
        ("score days.model gaps.csv", 2, "12 NaN values"),
        ("score days.model", 2, "Missing argument"),
        ("impute days.model gaps.csv -o f.csv --draws 0", 2, "at least 1"),
        ("impute days.model gaps.csv -o f.csv --level 2", 2, "between 0 and 1"),
        ("report days.csv -o no/such/report.html", 2, "not a folder"),
        ("tour days.csv -o t.html", 2, "one curve"),
        ("fitt days.csv", 2, "did you mean 'fit'"),
        ("fit days.csv --modle gaussian", 2, "No such option"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(room, capsys, words, code, says):
    before = sorted(p.name for p in room.rglob("*"))
    found, out, err = run(capsys, *words.split())
    assert found == code
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert out == ""
    assert sorted(p.name for p in room.rglob("*")) == before
    machine = run(capsys, *words.split(), "--json")
    if words.startswith(("fit ", "sample", "score", "impute")):
        assert json.loads(machine[2])["code"] == code


def test_a_damaged_model_is_named(room, capsys):
    (room / "days.model" / "model.safetensors").write_bytes(b"not tensors")
    code, _, err = run(capsys, "sample", "days.model", "-o", "n.csv")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "model.safetensors" in err


def test_a_disk_that_refuses_is_exit_code_three(room, capsys, monkeypatch):
    import os

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = run(capsys, "sample", "days.model", "-o", "n.csv")
    assert code == 3
    assert "No space left" in err
    assert not (room / "n.csv").exists()


def test_other_channels_are_refused_by_name(room, capsys):
    orn.write("other.csv", orn.Signals(orn.read("days.csv").values, channels=("wind",)))
    code, _, err = run(capsys, "score", "days.model", "other.csv")
    assert code == 2
    assert "wind" in err
    assert "load" in err


def test_why_there_is_no_p_value_is_asked_of_the_model(room, capsys):
    """A Gaussian without held-out scores can have them, whatever way its density was computed."""
    orn.fit(orn.read("days.csv"), folds=0).save("bare.model")
    for options in ((), ("--method", "flow", "--error", "1")):
        with pytest.raises(SystemExit):
            main(["score", "bare.model", "days.csv", *options])
        assert "--folds 5" in " ".join(capsys.readouterr().out.split())


def test_a_file_is_resampled_to_the_rate_of_a_model(tmp_path, monkeypatch, capsys):
    """The remedy that the message for another rate names; windows are cut in samples of the new rate."""
    monkeypatch.chdir(tmp_path)
    long = ornstein_uhlenbeck(1, 640, 20.0, seed=3).values
    orn.fit(orn.Signals(long.view(20, 1, 32), 250.0)).save("m")
    orn.write("fast.npz", orn.Signals(long.repeat_interleave(2, 2), 500.0))
    for options, code in (((), 2), (("--resample", "250"), 0)):
        with pytest.raises(SystemExit) as stop:
            main(["score", "m", "fast.npz", "--window", "32", *options])
        assert stop.value.code == code
    told = capsys.readouterr()
    assert "--resample 250" in told.err
    assert "20 cases of 1 channel ch0, 32 samples at 250 Hz" in told.err
