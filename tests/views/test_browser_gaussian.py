"""The Gaussian law in the browser's own mathematics: its numbers are Python's, and every frame is cheap enough to be one."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch

from ornstein import views
from ornstein.common.philox import philox
from ornstein.common.random import Noise
from ornstein.covariance import Dense, similarity
from ornstein.data.laws import cosines_covariance
from ornstein.denoisers import Gaussian
from ornstein.measurements import Average, Blur, Downsample, Mask
from ornstein.process import Process
from ornstein.samplers import DDIM, DDPM, certify
from ornstein.schedules import Discrete, Grid

torch.set_num_threads(1)
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node to run the mathematics of the browser")
D, T, NOISE = 100, 100, 0.1
HIDDEN = (0, *range(30, 52), 99)
SENSORS = {"average": (5, Average(5)), "every": (10, Downsample(10)), "blur": (5, Blur(torch.full((5,), 0.2, dtype=torch.float64)))}
TOLERANCE = 1e-4  # of the largest entry: what the browser promises, with bases sent as Float32

RUN = r"""
import { readFileSync } from "node:fs";
import * as gaussian from "./gaussian.js";
import * as conditioning from "./conditioning.js";
import * as sensed from "./sensed.js";
import { symmetricEigenvalues } from "./eigen.js";
import { madeVariances, relativeDistance } from "./fewsteps.js";
import { normals, philox } from "./normals.js";

