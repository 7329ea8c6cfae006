"""The command that looks at eigenvalues: spectrum."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

import ornstein as orn
from ornstein import plots
from ornstein.cli import show
from ornstein.cli.spectrum_page import page
from ornstein.common.checks import count
from ornstein.common.errors import unknown_name
from ornstein.common.files import refuse_existing, write_bytes
from ornstein.covariance import Diagonal, amplitude
from ornstein.metrics import SampleSpectrum, explained, half_level, noise_levels, noise_spectrum, sample_spectrum

Words = Callable[[str], str]

SUFFIXES = (".html", ".svg", ".png")
_DPI = 150


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""

    def option(names: str | tuple[str, ...], key: str) -> Any:
        return typer.Option(*([names] if isinstance(names, str) else names), help=words(key))

    @app.command(help=words("spectrum"), epilog=f"{words('example')}: ornstein spectrum days.csv -o spectrum.html")
    def spectrum(
        path: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path | None, option(("--output", "-o"), "spectrum-output")] = None,
        top: Annotated[int, option("--top", "spectrum-top")] = 10,
        standardize: Annotated[str, option("--standardize", "standardize")] = "channel",
        false_alarm: Annotated[float, option("--false-alarm", "false-alarm")] = 0.05,
        orient: Annotated[str, option("--orient", "orient")] = "auto",
        window: Annotated[int | None, option("--window", "window")] = None,
        hop: Annotated[int | None, option("--hop", "hop")] = None,
        rate: Annotated[float | None, option("--rate", "rate")] = None,
        key: Annotated[str | None, option("--key", "key")] = None,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        count(top, "--top")
        if output is not None:
            if output.suffix.lower() not in SUFFIXES:
                raise unknown_name(f"the suffix of {output.name}", output.suffix.lower(), SUFFIXES)
            refuse_existing(output, force)
        x = orn.read(path, orient=orient, window=window, hop=hop, rate=rate, key=key)
        overlap = window is not None and hop is not None and hop < window
        found = sample_spectrum(x, standardize=standardize, overlap=overlap, false_alarm=false_alarm)
        unit = x.units[0] if standardize == "none" and len(set(x.units)) == 1 else "SD" if standardize != "none" else ""
        if output is not None:
            write_bytes(output, _drawn(found, output.suffix.lower(), path.name, unit, words, top), force=force)
        if as_json:
            show.machine(_numbers(found, x.shape, standardize) | {"output": output})
            return
        lines = _lines(found, unit, words)
        show.table(words("spectrum-title"), _head(words), _rows(found, top, words))
        for line in lines:
            show.line(line)
        if output is not None:
            show.line(words("wrote").format(path=output.resolve()))


def _numbers(found: SampleSpectrum, shape: tuple[int, ...], standardize: str) -> dict[str, object]:
    law = Diagonal(found.spectrum.eigenvalues)
    levels = noise_levels(law)
    noise = found.noise
    return {
        "cases": found.cases,
        "shape": list(shape[1:]),
        "standardize": standardize,
        "eigenvalues": found.spectrum.eigenvalues,
        "explained": found.spectrum.explained,
        "rank": found.spectrum.rank,
        "effective_rank": found.spectrum.effective_rank,
        "directions_90": found.spectrum.directions(0.9),
        "kept": {"sigma": levels, "share": explained(law, levels), "half": half_level(law)},
        "noise": None
        if noise is None
        else {"edge": noise.edge, "above": noise.count, "variance": noise.variance, "false_alarm": noise.false_alarm},
        "no_noise": found.reason or None,
    }


def _head(words: Words) -> list[str]:
    return [words(key) for key in ("direction", "eigenvalue", "share", "cumulative", "above")]


def _rows(found: SampleSpectrum, top: int, words: Words) -> list[tuple[str, ...]]:
    lam, shares = found.spectrum.eigenvalues, found.spectrum.explained
    own = torch.diff(shares, prepend=torch.zeros(1, dtype=shares.dtype))
    rows: list[tuple[str, ...]] = []
    for k in range(min(top, len(lam))):
        above = "–" if found.noise is None else words("yes" if k < found.noise.count else "no")
        rows.append((str(k + 1), f"{float(lam[k]):.4g}", f"{100 * float(own[k]):.2f} %", f"{100 * float(shares[k]):.2f} %", above))
    return rows


def _lines(found: SampleSpectrum, unit: str, words: Words) -> list[str]:
    """What follows from the table, a sentence each."""
    lam, spectrum, noise = found.spectrum.eigenvalues, found.spectrum, found.noise
    unit, square = (f" {unit}", f" {unit}²") if unit else ("", "")
    lines = [
        words("spectrum-rank").format(
            effective=spectrum.effective_rank, rank=spectrum.rank, size=len(lam), cases=found.cases, most=spectrum.directions(0.9)
        ),
        words("spectrum-half").format(level=half_level(Diagonal(lam)), unit=unit),
    ]
    if noise is None:
        return [*lines, words(f"no-noise-{found.reason}")]
    edge = words("spectrum-edge").format(
        edge=noise.edge, unit=square, draws=found.cases, rate=noise.false_alarm, above=noise.count, variance=noise.variance
    )
    return [*lines, edge]


def _bulk(white: torch.Tensor, found: SampleSpectrum) -> torch.Tensor:
    """The spectrum of noise in the directions that are taken for noise, which the edge belongs to; NaN in those above it."""
    if found.noise is None:
        return white
    above, draws = found.noise.count, found.cases - 1
    rest = noise_spectrum(draws - above, len(white) - above, found.noise.variance) * (draws - above) / draws
    return torch.cat([torch.full((above,), torch.nan, dtype=rest.dtype), rest])


def _drawn(found: SampleSpectrum, suffix: str, name: str, unit: str, words: Words, top: int) -> bytes:
    """The plots in the format of the suffix."""
    spectrum, noise = found.spectrum, found.noise
    lam, d = spectrum.eigenvalues, len(spectrum.eigenvalues)
    law = Diagonal(lam)
    # without an estimate of the noise, white noise of the same total variance is what to compare with
    white = noise_spectrum(found.cases - 1, d, noise.variance if noise is not None else float(lam.mean()))
    levels = noise_levels(law)
    figure = plots.spectra(
        lam,
        _bulk(white, found),
        amplitude(white, lam),
        spectrum.explained,
        levels,
        explained(law, levels),
        effective_rank=spectrum.effective_rank,
        edge=None if noise is None else noise.edge,
        count=0 if noise is None else noise.count,
        half=half_level(law),
        unit=unit,
    )
    if suffix == ".png":
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        return buffer.getvalue()
    svg = plots.to_svg(figure, "spectrum")
    if suffix == ".svg":
        return (svg + "\n").encode()
    return page(name, svg, _lines(found, unit, words), _head(words), _rows(found, top, words), words).encode()
