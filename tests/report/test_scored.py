"""The page of saved models: its numbers are those of the models, in both languages, for networks with their errors."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import torch

import ornstein as orn
from commands import refused
from ornstein.cli import main
from ornstein.common.folds import ends
from ornstein.common.sentences import translated
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network, fit_gaussian
from ornstein.fitting.scaling import Scaler
from ornstein.metrics import check
from ornstein.model import Model
from ornstein.nets import MLP
from ornstein.report import analyse, networked, write_report, write_scored

X = orn.Signals(20 + 5 * ornstein_uhlenbeck(60, 8, 3.0, seed=1).values, 4.0, ("load",), ("kW",))
TRAIN, NEW = X[:40], X[40:]


def network() -> Model:
    scaler = Scaler.fit(TRAIN.values, "channel")
    net = Network.of(MLP((1, 8), width=8, depth=1), fit_gaussian(scaler.encode(TRAIN.values)))
    return Model(net, scaler, X.channels, X.units, X.rate)


def shown(page: str) -> dict[str, tuple[float, float | None]]:
    found = re.findall(r'data-key="([^"]+)" data-value="([^"]+)"(?: data-error="([^"]+)")?', page)
    return {key: (float(value), float(error) if error else None) for key, value, error in found}


def test_numbers_are_those_of_the_models(tmp_path: object) -> None:
    models = {"net <1>": network(), "plain": orn.fit(TRAIN)}
    odd = NEW.with_values(NEW.values.clone())
    odd.values[3, 0, 5] += 60
    page = write_scored(f"{tmp_path}/p.html", models, odd, error=1.0, language="zh", title="新信号").read_text()
    density = models["net <1>"].log_density(odd, error=1.0)
    numbers = shown(page)
    case = int(density.value.argmin())
    assert case == 3
    assert numbers["nats_0"] == (-float(density.value[3]), float(density.error[3]))
    assert numbers["mean"][0] == pytest.approx(float(density.value.mean()))
    table = orn.compare(models, odd, error=1.0)
    assert [numbers[f"mean_{k}"][0] for k in range(len(table.scores))] == [s.nats.value for s in table.scores]
    assert "net &lt;1&gt;" in page
    assert "net <1>" not in page
    assert 'data-language="zh-CN"' in page
    assert html.escape(density.why) in page
    assert html.escape(translated(density.why, "zh")) in page
    assert translated(density.why, "zh") != density.why
    assert page.count("<svg") == 2
    assert "There are no p-values" in page
    assert numbers["posterior_cases"][0] == 20
    assert 0 < numbers["posterior_close"][0] <= 1
    assert "posterior_c2st" not in numbers  # no exact answer is known of a network
    judged = write_scored(f"{tmp_path}/q.html", {"plain": models["plain"]}, odd).read_text()
    exact = check(models["plain"], orn.Mask(torch.tensor([1, 1, 1, 0, 0, 1, 1, 1]).bool()), x=odd.values, close=True)
    assert shown(judged)["posterior_c2st"][0] == exact.close.c2st
    assert shown(judged)["posterior_crps"][0] == pytest.approx(exact.result.crps)
    assert f'data-verdict="{exact.verdict.replace(" ", "-")}"' in judged
    assert shown(judged)["p_0"][0] == pytest.approx(float(models["plain"].surprise(odd).p_value.min()))


def test_on_the_command_line(tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(str(tmp_path))
    orn.write("new.csv", NEW)
    orn.fit(TRAIN, folds=0).save("a.model")
    orn.fit((torch.arange(6) % 2).repeat(12, 1).double(), "binary", law="independent", folds=0).save("bits.model")
    for words, code, said in (
        (["report", "new.csv", "--by", "a.model", "-o", "p.html"], 0, "p.html"),
        (["report", "new.csv", "--by", "a.model", "-o", "p.html"], 2, "exists"),
        (["report", "new.csv", "--by", "bits.model", "-o", "q.html"], 2, "a law of symbols"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(words)
        text = capsys.readouterr()
        assert int(stop.value.code or 0) == code, text.err
        assert said in text.out + text.err


def test_a_network_is_judged_on_what_it_was_not_trained_on_beside_simpler_laws_of_the_same(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of a network's report is that of ``compare`` on the held-out ends, with a Gaussian and a mixture of the others."""
    trained = []

    def train(x: orn.Signals, *_: object, **told: object) -> Model:
        trained.append((x, told["minutes"], told["overlap"]))
        return network()

    monkeypatch.setattr(networked, "fit", train)
    page = write_report(f"{tmp_path}/p.html", X, model="network", minutes=0.1, overlap=1, title="net").read_text()
    fold = ends(60, 12, 1)
    assert torch.equal(trained[0][0].values, X[fold.train].values)
    assert trained[0][1:] == (0.1, 1)
    table = orn.compare({"network": network()}, X[fold.test], train=X[fold.train], overlap=1)
    numbers = shown(page)
    assert {s.name for s in table.scores} == {"network", "gaussian", "mixture"}
    for k, score in enumerate(table.scores):
        assert numbers[f"mean_{k}"] == (pytest.approx(score.nats.value), pytest.approx(score.nats.error))
    with pytest.raises(orn.InputError, match="use write_report"):
        analyse(X, "network")


def test_the_line_hands_on_what_a_network_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(*_: object, **told: object) -> Model:
        raise orn.InputError(f"{told['minutes']} minutes, overlap {told['overlap']}")

    monkeypatch.setattr(networked, "fit", train)
    monkeypatch.chdir(tmp_path)
    orn.write("x.csv", X)
    orn.write("other.csv", orn.Signals(X.values, 4.0, ("wind",), ("kW",)))
    network().save("n.model")
    for line, says in (
        ("--model network --minutes 0.1 --window 4 --hop 2", "0.1 minutes, overlap 1"),
        ("--by n.model --fitted other.csv", "the fitted cases, train (--fitted): x has the channels wind"),
        ("--minutes 1", "minutes is 1, but model is 'gaussian'"),
        ("--fitted x.csv", "--fitted is x.csv, but it belongs to --by"),
    ):
        refused(capsys, tmp_path, ["report", "x.csv", "-o", "s.html", *line.split()], says)
