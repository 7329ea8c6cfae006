"""One page that says what saved models make of new signals: densities with errors, where the oddest are odd, whether its
posteriors are right, which model is best."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ornstein.common import files
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.signals import Signals
from ornstein.likelihood import Density, bits_per_dim
from ornstein.metrics import Mean, compare_models, mean_with_error
from ornstein.metrics.models import Comparison
from ornstein.model import Model
from ornstein.plots import style
from ornstein.plots.oddest import oddest
from ornstein.plots.svg import to_svg
from ornstein.report import posteriors
from ornstein.report.words import LANGUAGES, Number, Words, read, spoken

SHOWN = 6
"""Cases that are shown, most surprising first."""


def write_scored(
    path: str | os.PathLike[str],
    models: Mapping[str, Model],
    x: Signals,
    *,
    train: Signals | None = None,
    error: float | None = None,
    overlap: int = 0,
    seed: int = 0,
    language: str = "en",
    title: str = "",
    force: bool = False,
) -> Path:
    """Write the page, in English and Chinese, and return its path.

    models   by name; the first is the one whose scores are shown, all of them are compared
    x        signals that no model was fitted to
    train    the signals that the models were fitted to, for a Gaussian and a mixture beside them
    error    nats that an estimated density may be off
    overlap  how many neighbours on either side share samples with a signal, for standard errors: see ``metrics.compare_models``
    language "en" or "zh": what the page opens in;  title: shown as it is

    Raises ``InputError`` for laws of symbols, an unknown language, a path that exists (unless ``force``), and what scoring raises.
    Cost: a density of every signal under every model, a map for each of six, and a posterior for each of 20 to 200.
    """
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)
    files.refuse_existing(path, force)
    for name, model in models.items():
        if not isinstance(model, Model):
            raise InputError(f"{name} holds a law of symbols, but this page draws signals: use ornstein score, or compare")
    name, model = next(iter(models.items()))
    table = compare_models(models, x, train=train, error=error, overlap=overlap, seed=seed)
    found = table.densities[name]
    order = found.value.argsort()[:SHOWN]
    judged = model.reference is not None
    p = model.surprise(x).p_value if judged else None
    chosen = x[order]
    where = model.where(chosen, seed=seed).view(chosen.shape)
    tried = posteriors.tried(model, x[:: overlap + 1], seed)  # neighbours that share samples are not ranked as if they did not
    page = _Page(name, model, chosen, where, table, found, order, p, 2 * overlap, tried)
    files.write_text(path, page.render(language, title or name), force=force)
    return Path(path)


class _Page:
    """The sections."""

    def __init__(
        self,
        name: str,
        model: Model,
        chosen: Signals,
        where: Tensor,
        table: Comparison,
        found: Density,
        order: Tensor,
        p: Tensor | None,
        lag: int,
        tried: posteriors.Tried | None,
    ) -> None:
        self.name, self.model, self.chosen, self.where = name, model, chosen, where
        self.table, self.found, self.order, self.p, self.tried = table, found, order, p, tried
        self.mean = Number.of(mean_with_error(found.value, lag))
        values = {"mean": self.mean.html("mean"), "error": Number(float(found.error.max())).html("error")}
        values |= {"model": html.escape(name), "cases": str(len(found.value)), "calls": str(int(found.calls.max()))}
        if tried is not None:
            values |= {key: number.html(key) for key, number in posteriors.numbers(tried.found).items()}
        self.words = Words(values, {code: {"why": html.escape(why)} for code, why in spoken(found.why).items()})

    def render(self, language: str, title: str) -> str:
        """The whole page."""
        code = LANGUAGES[language]
        heading = f'<header><p class="kind">{self.both("scored.kind")}</p><h1>{html.escape(title)}</h1></header>'
        body = "\n".join([heading, self.density(), self.places(), self.posteriors(), self.comparison()])
        template = read("page.html")
        parts = {"LANGUAGE": code, "TITLE": html.escape(title), "STYLE": read("page.css"), "SCRIPT": read("page.js"), "BODY": body}
        for name, content in parts.items():
            template = template.replace(f"<!--{name}-->", content)
        return template

    def both(self, key: str) -> str:
        return self.words.both(key)

    def density(self) -> str:
        entries = math.prod(self.model.event_shape)
        bits = bits_per_dim(self.found.value, entries)
        head = [self.both(f"table.{key}") for key in ("rank", "case", "nats", "bits", "p")]
        rows = []
        for k, case in enumerate(self.order.tolist()):
            nats = Number(-float(self.found.value[case]), float(self.found.error[case]) if self.found.method != "exact" else None)
            p = "–" if self.p is None else Number(float(self.p[case])).html(f"p_{k}")
            rows.append([str(k + 1), str(case), nats.html(f"nats_{k}"), Number(float(bits[case])).html(f"bits_{k}"), p])
        told = "scored.exact" if self.found.method == "exact" else "scored.estimated"
        judged = "" if self.p is not None else f'<p class="small">{self.both("scored.unjudged")}</p>'
        return self.section("scored", f"<p>{self.both(told)}</p>" + table_of(head, rows) + judged)

    def places(self) -> str:
        names = [f"#{case}" for case in self.order.tolist()]
        units = self.model.units or ("",) * self.chosen.shape[1]
        channels = self.model.channels or tuple(self.chosen.channels)
        drawn = ""
        for width, screen in ((style.WIDTH, "wide"), (style.NARROW, "narrow")):
            figure = oddest(self.chosen.values, self.where, names=names, channels=channels, units=units, rate=self.chosen.rate, width=width)
            drawn += to_svg(figure, f"oddest-{screen}").replace("<svg", f'<svg class="{screen}" width="100%" role="img"', 1)
        return self.section("places", f"<figure>{drawn}<figcaption>{self.both('places.read')}</figcaption></figure>")

    def posteriors(self) -> str:
        if self.tried is None:
            return ""
        return self.section("posteriors", posteriors.content(self.tried, self.words))

    def comparison(self) -> str:
        head = [self.both(f"table.{key}") for key in ("law", "perCase", "bits", "difference")]
        rows = []
        for k, score in enumerate(self.table.scores):
            apart = "–" if score.difference is None else _number(score.difference).html(f"difference_{k}")
            cells = (_number(score.nats).html(f"mean_{k}"), _number(score.bits).html(f"bits_of_{k}"), apart)
            rows.append([html.escape(score.name), *cells])
        notes = "".join(f'<p class="small">{self.words.said(note)}</p>' for note in self.table.notes)
        return self.section("comparison", f"<p>{self.both('comparison.read')}</p>" + table_of(head, rows) + notes)

    def section(self, name: str, content: str) -> str:
        return f'<section id="{name}"><h2>{self.both(f"{name}.title")}</h2>{content}</section>'


def table_of(head: list[str], rows: list[list[str]]) -> str:
    """A table whose cells are HTML."""
    columns = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>'


def _number(mean: Mean) -> Number:
    return Number.of(mean) if math.isfinite(mean.value) and torch.isfinite(torch.tensor(mean.error)) else Number(mean.value)
