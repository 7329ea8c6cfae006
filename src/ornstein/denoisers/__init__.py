"""Denoisers: a noisy signal goes in, the law of the clean one comes out. The analytic ones know their law in full."""

from ornstein.denoisers.base import Conditional, Denoiser, Law, Posterior
from ornstein.denoisers.by_condition import ByCondition
from ornstein.denoisers.by_condition_fit import fit_by_condition
from ornstein.denoisers.cloud import Cloud
from ornstein.denoisers.colored import Colored
from ornstein.denoisers.compiled import Compiled
from ornstein.denoisers.empirical import Empirical
from ornstein.denoisers.fit import choose_mixture, fit_empirical, fit_gaussian, fit_mixture
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.guided import Guided, guided
from ornstein.denoisers.independent import Independent, independent
from ornstein.denoisers.marginal import marginal
from ornstein.denoisers.matched import matched
from ornstein.denoisers.mixture import Mixture
from ornstein.denoisers.network import Network
from ornstein.denoisers.particles import Particles
from ornstein.denoisers.preconditioning import Preconditioning
from ornstein.denoisers.predicted import Predicted
from ornstein.denoisers.pretrained import from_diffusers

__all__ = [
    "ByCondition",
    "Cloud",
    "Colored",
    "Compiled",
    "Conditional",
    "Denoiser",
    "Empirical",
    "Gaussian",
    "Guided",
    "Independent",
    "Law",
    "Mixture",
    "Network",
    "Particles",
    "Posterior",
    "Preconditioning",
    "Predicted",
    "choose_mixture",
    "fit_by_condition",
    "fit_empirical",
    "fit_gaussian",
    "fit_mixture",
    "from_diffusers",
    "guided",
    "independent",
    "marginal",
    "matched",
]
