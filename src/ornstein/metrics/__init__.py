"""Numbers that say how good a law is, each with its standard error."""

from ornstein.metrics.calibration import LEVELS, Coverage, band, coverage, crps, interval_score, pit, rank_histogram
from ornstein.metrics.compare import Candidate, Fold, Score, blocks, compare, fold_models, held_out_log_prob
from ornstein.metrics.distances import energy_distance, sliced_wasserstein
from ornstein.metrics.means import Mean, mean_with_error
from ornstein.metrics.spectra import Spectrum, spectrum

__all__ = [
    "LEVELS",
    "Candidate",
    "Coverage",
    "Fold",
    "Mean",
    "Score",
    "Spectrum",
    "band",
    "blocks",
    "compare",
    "coverage",
    "crps",
    "energy_distance",
    "fold_models",
    "held_out_log_prob",
    "interval_score",
    "mean_with_error",
    "pit",
    "rank_histogram",
    "sliced_wasserstein",
    "spectrum",
]
