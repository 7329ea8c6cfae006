"""Numbers that say how good a law is, each with its standard error."""

from ornstein.common.folds import Fold, blocks
from ornstein.metrics.backtest import Backtest, backtest
from ornstein.metrics.bands import BandCheck, check_bands
from ornstein.metrics.calibrated import Calibrated, calibrated, tarp
from ornstein.metrics.calibration import LEVELS, Coverage, band, coverage, crps, energy_score, interval_score, pit, rank_histogram
from ornstein.metrics.checking import Checked, check
from ornstein.metrics.compare import Candidate, Score, compare, fold_models, held_out_log_prob
from ornstein.metrics.contrast import Contrast, contrast
from ornstein.metrics.distances import energy_distance, sliced_wasserstein
from ornstein.metrics.explained import Explained, explained, explained_of, half_level, noise_levels
from ornstein.metrics.filling import Errors, errors_of
from ornstein.metrics.gap_bench import GapBench, bench_gaps
from ornstein.metrics.joint import Joint, joint_coverage
from ornstein.metrics.means import Mean, mean_with_error
from ornstein.metrics.models import Comparison
from ornstein.metrics.models import compare as compare_models
from ornstein.metrics.noise_edge import Significant, marchenko_pastur, noise_spectrum, significant
from ornstein.metrics.novelty import Novelty, novelty
from ornstein.metrics.sample import SampleSpectrum, sample_spectrum
from ornstein.metrics.spectra import Spectrum, spectrum
from ornstein.metrics.stein import Stein, stein
from ornstein.metrics.two_samples import c2st

__all__ = [
    "LEVELS",
    "Backtest",
    "BandCheck",
    "Calibrated",
    "Candidate",
    "Checked",
    "Comparison",
    "Contrast",
    "Coverage",
    "Errors",
    "Explained",
    "Fold",
    "GapBench",
    "Joint",
    "Mean",
    "Novelty",
    "SampleSpectrum",
    "Score",
    "Significant",
    "Spectrum",
    "Stein",
    "backtest",
    "band",
    "bench_gaps",
    "blocks",
    "c2st",
    "calibrated",
    "check",
    "check_bands",
    "compare",
    "compare_models",
    "contrast",
    "coverage",
    "crps",
    "energy_distance",
    "energy_score",
    "errors_of",
    "explained",
    "explained_of",
    "fold_models",
    "half_level",
    "held_out_log_prob",
    "interval_score",
    "joint_coverage",
    "marchenko_pastur",
    "mean_with_error",
    "noise_levels",
    "noise_spectrum",
    "novelty",
    "pit",
    "rank_histogram",
    "sample_spectrum",
    "significant",
    "sliced_wasserstein",
    "spectrum",
    "stein",
    "tarp",
]
