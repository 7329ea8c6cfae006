// A Gaussian law times a measurement y = A x + n, n ~ N(0, r^2 I), whose every reading is a weighted sum of neighbouring samples:
//   S = A Sigma A^T + r^2 I = L L^T,  G = L^-1 A Sigma     mean  mu + G^T L^-1 (y - A mu)     variances  diag(Sigma) - sum of G^2
// Cost: d^3 / 2 products once for a law, n^2 d / 2 for n readings and a noise, n d for a signal.
import { row } from "./arrays.js";
import { cholesky, forwards, sandwich } from "./linear.js";

const flat = (count) => new Float64Array(count).fill(1 / count);

// name -> the readings of (factor, samples of a channel): { from, weights } each. Blurs have an odd number of taps, and zeros beyond the ends.
export const SENSORS = {
  average: (factor, length) => Array.from({ length: Math.floor(length / factor) }, (_, k) => ({ from: k * factor, weights: flat(factor) })),
  every: (factor, length) => Array.from({ length: Math.floor(length / factor) }, (_, k) => ({ from: k * factor, weights: flat(1) })),
  blur(factor, length) {
    const half = Math.floor(factor / 2), taps = flat(2 * half + 1);
    return Array.from({ length }, (_, i) => ({ from: Math.max(i - half, 0), weights: taps.slice(Math.max(half - i, 0), taps.length - Math.max(i + half + 1 - length, 0)) }));
  },
};

// The covariance itself, which every sensor reads from.
export const covarianceOf = (law) => sandwich(law.basis, law.eigenvalues);

// What does not depend on noise and values: A on the ``channels`` of a law, A Sigma and A Sigma A^T.
export function sensing(law, covariance, sensor, channels) {
  const d = law.mean.length, length = d / channels, own = Array.from({ length: channels }, (_, c) => sensor.map(({ from, weights }) => ({ from: c * length + from, weights }))).flat();
  const sees = (x) => Float64Array.from(own, ({ from, weights }) => weights.reduce((sum, w, k) => sum + w * x[from + k], 0));
  const n = own.length, reach = { values: new Float64Array(n * d), rows: n, columns: d };
  own.forEach(({ from, weights }, i) => weights.forEach((w, k) => row(covariance, from + k).forEach((v, j) => { reach.values[i * d + j] += w * v; })));
  const inner = { values: new Float64Array(n * n), rows: n, columns: n };
  for (let i = 0; i < n; i++) inner.values.set(sees(row(reach, i)), i * n);
  return { law, sees, reach, inner, prior: Float64Array.from({ length: d }, (_, i) => Math.sqrt(Math.max(covariance.values[i * d + i], 0))) };
}

// The same with noise of deviation r > 0: what it takes to answer for any readings, and the deviations that they leave.
export function noisy(known, noise) {
  const { reach: { values: reach, rows: n, columns: d }, inner, prior } = known, level = { ...inner, values: inner.values.slice() };
  for (let i = 0; i < n; i++) level.values[i * n + i] += noise ** 2;
  const lower = cholesky(level, Array.from({ length: n }, (_, i) => i)), gain = reach.slice(), told = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    const at = i * d;
    for (let k = 0; k < i; k++) {
      const w = lower.values[i * n + k];
      if (w) for (let j = 0, from = k * d; j < d; j++, from++) gain[at + j] -= w * gain[from];
    }
    for (let j = 0; j < d; j++) told[j] += (gain[at + j] /= lower.values[i * n + i]) ** 2;
  }
  return { ...known, noise, lower, gain, deviation: prior.map((s, j) => Math.sqrt(Math.max(s * s - told[j], 0))) };
}

// ``start`` moved by what the readings say beyond what was expected of them.
function pulled({ lower, gain }, beyond, start) {
  const white = forwards(lower, beyond), found = Float64Array.from(start), d = start.length;
  for (let i = 0; i < white.length; i++) for (let j = 0; j < d; j++) found[j] += white[i] * gain[i * d + j];
  return { found, white };
}

const less = (a, b) => a.map((v, i) => v - b[i]);

// Mean of the posterior, and the evidence log N(y; A mu, S) in nats.
export function sensedMean(given, y) {
  const { found, white } = pulled(given, less(y, given.sees(given.law.mean)), given.law.mean), n = white.length;
  let logdet = 0;
  for (let i = 0; i < n; i++) logdet += 2 * Math.log(given.lower.values[i * n + i]);
  return { mean: found, evidence: -0.5 * (white.reduce((sum, v) => sum + v * v, 0) + logdet + n * Math.log(2 * Math.PI)) };
}

// A draw of the law, and the white numbers of the noise in its readings, become a draw of the posterior (Matheron's rule).
export const sensedDraw = (given, y, x, z) => pulled(given, less(y, given.sees(x).map((v, i) => v + given.noise * z[i])), x).found;