const sent = JSON.parse(readFileSync("data.json", "utf8"));
const matrix = (rows, type = Float32Array) => ({ values: type.from(rows.flat()), rows: rows.length, columns: rows[0].length });
const plain = (value) => (value.buffer ? Array.from(value) : { ...value, values: Array.from(value.values) });
const { x, y, z, t, hidden, noise } = sent, path = sent.alpha.map((alpha, k) => ({ alpha, sigma: sent.sigma[k] }));
const at = path[t], end = path[path.length - 1];
const answers = Object.fromEntries(Object.entries(sent.laws).map(([name, given]) => {
  const law = gaussian.gaussianLaw(given.mean, matrix(given.basis), Float32Array.from(given.eigenvalues));
  const known = conditioning.hiding(conditioning.measured(law, noise), hidden), w = gaussian.coordinates(law, x, end.alpha);
  const run = gaussian.wandered(law, w, path, matrix(sent.white.map((row) => Array.from(gaussian.coordinates(law, row, 0))), Float64Array));
  return [name, {
    drawn: plain(gaussian.placed(law, z, at)),
    flow: plain(gaussian.signalOf(law, gaussian.flowed(law, w, end, at), at.alpha)),
    start: plain(gaussian.signalOf(law, gaussian.flowed(law, w, end, path[0]))),
    back: plain(gaussian.signalOf(law, run.values.subarray(t * w.length, (t + 1) * w.length), at.alpha)),
    density: gaussian.logDensity(law, x, { alpha: 1, sigma: noise }), then: gaussian.logDensity(law, x, at),
    denoised: plain(gaussian.denoised(law, x, at)), rank: gaussian.effectiveRank(law.eigenvalues),
    mean: plain(conditioning.posteriorMean(known, y)), deviation: plain(conditioning.posteriorDeviation(known)),
    evidence: conditioning.logEvidence(known, y),
    eigenvalues: plain(symmetricEigenvalues(matrix(given.matrix, Float64Array))),
    few: [false, true].map((ancestral) => {
      const variances = madeVariances(law, path.filter((_, k) => k % 10 === 0), ancestral);
      return { variances: plain(variances), distance: relativeDistance(law, variances) };
    }),
    sensed: Object.fromEntries(sent.sensors.map(([kind, factor]) => {
      const known = sensed.sensing(law, sensed.covarianceOf(law), sensed.SENSORS[kind](factor, x.length / 2), 2);
      const told = sensed.noisy(known, noise);
      const seen = told.sees(x), { mean, evidence } = sensed.sensedMean(told, seen), white = sent.white[1].slice(0, seen.length);
      const draw = sensed.sensedDraw(told, seen, y, white);
      const widths = { deviation: plain(told.deviation), prior: plain(told.prior) };
      return [kind, { y: plain(seen), mean: plain(mean), evidence, draw: plain(draw), ...widths }];
    })),
    one: plain(conditioning.posteriorDraw(known, y, x, y.map((v, i) => x[i] + noise * z[i]))),
  }];
}));
const now = () => Number(process.hrtime.bigint()) / 1e6;
const fastest = (work) => Math.min(...Array.from({ length: 15 }, () => { const before = now(); work(); return now() - before; }));
const big = sent.big, law = gaussian.gaussianLaw(big.mean, matrix(big.basis), big.eigenvalues), known = conditioning.measured(law, noise);
const average = sensed.sensing(law, sensed.covarianceOf(law), sensed.SENSORS.average(4, 256), 1);
const frames = {
  eigenvalues: fastest(() => symmetricEigenvalues(matrix(sent.laws.kernel.matrix, Float64Array))),
  flow: fastest(() => gaussian.signalOf(law, gaussian.flowed(law, gaussian.coordinates(law, big.mean, 1), end, at))),
  density: fastest(() => gaussian.logDensity(law, big.mean, at)),
  sensor: fastest(() => sensed.sensedMean(sensed.noisy(average, noise), average.sees(big.mean))),
  brush: fastest(() => {
    const given = conditioning.hiding(known, Array.from({ length: 64 }, (_, k) => 90 + k));
    return [conditioning.posteriorMean(given, big.mean), conditioning.posteriorDeviation(given)];
  }),
};
const found = plain(normals(3, 7, { seed: 2 ** 33 + 5, first: 4, stream: 9 }));
console.log(JSON.stringify({ answers, frames, philox: philox([1, 2, 3, 4], [5, 6]), normals: found }));
"""


def ar1(d):
    gap = torch.arange(d, dtype=torch.float64)
    return Dense(0.9 ** (gap[:, None] - gap).abs())


@pytest.fixture(scope="module")
def given():
    generator = torch.Generator().manual_seed(0)
    curve = torch.randn(D, generator=generator, dtype=torch.float64).cumsum(0)
    curve = (curve - curve.mean()) / curve.std()
    mean = torch.linspace(-1, 1, D, dtype=torch.float64)
    covariances = {"kernel": similarity(curve), "ensemble": Dense(cosines_covariance(D)), "rough": ar1(D)}
    return curve, {name: Gaussian(mean, covariance) for name, covariance in covariances.items()}


@pytest.fixture(scope="module")
def numbers():
    process = Process(Discrete.sigmoid(T))
    alpha, sigma = process.marginal(torch.arange(T + 1, dtype=torch.float64) / T)
    white = Noise(3).normal(T, (D,))
    return {"alpha": alpha, "sigma": sigma, "white": white, "z": Noise(4).normal(1, (D,))[0], "t": 37, "process": process}


@pytest.fixture(scope="module")
def found(given, numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaussian")
    for name in (*views.EXACT, "arrays", "sensed"):
        (folder / f"{name}.js").write_text(views.source(name), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    curve, laws = given

    def plain(law):
        matrix = law.operator.dense().tolist()
        return {
            "matrix": matrix,
            "mean": law.mean().tolist(),
            "basis": law.operator.basis.tolist(),
            "eigenvalues": law.operator.eigenvalues.tolist(),
        }

    big = plain(Gaussian(torch.zeros(256), ar1(256)))
    sent = {k: v.tolist() for k, v in numbers.items() if isinstance(v, torch.Tensor)}
    sent |= {"x": curve.tolist(), "y": (curve + 0.3).tolist(), "hidden": HIDDEN, "noise": NOISE, "t": numbers["t"], "big": big}
    sent["sensors"] = [(kind, factor) for kind, (factor, _) in SENSORS.items()]
    (folder / "data.json").write_text(json.dumps(sent | {"laws": {name: plain(law) for name, law in laws.items()}}))
    (folder / "run.js").write_text(RUN, encoding="utf-8")
    done = subprocess.run([NODE, "run.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def same(answer, wanted):
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(np.asarray(answer), wanted, rtol=0, atol=TOLERANCE * np.abs(wanted).max())


NAMES = pytest.mark.parametrize("name", ["kernel", "ensemble", "rough"])


@NAMES
def test_draws_flows_and_densities_are_those_of_python(found, given, numbers, name):
    (curve, laws), answer = given, found["answers"][name]
    law, alpha, sigma, t = laws[name], numbers["alpha"], numbers["sigma"], numbers["t"]
    mu, operator = law.mean(), law.operator
    at = operator.scaled(alpha[t], sigma[t])
    same(answer["drawn"], alpha[t] * mu + operator.unrotate(at.eigenvalues.sqrt() * numbers["z"]))
    w = operator.rotate(curve - alpha[-1] * mu) / operator.scaled(alpha[-1], sigma[-1]).eigenvalues.sqrt()
    same(answer["flow"], alpha[t] * mu + operator.unrotate(w * at.eigenvalues.sqrt()))
    same(answer["start"], mu + operator.unrotate(w * operator.eigenvalues.sqrt()))
    assert answer["density"] == pytest.approx(float(law.log_prob(curve, NOISE)), rel=TOLERANCE)
    assert answer["then"] == pytest.approx(float(Gaussian(alpha[t] * mu, at).log_prob(curve)), rel=TOLERANCE)
    same(answer["denoised"], law(curve[None] / alpha[t], float(sigma[t] / alpha[t])).mean[0])
    assert answer["rank"] == pytest.approx(float(operator.effective_rank()), rel=TOLERANCE)


@NAMES
def test_a_run_back_follows_the_exact_transitions(found, given, numbers, name):
    (curve, laws), answer, process = given, found["answers"][name], numbers["process"]
    law, alpha, t = laws[name], numbers["alpha"], numbers["t"]
    x = curve
    for s in range(T - 1, t - 1, -1):
        # x_s given x_t is the posterior of x_s ~ law at s under x_t = a x_s + b z
        a, b = process.transition(s / T, (s + 1) / T)
        there = law.operator.scaled(alpha[s], numbers["sigma"][s])
        mu = alpha[s] * law.mean()
        posterior = there.posterior(b / a)
        x = mu + there.gain(x / a - mu, b / a) + posterior.color(numbers["white"][s])
    same(answer["back"], x)


@NAMES
def test_eigenvalues_are_those_of_python(found, given, name):
    operator = given[1][name].operator
    expected = operator.eigenvalues.numpy()
    np.testing.assert_allclose(found["answers"][name]["eigenvalues"], expected, rtol=0, atol=1e-12 * expected[0])


@NAMES
@pytest.mark.parametrize(("sampler", "place"), [(DDIM(), 0), (DDPM(), 1)])
def test_samplers_of_few_calls_are_those_that_python_certifies(found, given, name, sampler, place):
    times = torch.linspace(1, 0, 11, dtype=torch.float64)
    certificate = certify(sampler, Grid(times), Discrete.sigmoid(T), given[1][name].operator)
    answer = found["answers"][name]["few"][place]
    same(answer["variances"], certificate.variance)
    assert answer["distance"] == pytest.approx(certificate.relative_w2, rel=TOLERANCE)


@NAMES
def test_a_brushed_gap_has_the_posterior_of_python(found, given, numbers, name):
    (curve, laws), answer = given, found["answers"][name]
    seen = torch.ones(D, dtype=torch.bool)
    seen[list(HIDDEN)] = False
    y = curve + 0.3
    posterior = laws[name].condition(Mask(seen), y[seen], NOISE)
    same(answer["mean"], posterior.law.mean())
    same(answer["deviation"], posterior.law.covariance().diagonal().sqrt())
    assert answer["evidence"] == pytest.approx(float(posterior.log_evidence), rel=TOLERANCE)
    kept = laws[name].condition(Mask(seen), (y - curve - NOISE * numbers["z"])[seen] + laws[name].mean()[seen], NOISE).law.mean()
    same(answer["one"], curve + kept - laws[name].mean())


def test_noise_is_that_of_python(found):
    expected = Noise(2**33 + 5, first=4).normal(3, (7,), stream=9)
    np.testing.assert_allclose(found["normals"]["values"], expected.flatten(), rtol=1e-12, atol=1e-14)
    words = philox((5, 6), *(torch.tensor([k]) for k in (1, 2, 3, 4)))
    assert found["philox"] == [int(w) for w in words]


def test_a_frame_of_256_dimensions_costs_no_more_than_8_ms(found):
    """The best of 15, so that a busy machine does not count; measured: 0.15, 0.1 and 1.9 ms."""
    assert max(found["frames"].values()) < 8, found["frames"]


@NAMES
@pytest.mark.parametrize("kind", SENSORS)
def test_readings_of_a_sensor_leave_the_posterior_of_python(found, given, numbers, name, kind):
    """Mean, deviations, evidence, and a draw by Matheron's rule, of two channels of 50 samples."""
    curve, laws = given
    law = Gaussian(laws[name].mean().reshape(2, D // 2), laws[name].operator, (2, D // 2))
    measurement, answer = SENSORS[kind][1], found["answers"][name]["sensed"][kind]
    y = measurement(curve.reshape(1, 2, -1))[0]
    post = law.condition(measurement, y, NOISE)
    same(answer["y"], y.flatten())
    same(answer["mean"], post.law.mean().flatten())
    same(answer["deviation"], post.law.covariance().diagonal().flatten().sqrt())
    same(answer["prior"], law.operator.diagonal().flatten().sqrt())
    assert answer["evidence"] == pytest.approx(float(post.log_evidence), rel=TOLERANCE)
    x, z = curve + 0.3, numbers["white"][1][: y.numel()]
    beyond = y - measurement(x.reshape(1, 2, -1))[0] - NOISE * z.reshape(y.shape)
    other = law.condition(measurement, measurement(law.mean()[None])[0] + beyond, NOISE)
    same(answer["draw"], x + (other.law.mean() - law.mean()).flatten())
