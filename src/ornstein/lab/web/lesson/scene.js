// The scene: what Python sent once for a curve, and what the figures make of it for the present state. Nothing here draws.
import { at, extent, mix, row, rows, secondMoment, similarity, toeplitz } from "/views/arrays.js";
import { hiding, logEvidence, measured, posteriorDeviation, posteriorDraw, posteriorMean } from "/views/conditioning.js";
import { symmetricEigenvalues } from "/views/eigen.js";
import { coordinates, flowed, gaussianLaw, levels, logDensities, placed, signalOf } from "/views/gaussian.js";
import { madeVariances, relativeDistance } from "/views/fewsteps.js";
import { normals } from "/views/normals.js";

export const CALLS = [1, 2, 4, 5, 10, 20, 25, 50, 100];
export const FLOOR = 0.1; // deviation of the white part that a smooth law is given before its density is taken
const DRAWS = 6;
const DRAWN = 1 << 12; // the case at which the noise of posterior draws begins
export const SPREADS = [1, 0.5, 0.1]; // deviations of the copies in figure 2c at t = 0

export const steps = ({ alpha, sigma }) => Array.from(alpha, (a, k) => ({ alpha: a, sigma: sigma[k] }));

// A value that is made again only where what it depends on has changed.
export function remembered(make) {
  let known = null, value;
  return (...asked) => {
    const key = JSON.stringify(asked);
    if (key !== known) [known, value] = [key, make(...asked)];
    return value;
  };
}

export function prepared({ arrays: data, numbers, own, averaged, seed }) {
  const d = data.curve.length, zero = new Float64Array(d), path = steps(data);
  const laws = { kernel: gaussianLaw(zero, data.basis_kernel, data.lambda_signal), ensemble: gaussianLaw(zero, data.basis_ensemble, data.lambda_ensemble) };
  const noise = rows(data.noise), end = path[path.length - 1];
  const curves = [data.reverse_one, data.reverse_kernel, data.reverse_ensemble].map(({ values }) => values);
  const matrices = { source: secondMoment(data.noise), paired: secondMoment(data.paired), ensemble: toeplitz(data.ensemble_row) };
  const now = (t) => ({ alpha: at(data.alpha, t), sigma: at(data.sigma, t) });
  const blend = remembered((t) => mix(data.curve, noise[0], now(t).alpha, now(t).sigma));
  const kernel = remembered((t) => similarity(blend(t)));
  const known = remembered((law, r) => measured(laws[law], r));
  const given = remembered((law, r, hidden) => hiding(known(law, r), hidden));
  const ends = noise.map((z) => coordinates(laws.kernel, z, 0).map((v, k) => v * Math.sqrt(end.alpha ** 2 * laws.kernel.eigenvalues[k] + end.sigma ** 2)));
  const priors = Object.fromEntries(Object.keys(laws).map((name) => [name, rows(normals(DRAWS, d, { seed, first: DRAWN })).map((z) => placed(laws[name], z, path[0]))]));
  const errors = normals(DRAWS + 1, d, { seed, first: 2 * DRAWN });
  // noise that meets what is random already: one for each of the white draws, and the last for the curve among them
  const met = rows(normals(noise.length + 1, d, { seed, first: 3 * DRAWN })), onwards = (x, z, t) => mix(x, z, now(t).alpha, now(t).sigma);
  const spectra = { signal: data.lambda_signal, ensemble: data.lambda_ensemble, source: data.lambda_source, paired: data.lambda_paired };
  const coloured = remembered((t) => ends.map((w) => signalOf(laws.kernel, flowed(laws.kernel, w, end, now(t)), 0)));
  const readings = remembered((r) => data.curve.map((v, i) => v + r * errors.values[i]));
  return {
    ...data, d, own, averaged, seed, numbers, laws, path, matrices, now, blend, kernel, readings,
    wide: extent([data.noise.values, ...noise.map((z) => mix(data.curve, z, 1, 1))]),
    recoloured: extent([data.paired.values, data.exact.values, data.curve]),
    reverseRange: extent(curves, 0.03),
    spectrum: remembered((t) => (t === 0 ? Float64Array.from(data.lambda_signal) : symmetricEigenvalues(kernel(t)).map((v) => Math.max(v, 0)))),
    // the same white noise, coloured by Sigma_t: at t = T it is white, at t = 0 it has the kernel's covariance
    coloured, colouredSpectrum: remembered((t) => momentSpectrum(coloured(t))),
    // eigenvalues of alpha^2 S + sigma^2 I, for S = "signal" (the kernel), "ensemble", "source" or "paired"
    diffused: (name, t) => levels({ eigenvalues: spectra[name] }, now(t)),
    whites: remembered((t) => noise.map((z, k) => onwards(z, met[k], t))),
    among: (t) => onwards(data.curve, met[noise.length], t),
    recolouredThen: remembered((t) => rows(data.paired).map((x, k) => onwards(x, met[k], t))),
    posterior: remembered((law, r, hidden) => {
      const known = given(law, r, hidden), y = readings(r);
      const draws = priors[law].map((x, k) => posteriorDraw(known, y, x, x.map((v, i) => v + r * errors.values[(k + 1) * d + i])));
      return { mean: posteriorMean(known, y), deviation: posteriorDeviation(known), draws, evidence: logEvidence(known, y) };
    }),
    densities: (law, x, where) => logDensities(laws[law], x, where),
    few: remembered((law, calls) => {
      const grid = Array.from({ length: calls + 1 }, (_, k) => path[Math.round((k * (path.length - 1)) / calls)]);
      return [false, true].map((ancestral) => {
        const variances = madeVariances(laws[law], grid, ancestral);
        return { variances, distance: relativeDistance(laws[law], variances) };
      });
    }),
  };
}

// Eigenvalues of X^T X / m for m curves, from the smaller X X^T / m, which has the same ones but for zeros.
export function momentSpectrum(curves) {
  const m = curves.length, d = curves[0].length, gram = new Float64Array(m * m), out = new Float64Array(d);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      const a = curves[i], b = curves[j];
      let sum = 0;
      for (let k = 0; k < d; k++) sum += a[k] * b[k];
      gram[i * m + j] = gram[j * m + i] = sum / m;
    }
  }
  out.set(symmetricEigenvalues({ values: gram, rows: m, columns: m }).subarray(0, d).map((v) => Math.max(v, 0)));
  return out;
}

// Psi_t, what each direction of the diffused white draws is to be multiplied by; at t = 0 as Python found it, 0 where they have nothing.
export function psiOf(scene, t) {
  const source = scene.diffused("source", t);
  return t === 0 ? scene.psi : scene.diffused("signal", t).map((v, k) => Math.sqrt(v / source[k]));
}

// Copies of the curve with deviation s, diffused: around alpha x_0, every eigenvalue of their covariance alpha^2 s^2 + sigma^2.
export const spreadOf = (s, { alpha, sigma }) => Math.hypot(alpha * s, sigma);

export const copiesOf = (scene, sigma) => rows(scene.noise).map((z) => mix(scene.curve, z, 1, sigma));
export const firstNoise = (scene) => row(scene.noise, 0);

// Entries that a list of [first, last] hides, in order.
export function hiddenBy(gaps, d) {
  const shut = new Set(gaps.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, k) => a + k)));
  return [...shut].filter((i) => i >= 0 && i < d).sort((a, b) => a - b);
}
