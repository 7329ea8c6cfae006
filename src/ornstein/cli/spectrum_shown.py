"""What ``spectrum`` found, as numbers, rows, sentences and plots."""

from __future__ import annotations

import io

import torch

from ornstein import plots
from ornstein.cli.spectrum_page import page
from ornstein.cli.words import Words
from ornstein.covariance import Diagonal, amplitude
from ornstein.metrics import SampleSpectrum, explained, half_level, noise_levels, noise_spectrum

_DPI = 150


def numbers(found: SampleSpectrum, shape: tuple[int, ...], standardize: str) -> dict[str, object]:
    """What a machine is told."""
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


def head(words: Words) -> list[str]:
    """The heads of the columns."""
    return [words(key) for key in ("direction", "eigenvalue", "share", "cumulative", "above")]


def table_rows(found: SampleSpectrum, top: int, words: Words) -> list[tuple[str, ...]]:
    """A row for each of the ``top`` leading directions."""
    lam, shares = found.spectrum.eigenvalues, found.spectrum.explained
    own = torch.diff(shares, prepend=torch.zeros(1, dtype=shares.dtype))
    rows: list[tuple[str, ...]] = []
    for k in range(min(top, len(lam))):
        above = "–" if found.noise is None else words("yes" if k < found.noise.count else "no")
        rows.append((str(k + 1), f"{float(lam[k]):.4g}", f"{100 * float(own[k]):.2f} %", f"{100 * float(shares[k]):.2f} %", above))
    return rows


def lines_of(found: SampleSpectrum, unit: str, words: Words) -> list[str]:
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


def drawn(found: SampleSpectrum, suffix: str, name: str, unit: str, words: Words, top: int) -> bytes:
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
    return page(name, svg, lines_of(found, unit, words), head(words), table_rows(found, top, words), words).encode()
