"""Noise that drifts: denoise days under strongly correlated noise, once knowing its covariance and once taking it for white."""

import torch

from ornstein.common.random import Noise
from ornstein.covariance import Stationary
from ornstein.data import examples
from ornstein.denoisers import Colored, fit_gaussian
from ornstein.samplers import DDIM, sample
from ornstein.schedules import VP

days = examples.electricity().values
law = fit_gaussian(days[:800])
cycles = torch.fft.fftfreq(24, 1 / 24).abs()
spectrum = 1 / (1 + cycles**2)
drift = Stationary.from_spectrum(spectrum / spectrum.mean())  # slow, with variance 1 at every hour
aware = Colored.of(law, drift)

clean = days[800:]
sigma = 0.7
noisy = clean + sigma * aware.color(Noise(0).normal(len(clean), (1, 24)))
for name, denoiser in (("white", law), ("colored", aware)):
    found = denoiser(noisy, sigma)
    error = (found.mean - clean).square().mean().sqrt()
    claimed = found.covariance.diagonal().mean().sqrt()
    print(f"{name:>8} denoiser: error {error:.3f}, deviation it claims {claimed:.3f} (noise {sigma})")

new = sample(aware, DDIM(), VP(), 250, 2000)  # the forward noise is colored too, and the law of the samples stays that of the data
distance = (new.flatten(1).T.cov() - law.covariance().dense()).norm() / law.covariance().dense().norm()
print(f"2000 samples by DDIM under colored noise: covariance off by {distance:.1%}")
