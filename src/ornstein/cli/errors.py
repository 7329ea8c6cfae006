"""Errors of fillings and forecasts as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ornstein.cli.words import Words

if TYPE_CHECKING:
    from ornstein.metrics import Errors


def error_heads(words: Words) -> list[str]:
    """The heads of the columns of ``errors_row``."""
    return ["MAE", "RMSE", "CRPS", words("head-held")]


def errors_row(errors: Errors) -> tuple[str, ...]:
    """Mean absolute and root mean square error, CRPS, and how many per cent the three bands hold."""
    return (
        *(f"{value:.3g}" for value in (errors.mae, errors.rmse, errors.crps)),
        " / ".join(f"{100 * held:.0f}" for held in errors.coverage),
    )
