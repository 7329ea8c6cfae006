// The Gaussian law { mean, basis, eigenvalues }, N(mu, U diag(lambda) U^T) with the columns of ``basis`` as U: every question about
// its diffusion x_t = alpha x_0 + sigma z has a closed form, mode by mode, in the coordinates w = U^T (x_t - alpha mu).
// Cost of each call: at most one product with U or U^T.
import { times, timesTransposed } from "./linear.js";

// Eigenvalues that rounding left below this share of the largest count as none.
const NULL = 1e-12;

export function gaussianLaw(mean, basis, eigenvalues) {
  const least = NULL * eigenvalues[0];
  return { mean: Float64Array.from(mean), basis, eigenvalues: Float64Array.from(eigenvalues, (v) => (v > least ? v : 0)) };
}

export const coordinates = ({ mean, basis }, x, alpha = 1) => timesTransposed(basis, Float64Array.from(x, (v, i) => v - alpha * mean[i]));

export function signalOf({ mean, basis }, w, alpha = 1) {
  const x = times(basis, w);
  for (let i = 0; i < x.length; i++) x[i] += alpha * mean[i];
  return x;
}

// V_t = alpha^2 lambda + sigma^2: eigenvalues in motion.
export const levels = ({ eigenvalues }, { alpha, sigma }) => eigenvalues.map((v) => alpha ** 2 * v + sigma ** 2);

// A draw of x_t from white numbers.
export const placed = (law, z, at) => signalOf(law, levels(law, at).map((v, k) => Math.sqrt(v) * z[k]), at.alpha);

// The exact flow of the probability-flow equation: w_s = w_t sqrt(V_s / V_t). A mode without variance stays at its mean.
export function flowed(law, w, from, to) {
  const before = levels(law, from), after = levels(law, to);
  return w.map((v, k) => (before[k] > 0 ? v * Math.sqrt(after[k] / before[k]) : 0));
}

// A run back along the grid ``path`` of { alpha, sigma } (from data to noise) by exact stochastic transitions:
//   w_s = a V_s / V_t w_t + b sqrt(V_s / V_t) z    for    w_t = a w_s + b z,   a = alpha_t / alpha_s,   b^2 = sigma_t^2 - a^2 sigma_s^2
// ``white`` (step, mode) holds the numbers of the step into each time; the answer is the coordinates at every time of the grid.
export function wandered(law, w, path, white) {
  const found = { values: new Float64Array(path.length * w.length), rows: path.length, columns: w.length }, d = w.length;
  found.values.set(w, (path.length - 1) * d);
  let after = levels(law, path[path.length - 1]);
  for (let s = path.length - 2; s >= 0; s--) {
    const a = path[s + 1].alpha / path[s].alpha, b = Math.sqrt(path[s + 1].sigma ** 2 - a ** 2 * path[s].sigma ** 2), before = after;
    after = levels(law, path[s]);
    for (let k = 0; k < d; k++) {
      const ratio = before[k] > 0 ? after[k] / before[k] : 0;
      found.values[s * d + k] = a * ratio * found.values[(s + 1) * d + k] + b * Math.sqrt(ratio) * white.values[s * d + k];
    }
  }
  return found;
}

// log N(x; alpha mu, alpha^2 Sigma + sigma^2 I) mode by mode, in nats; the sum is the log-density. sigma must be above 0 where a
// mode has no variance.
export function logDensities(law, x, at) {
  const w = coordinates(law, x, at.alpha);
  return levels(law, at).map((v, k) => -0.5 * (w[k] ** 2 / v + Math.log(2 * Math.PI * v)));
}

export const logDensity = (law, x, at = { alpha: 1, sigma: 0 }) => logDensities(law, x, at).reduce((a, b) => a + b, 0);

// E[x_0 | x_t], mode by mode: alpha lambda / V_t.
export function denoised(law, x, at) {
  const w = coordinates(law, x, at.alpha), v = levels(law, at);
  return signalOf(law, w.map((c, k) => (v[k] > 0 ? (at.alpha * law.eigenvalues[k] * c) / v[k] : 0)));
}

// exp(entropy of the normalised spectrum): how many directions share the variance.
export function effectiveRank(eigenvalues) {
  const total = eigenvalues.reduce((a, b) => a + b, 0);
  return Math.exp(-eigenvalues.reduce((sum, v) => (v > 0 ? sum + (v / total) * Math.log(v / total) : sum), 0));
}
