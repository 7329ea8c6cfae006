"""``ornstein bench samplers``: the numbers of the certificate, in a table, as JSON, and drawn."""

import json
import re
from dataclasses import dataclass

import pytest

import commands
import ornstein as orn
from ornstein.covariance import as_spectral
from ornstein.data.laws import cosines_covariance, ornstein_uhlenbeck, ornstein_uhlenbeck_covariance
from ornstein.model.methods import AWARE, GRIDS, SAMPLERS, SPECTRAL
from ornstein.samplers import DDIM, Heun
from ornstein.samplers.certify import certify
from ornstein.schedules import VE, VP, karras, log_snr, spectral, uniform


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with days.csv in kW and a model fitted to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORNSTEIN_LANG", "en")
    days = orn.Signals(20 + 5 * ornstein_uhlenbeck(40, 8, 3.0, seed=1).values, rate=4.0, channels=("load",), units=("kW",))
    orn.write("days.csv", days)
    orn.fit(days, folds=0).save("days.model")
    return tmp_path


def run(capsys, *words):
    return commands.run(capsys, "bench", "samplers", *words)


def test_json_holds_the_numbers_of_the_certificate(room, capsys):
    code, out, _ = run(capsys, "days.csv", "--sampler", "ddim,heun", "--steps", "3,7", "--json")
    found = json.loads(out)
    law = orn.load("days.model").exact
    assert code == 0
    assert (found["size"], found["rank"], found["schedule"], found["grid"], found["skipped"]) == (8, 8, "vp", "own", {})
    assert [(r["sampler"], r["steps"], r["calls"]) for r in found["runs"]] == [
        ("ddim", 3, 3),
        ("ddim", 7, 7),
        ("heun", 3, 5),
        ("heun", 7, 13),
    ]
    for row in found["runs"]:
        own = certify(SAMPLERS[row["sampler"]], row["steps"], VP(), law.covariance(), law.mean())
        worst = int(own.worst()[0])
        wanted = (own.w2, own.relative_w2, own.mean_error, own.covariance_error, float(own.eigenvalues[worst]), float(own.ratio[worst]))
        shown = (row["w2"], row["relative_w2"], row["mean_error"], row["covariance_error"], *row["worst"].values())
        assert shown == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_a_model_and_the_data_it_was_fitted_to_say_the_same(room, capsys):
    words = ["--sampler", "euler", "--steps", "4", "--schedule", "vp", "--json"]
    of_data, of_model = (json.loads(run(capsys, given, *words)[1]) for given in ("days.csv", "days.model"))
    assert of_data["runs"][0]["w2"] == pytest.approx(of_model["runs"][0]["w2"])


@pytest.mark.parametrize(("law", "matrix"), [("cosines", cosines_covariance()), ("ornstein-uhlenbeck", ornstein_uhlenbeck_covariance())])
def test_built_in_laws_and_all_samplers(room, capsys, law, matrix):
    """Every sampler of the table is measured or named with the reason; Exact has no error."""
    found = json.loads(run(capsys, "--law", law, "--steps", "4", "--json")[1])
    assert {r["sampler"] for r in found["runs"]} | set(found["skipped"]) == {*SAMPLERS, *AWARE}
    w2 = {r["sampler"]: r["w2"] for r in found["runs"]}
    assert w2["exact"] < 1e-6
    assert w2["ddim"] == pytest.approx(certify(DDIM(), 4, VP(), matrix).w2)


def test_grids(room, capsys):
    """Each name stands for its function; the spectral one takes the order of a method without a past, and DDIM's for all others."""
    law = as_spectral(orn.load("days.model").exact.covariance())
    wanted = {
        "own": (VE().grid(6), VE().grid(6)),
        "uniform": (uniform(VE(), 6),) * 2,
        "karras": (karras(VE(), 6),) * 2,
        "log-snr": (log_snr(VE(), 6),) * 2,
        "spectral": (spectral(VE(), 6, law.eigenvalues, 1), spectral(VE(), 6, law.eigenvalues, 2)),
    }
    assert wanted.keys() == {*GRIDS, SPECTRAL}
    for name, grids in wanted.items():
        words = ["days.model", "--grid", name, "--schedule", "ve", "--steps", "6", "--sampler", "ddim,heun", "--json"]
        found = json.loads(run(capsys, *words)[1])
        own = [certify(sampler, grid, VE(), law).w2 for sampler, grid in zip((DDIM(), Heun()), grids, strict=True)]
        assert [r["w2"] for r in found["runs"]] == pytest.approx(own)


