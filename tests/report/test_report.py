"""A report shows what a computation in Python gives, in both languages, and loads nothing."""

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.metrics import Candidate, Coverage, Joint, Mean, blocks, coverage, crps, held_out_log_prob, mean_with_error
from ornstein.plots.style import labelled, short
from ornstein.report import analyse, render, write_report
from ornstein.report.holdout import Filling
from ornstein.report.verdicts import better, verdicts
from ornstein.report.words import LANGUAGES, Words, dictionary, law_names, read

N, T, DRAWS, FOLDS = 40, 12, 60, 4
GAP = slice(4, 8)
FIGURES = ("signals", "mean", "covariance", "spectrum", "imputation", "calibration", "surprise", "likelihood")
NOTHING: dict[str, dict[str, str]] = {code: {} for code in LANGUAGES.values()}
CHANNELS = ('<script>alert("x")</script>', "温度")


def signals() -> orn.Signals:
    smooth = normal(N, 2, T + 2, seed=1).unfold(2, 3, 1).mean(-1) + torch.linspace(0, 1, T)
    return orn.Signals(smooth, rate=4.0, channels=CHANNELS, units=("mV", "mV"))


X = signals()
LABELS = {labelled(c, "mV") for c in CHANNELS} | {short(c, 12) for c in CHANNELS}
SETTINGS = {"gap": 1 / 3, "draws": DRAWS, "folds": FOLDS, "seed": 3}


@pytest.fixture(scope="module")
def found():
    return analyse(X, **SETTINGS)


@pytest.fixture(scope="module")
def page(found):
    return render(found, title="days & <nights>")


def shown(page: str) -> dict[str, float]:
    """Every number of the page; the same key must show the same number wherever it stands."""
    values: dict[str, float] = {}
    for key, value in re.findall(r'data-key="([^"]+)" data-value="([^"]+)"', page):
        assert values.setdefault(key, float(value)) == float(value)
    return values


def imputed_by_hand() -> torch.Tensor:
    draws = torch.empty(DRAWS, N, 2, 4, dtype=torch.float64)
    for k, part in enumerate(blocks(N, FOLDS)):
        model = orn.fit(X[part.train], folds=0)
        masked = X.values[part.test].clone()
        masked[..., GAP] = torch.nan
        draws[:, part.test] = model.impute(masked, DRAWS, seed=3 + k)[..., GAP]
    return draws


def test_imputation_numbers_are_those_of_a_computation_by_hand(page):
    draws, truth, values = imputed_by_hand(), X.values[..., GAP], shown(page)
    for c in coverage(draws, truth):
        assert values[f"coverage_{round(100 * c.level)}"] == pytest.approx(c.value, abs=1e-12)
        assert values[f"z_{round(100 * c.level)}"] == pytest.approx(c.z, abs=1e-9)
    assert values["crps_model"] == pytest.approx(float(crps(draws, truth).mean()), rel=1e-12)
    assert values["rmse_model"] == pytest.approx(float((draws.mean(0) - truth).square().mean().sqrt()), rel=1e-12)
    weight = torch.arange(1, 5, dtype=torch.float64) / 5
    straight = torch.lerp(X.values[..., 3:4], X.values[..., 8:9], weight)
    assert values["rmse_linear"] == pytest.approx(float((straight - truth).square().mean().sqrt()), rel=1e-12)
    assert values["crps_linear"] == pytest.approx(float((straight - truth).abs().mean()), rel=1e-12)


def test_likelihood_and_surprise_are_those_of_held_out_fits(page, found):
    values, parts = shown(page), blocks(N, FOLDS)
    nats = held_out_log_prob(X, Candidate("", "gaussian", "dense"), parts, seed=3)
    mean = mean_with_error(nats)
    assert values["nats_0"] == pytest.approx(mean.value, rel=1e-12)
    assert values["bits_0"] == pytest.approx(-mean.value / (2 * T * 0.6931471805599453), rel=1e-12)
    assert f'data-key="nats_0" data-value="{values["nats_0"]!r}" data-error="{mean.error!r}"' in page
    order = nats.argsort()
    for k in range(6):
        assert values[f"case_{k}"] == int(order[k])
        assert values[f"surprise_{k}"] == pytest.approx(-float(nats[order[k]]), rel=1e-12)
        assert values[f"p_{k}"] == pytest.approx((k + 1) / N)
    mixture = held_out_log_prob(X, Candidate("", "mixture", "dense"), parts, seed=3)
    row = [s.name for s in found.scores].index("mixture · dense")
    assert values[f"nats_{row}"] == pytest.approx(float(mixture.mean()), rel=1e-9)
    assert values[f"difference_{row}"] == pytest.approx(float((mixture - nats).mean()), abs=1e-9)


