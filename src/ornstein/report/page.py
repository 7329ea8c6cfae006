"""The report as one HTML page: sentences, figures and tables put together, with nothing left to load."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from ornstein.common.errors import unknown_name
from ornstein.metrics import Candidate
from ornstein.metrics.filling import NOMINAL
from ornstein.plots import style
from ornstein.report.analysis import SURPRISING, Analysis
from ornstein.report.choices import candidate
from ornstein.report.figures import draw
from ornstein.report.numbers import numbers, shown_channels
from ornstein.report.verdicts import better, notes, verdicts
from ornstein.report.words import LANGUAGES, Number, Words, law_names, read

_COLOURS = {style.INK: "ink", style.MUTED: "muted", style.GRID: "grid", style.MODEL: "model", style.TRUTH: "truth", "#ffffff": "paper"}


def render(found: Analysis, language: str = "en", title: str | Mapping[str, str] | None = None, *, images: bool = False) -> str:
    """The page as a string, in both languages; ``language`` is the one it opens in. Raises ``InputError`` for an unknown one."""
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)
    page = Page(found, title, images)
    code = LANGUAGES[language]
    heading = page.titles[code]
    body = "\n".join(
        section
        for section in (
            page.head(),
            page.glance(),
            page.signals(),
            page.moments(),
            page.spectrum(),
            page.imputation(),
            page.gaps(),
            page.surprise(),
            page.likelihood(),
            page.method(),
        )
        if section
    )
    template = read("page.html")
    parts = {"LANGUAGE": code, "TITLE": heading, "STYLE": read("page.css"), "SCRIPT": read("page.js"), "BODY": body}
    for name, content in parts.items():
        template = template.replace(f"<!--{name}-->", content)
    return template


class Page:
    """The sections of one report."""

    def __init__(self, found: Analysis, title: str | Mapping[str, str] | None, images: bool) -> None:
        self.found, self.images = found, images
        self.numbers = numbers(found)
        values = {key: number.html(key) for key, number in self.numbers.items()} | {"version": html.escape(_version())}
        spoken: dict[str, dict[str, str]] = {code: {"law": name} for code, name in law_names(found.law).items()}
        self.laws = {score.name: _parsed(score.name) for score in found.scores}
        other = better(found) if len(found.scores) > 1 else None
        if other is not None:
            best = self.laws[other[0].name]
            values["best_call"] = html.escape(f'orn.fit(x, "{best.model}", structure="{best.structure}")')
            for code, name in law_names(best).items():
                spoken[code]["best"] = name
        for law in found.unfit:
            for code, name in law_names(law).items():
                spoken[code]["unfit"] = ", ".join([*filter(None, [spoken[code].get("unfit")]), name])
        self.words = Words(values, spoken)
        given = dict.fromkeys(LANGUAGES, title) if isinstance(title, str) else dict(title or {})
        self.titles = {
            code: html.escape(given[name]) if name in given else self.words.texts[code]["page.title"] for name, code in LANGUAGES.items()
        }
        x = found.signals
        self.keep = {style.labelled(c, u) for c, u in zip(x.channels, x.units, strict=True)} | {style.short(c, 12) for c in x.channels}
        self.names = {name: law_names(law) for name, law in self.laws.items()}
        self.figures = {name: tuple(map(_themed, pair)) for name, pair in draw(found, images=images).items()}

    def head(self) -> str:
        x, words = self.found.signals, self.words
        facts = [("facts.cases", self.number("cases")), ("facts.channels", self.number("channels")), ("facts.times", self.number("times"))]
        if x.rate is not None:
            seconds = x.shape[2] / x.rate
            unit, name = style.time_unit(seconds)
            facts.append(("facts.duration", Number(seconds / unit, unit=name).html("duration")))
        if self.found.missing:
            facts.append(("facts.missing", self.number("missing")))
        facts.append(("facts.law", self.law(self.found.law)))
        title = words.pair(self.titles["en"], self.titles["zh-CN"])
        cells = "".join(f"<div><dt>{words.both(key)}</dt><dd>{value}</dd></div>" for key, value in facts)
        return f'<header><p class="kind">{words.both("page.kind")}</p><h1>{title}</h1><dl>{cells}</dl></header>'

    def glance(self) -> str:
        marks = {True: "good", False: "attention", None: "neutral"}
        said = "".join(f'<li class="{marks[v.good]}" data-verdict="{v.key}">{self.words.both(v.key)}</li>' for v in verdicts(self.found))
        noted = "".join(f'<p class="note" data-note="{key}">{self.words.both(key)}</p>' for key in notes(self.found, images=self.images))
        how = f'<p class="small">{self.words.both("glance.how")}</p>'
        return self.section("glance", f"<ul>{said}</ul>{how}{noted}")

    def signals(self) -> str:
        distance = f'<p class="small">{self.words.both("signals.distance")}</p>' if self.found.distances is not None else ""
        return self.section("signals", self.figure("signals", "signals.images" if self.images else "signals.read") + distance)

    def moments(self) -> str:
        caption = "moments.images" if self.images else "moments.mean"
        return self.section(
            "moments",
            self.figure("mean", caption) + self.figure("covariance", "moments.covariance"),
        )

    def spectrum(self) -> str:
        return self.section("spectrum", self.figure("spectrum", "spectrum.read"))

    def imputation(self) -> str:
        held = self.found.holdout
        if held is None:
            return self.section("imputation", f"<p>{self.words.both('imputation.none')}</p>")
        levels = [round(100 * c.level) for c in held.coverage]
        bands = [(f"{level}%", self.number(f"coverage_{level}"), self.number(f"z_{level}")) for level in levels]
        fillings = [(self.words.both(f"table.{name}"), self.number(f"rmse_{name}"), self.number(f"crps_{name}")) for name in held.fillings]
        content = self.figure("imputation", "imputation.images" if self.images else "imputation.read")
        content += self.table([*map(self.words.both, ("table.filling",)), "RMSE", "CRPS"], fillings, "table.note")
        content += f"<h3>{self.words.both('calibration.title')}</h3>" + self.figure("calibration", "calibration.read")
        content += self.table([*map(self.words.both, ("table.band", "table.measured", "table.deviation"))], bands, "calibration.joint")
        return self.section("imputation", content)

    def gaps(self) -> str:
        bands, x = self.found.bands, self.found.signals
        if bands is None or self.images:
            return ""
        rows = []
        for c in shown_channels(bands):
            name = html.escape(style.short(x.channels[c]))
            for k, length in enumerate(bands.lengths):
                cells = [f"gap_{c}_{k}_{round(100 * level)}" for level in NOMINAL]
                rows.append((name, str(length), *(self.number(key) if key in self.numbers else "–" for key in cells)))
        head = [*map(self.words.both, ("table.channel", "table.gap")), *(f"{100 * level:.0f}%" for level in NOMINAL)]
        said = self.words.both("gaps.hold" if bands.holds else "gaps.broken")
        return self.section("gaps", f"<p>{said}</p>" + self.table(head, rows, "gaps.note"))

    def surprise(self) -> str:
        ranked = self.found.surprises
        if ranked is None:
            return ""
        head, channels = ["table.rank", "table.case", "table.nats", "table.p"], self.found.signals.channels
        several = len(channels) > 1 and not self.images
        rows = []
        for k in range(min(SURPRISING, len(ranked.nats))):
            row = (str(k + 1), self.number(f"case_{k}"), self.number(f"surprise_{k}"), self.number(f"p_{k}"))
            odd = f"{html.escape(style.short(channels[int(ranked.channels[k, 0])]))} ({self.number(f'odd_share_{k}')})"
            rows.append((*row, odd) if several else row)
        caption = "surprise.images" if self.images else "surprise.channels" if several else "surprise.read"
        shown = self.table([self.words.both(key) for key in ([*head, "table.odd"] if several else head)], rows)
        return self.section("surprise", self.figure("surprise", caption) + shown)

    def likelihood(self) -> str:
        scores = self.found.scores
        if not scores:
            return self.section("likelihood", f"<p>{self.words.both('likelihood.none')}</p>")
        best = max(scores, key=lambda s: s.nats.value)
        rows = []
        for k, score in enumerate(scores):
            name = self.law(self.laws[score.name])
            difference = self.number(f"difference_{k}") if score.difference is not None else "–"
            shown = f"<b>{name}</b>" if score is best else name
            rows.append((shown, self.number(f"nats_{k}"), self.number(f"bits_{k}"), difference, self.number(f"outside_{k}")))
        head = list(map(self.words.both, ("table.law", "table.perCase", "table.bits", "table.difference", "table.outside")))
        figure = self.figure("likelihood", "likelihood.read") if "likelihood" in self.figures else ""
        unfit = f'<p class="small">{self.words.both("likelihood.unfit")}</p>' if self.found.unfit else ""
        return self.section("likelihood", figure + self.table(head, rows, "table.likelihood.note") + unfit)

    def method(self) -> str:
        return self.section("method", f"<p>{self.words.both('method.text')}</p>")

    def number(self, key: str) -> str:
        return self.numbers[key].html(key)

    def law(self, law: Candidate) -> str:
        names = law_names(law)
        return self.words.pair(names["en"], names["zh-CN"])

    def section(self, name: str, content: str) -> str:
        return f'<section id="{name}"><h2>{self.words.both(f"{name}.title")}</h2>{content}</section>'

    def figure(self, name: str, caption: str) -> str:
        """A figure with the sentence that says how to read it; the sentence is also its description for those who cannot see it."""
        svg = ""
        for drawn, screen, inches in zip(self.figures[name], ("wide", "narrow"), (style.WIDTH, style.NARROW), strict=True):
            share = min(100.0, 100 * _width(drawn) / inches)  # a small figure stays small, so that all have letters of one size
            svg += self.words.figure(drawn, self.keep, self.names).replace(
                "<svg", f'<svg class="{screen}" width="{share:.0f}%" role="img" aria-labelledby="read-{name}"', 1
            )
        return f'<figure>{svg}<figcaption id="read-{name}">{self.words.both(caption)}</figcaption></figure>'

    def table(self, head: list[str], rows: Sequence[tuple[str, ...]], note: str = "") -> str:
        columns = "".join(f"<th>{cell}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        below = f'<p class="small">{self.words.both(note)}</p>' if note else ""
        return f'<div class="table"><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>{below}'


def _themed(svg: str) -> str:
    """The palette as variables of the page, so that a figure follows its light or dark look."""
    for colour, name in _COLOURS.items():
        svg = svg.replace(f": {colour}", f": var(--{name})")
    return svg


def _width(svg: str) -> float:
    """Inches of a drawn figure."""
    found = re.search(r'viewBox="0 0 ([\d.]+)', svg)
    return float(found[1]) / 72 if found else style.WIDTH


def _parsed(name: str) -> Candidate:
    model, structure = name.split(" · ")
    return candidate(model, structure)


def _version() -> str:
    try:
        return version("ornstein")
    except PackageNotFoundError:
        return "(source)"