def test_the_table(room, capsys):
    code, out, _ = run(capsys, "days.model", "--sampler", "exact,ddim", "--steps", "10,5")
    own = certify(DDIM(), 5, VP(), orn.load("days.model").exact.covariance())
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line.startswith("│")]
    assert code == 0
    assert rows[0] == ["exact", "5", "0", "0", "0", "–"]
    assert [row[:3] for row in rows[2:]] == [["ddim", "5", "5"], ["ddim", "10", "10"]]
    assert float(rows[2][3].removesuffix(" %")) == pytest.approx(100 * own.relative_w2, rel=0.01)
    worst = int(own.worst()[0])
    assert rows[2][5] == f"{float(own.eigenvalues[worst]):.3g}: {100 * (float(own.ratio[worst]) - 1):+.1f} %"
    assert "8 directions, rank 8" in out
    assert "schedule vp, grid own" in out


@dataclass(frozen=True)
class Bent(DDIM):
    """DDIM that is not affine."""

    def step(self, context, x, now, then):
        return super().step(context, x + 0.1 * x**2, now, then)


def test_what_cannot_be_certified_is_left_out_with_the_reason(room, capsys, monkeypatch):
    monkeypatch.setitem(SAMPLERS, "bent", Bent())
    code, out, _ = run(capsys, "days.model", "--steps", "4", "--sampler", "ddim,bent")
    assert code == 0
    assert re.search(r"left out bent: sampler is Bent.* not an affine function", out)
    found = json.loads(run(capsys, "days.model", "--steps", "4", "--sampler", "ddim,bent", "--json")[1])
    assert list(found["skipped"]) == ["bent"]
    code, out, err = run(capsys, "days.model", "--steps", "4", "--sampler", "bent")
    assert (code, out) == (2, "")
    assert "not an affine function" in err


@pytest.mark.parametrize(("name", "starts"), [("s.svg", b"<svg"), ("s.png", b"\x89PNG")])
def test_plots_are_written_the_same_each_time_and_never_over_a_file(room, capsys, name, starts):
    words = ["days.model", "--sampler", "ddim,heun,exact", "--steps", "3,6", "-o", name]
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert str((room / name).resolve()) in out
    first = (room / name).read_bytes()
    assert first.startswith(starts)
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert "--force" in err
    assert run(capsys, *words, "--force")[0] == 0
    assert (room / name).read_bytes() == first


@pytest.mark.parametrize("language", ["en", "zh"])
def test_in_both_languages(room, capsys, language):
    code, out, _ = run(capsys, "--help", "--lang", language)
    assert code == 0
    assert "ornstein bench samplers" in out
    code, out, _ = run(capsys, "days.model", "--sampler", "ddim", "--steps", "3", "--lang", language)
    assert code == 0
    assert ("采样器的精确误差" if language == "zh" else "exact error of samplers") in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nofile.csv", "does not exist"),
        ("--steps ten", "--steps holds 'ten'"),
        ("--steps 5,,10", "--steps holds ''"),
        ("--steps 0", "--steps is 0"),
        ("--sampler ddim,exat", "did you mean 'exact'"),
        ("--schedule cosinus", "did you mean 'cosine'"),
        ("--schedule cosine,vp", "--schedule is 'cosine,vp'"),
        ("--grid karas", "did you mean 'karras'"),
        ("--law cosine", "did you mean 'cosines'"),
        ("--schedule sigmoid --steps 200", "at most 100"),
        ("days.csv --structure low-rnk", "did you mean 'low-rank'"),
        ("days.csv --hop 2", "window"),
        ("-o s.pdf", "suffix of s.pdf"),
        ("-o no/such/s.svg", "not a folder"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(room, capsys, words, says):
    commands.refused(capsys, room, ["bench", "samplers", *words.split()], says)