def test_spectrum_and_shape_are_those_of_the_model(page, found):
    values = shown(page)
    covariance = orn.fit(X, folds=0).covariance().dense()
    p = torch.linalg.eigvalsh(covariance)
    p = p / p.sum()
    assert values["effective_rank"] == pytest.approx(float(torch.exp(-(p * p.log()).sum())), rel=1e-9)
    assert (values["cases"], values["channels"], values["times"]) == (N, 2, T)
    assert torch.allclose(found.moments.block, covariance, atol=1e-12)
    assert torch.allclose(found.moments.deviation, covariance.diagonal().sqrt().view(2, T), atol=1e-12)


class _Reader(HTMLParser):
    """Checks that tags are balanced, and collects the ids and the languages of all text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_stands_alone(page):
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert set(re.findall(r"https?://[^\"' )<]*", page)) <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
    assert not re.findall(r'(?:src|href)="(?!#|data:image/png;base64,)', page)
    assert "@import" not in page
    assert len(page) < 1_500_000


def test_names_and_titles_are_escaped(page):
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert" in page
    assert '<h1><span lang="en">days &amp; &lt;nights&gt;' in page
    assert "<title>days &amp; &lt;nights&gt;</title>" in page


def test_channel_names_are_never_translated():
    svg = Words({}, NOTHING).figure('<text x="1">time [s]</text><text>samples</text>', {"time [s]"}, {})
    assert svg == '<text x="1">time [s]</text><text><tspan lang="en">samples</tspan><tspan lang="zh-CN">样本</tspan></text>'


def test_both_languages_say_the_same_with_the_same_numbers():
    english, chinese = dictionary("en"), dictionary("zh")
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", chinese[key])), key
        assert re.findall(r"</?\w+>", text).count("<b>") == re.findall(r"</?\w+>", chinese[key]).count("<b>"), key
        assert not re.search(r"[\u4e00-\u9fff]", text)


def test_every_sentence_is_used_somewhere():
    code = "".join(f.read_text() for f in files("ornstein.report").iterdir() if f.name.endswith(".py"))
    for key in dictionary("en"):
        group = key.split(".")[0]
        assert f'"{key}"' in code or group in ("law", "structure", "table") or f'"{group}"' in code, key


def test_every_word_of_a_figure_has_a_translation(page):
    """What both languages share is a number, a unit or the name of a channel."""
    shared = re.findall(r"<text\b[^>]*>([^<]+)</text>", page)
    assert len(shared) > 100
    for text in shared:
        assert re.fullmatch(r"[−\d.,e+-]+|± [12] SD", text) or html.unescape(text) in LABELS, text


def test_both_languages_and_both_looks_are_in_one_page(page, found, monkeypatch):
    assert page.count('lang="en"') > 50
    assert page.count('<span lang="en">') == page.count('<span lang="zh-CN">')
    assert page.count('<tspan lang="en">') == page.count('<tspan lang="zh-CN">')
    assert "prefers-color-scheme: dark" in page
    monkeypatch.setattr("ornstein.report.page.draw", lambda *_, **__: dict.fromkeys(FIGURES, ("<svg></svg>", "<svg></svg>")))
    assert render(found, "zh").startswith('<!doctype html>\n<html lang="zh-CN" data-language="zh-CN">')
    assert "#1f6fb4" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_every_figure_is_drawn_for_a_wide_and_a_narrow_screen(page):
    """On 390 pixels text must not fall below 9: a narrow figure is at most 4.2 inches wide, so 8 points are 10 pixels."""
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 8
    for figure in figures:
        widths = {screen: float(width) for screen, width in re.findall(r'<svg class="(\w+)"[^>]*viewBox="0 0 ([\d.]+) ', figure)}
        assert set(widths) == {"wide", "narrow"}
        smallest = min(float(size) for size in re.findall(r"font-size: ([\d.]+)px|font: ([\d.]+)px", figure) for size in size if size)
        shares = {screen: int(share) for screen, share in re.findall(r'<svg class="(\w+)" width="(\d+)%"', figure)}
        for screen, inches in (("wide", 8.6), ("narrow", 4.2)):
            assert shares[screen] == pytest.approx(min(100, 100 * widths[screen] / 72 / inches), abs=1)
        assert smallest * 390 * shares["narrow"] / 100 / widths["narrow"] > 9
    style = read("page.css")
    assert "figure svg.narrow { display: none; }" in style
    assert "max-width: 40rem" in style
    assert "@media print" in style


def test_the_same_data_and_seed_give_the_same_page(page):
    assert render(analyse(X, **SETTINGS), title="days & <nights>") == page


def test_verdicts_follow_the_numbers(found):
    def said(**changes):
        return {v.key for v in verdicts(replace(found, **changes))}

    held = found.holdout
    off = Joint(0.01, Mean(-0.1, 0.01))
    for joint, key in (
        (Joint(0.06, Mean(-0.1, 0.01)), "honest"),
        (off, "narrow"),
        (replace(off, excess=Mean(0.1, 0.01)), "wide"),
        (replace(off, excess=Mean(0.01, 0.01)), "mixed"),
    ):
        assert f"verdict.coverage.{key}" in said(holdout=replace(held, joint=joint))
    one_level = (Coverage(0.5, 0.6, 0.037), *held.coverage[1:])  # 2.7 standard errors at one level alone decide nothing
    assert "verdict.coverage.honest" in said(holdout=replace(held, coverage=one_level, joint=Joint(0.2, Mean(0.01, 0.01))))
    sharp = {name: Filling(Mean(value, 0.1), Mean(1, 0.1)) for name, value in (("model", 1), ("linear", 2), ("mean", 3))}
    for gain, key in ((Mean(1, 0.1), "better"), (Mean(0.1, 0.1), "same"), (Mean(-1, 0.1), "worse")):
        assert f"verdict.gain.{key}" in said(holdout=replace(held, gain=gain, fillings=sharp))
    assert "verdict.gain.guess" in said(
        holdout=replace(held, gain=Mean(1, 0.1), fillings={**sharp, "linear": sharp["model"], "model": sharp["linear"]})
    )
    for tail, key in ((Mean(0.05, 0.01), "right"), (Mean(0.2, 0.01), "light"), (Mean(0.0, 0.01), "heavy")):
        assert f"verdict.tail.{key}" in said(surprises=replace(found.surprises, tail=tail))
    own = next(s for s in found.scores if s.name == found.law.name)
    far = replace(own, name="mixture · diagonal", log_prob=own.log_prob + 5, nats=Mean(own.nats.value + 5, 0.1))
    assert better(replace(found, scores=(own, far))) is not None
    assert better(replace(found, scores=(own, replace(far, log_prob=own.log_prob - 5, nats=Mean(own.nats.value - 5, 0.1))))) is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr("ornstein.report.render", lambda *_, **__: "<html></html>\n")
    path, told = tmp_path / "report.html", []
    assert write_report(path, X.values[:12], draws=40, folds=2, progress=told.append) == path
    assert path.read_text().endswith("</html>\n")
    assert any("fold 1 of 2" in what for what in told)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    before = path.read_bytes()
    with pytest.raises(orn.InputError, match="exists: choose another path or pass force=True"):
        write_report(path, X)
    assert path.read_bytes() == before


def test_laws_are_named_in_both_languages_factor_by_factor():
    assert law_names(Candidate("", "gaussian", "dense*toeplitz")) == {
        "en": "Gaussian · dense × Toeplitz",
        "zh-CN": "高斯分布 · 稠密 × 托普利茨",
    }
    assert law_names(Candidate("", "mixture", "matern-3/2"))["en"] == "Gaussian mixture · matern-3/2"


def test_words_are_json_without_surprises():
    phrases = json.loads(read("text/figures.json"))
    assert all(phrases.values())
