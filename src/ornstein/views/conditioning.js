// A Gaussian law times a measurement: entries seen with noise, the others hidden. With S = Sigma + r^2 I, P = S^-1, o the seen and
// h the hidden entries, y the values that were seen, and v = y - mu there (0 at the hidden ones):
//   a = (Sigma_oo + r^2 I)^-1 v      = (P v)_o - P_oh P_hh^-1 (P v)_h             mean       mu + Sigma_:o a
//   Cov of the hidden entries        = P_hh^-1 - r^2 I                            evidence   log N(y; mu_o, Sigma_oo + r^2 I)
//   variance of a seen entry         = r^2 - r^4 ((P)_oo - P_oh P_hh^-1 P_ho)
// so all that is factored is as large as the gap, which is what a reader drags.
import { backwards, cholesky, forwards, sandwich, times, timesTransposed } from "./linear.js";

// Everything that does not depend on the gap: d^3 / 2 products, once for a law and a deviation r > 0 of the noise.
export function measured(law, noise) {
  const r2 = noise ** 2, level = law.eigenvalues.map((v) => v + r2);
  return { law, r2, precision: sandwich(law.basis, level.map((v) => 1 / v)), logdet: level.reduce((sum, v) => sum + Math.log(v), 0) };
}

// The posterior where the entries ``hidden`` (in increasing order) are not seen: what it takes to answer for any values.
export function hiding(known, hidden) {
  const { precision } = known, d = precision.rows, shut = new Uint8Array(d);
  for (const i of hidden) shut[i] = 1;
  return { ...known, hidden, seen: Array.from({ length: d }, (_, i) => i).filter((i) => !shut[i]), lower: cholesky(precision, hidden) };
}

const picked = (x, index) => Float64Array.from(index, (i) => x[i]);

// The weights a, which vanish at the hidden entries, for values y (d,) of which those at the hidden entries do not count.
function weights({ law, precision, hidden, lower }, y, mean = law.mean) {
  const v = Float64Array.from(y, (value, i) => value - mean[i]), spread = new Float64Array(v.length);
  for (const i of hidden) v[i] = 0;
  const p = times(precision, v);
  backwards(lower, forwards(lower, picked(p, hidden))).forEach((value, k) => { spread[hidden[k]] = value; });
  const back = times(precision, spread);
  return { v, a: p.map((value, i) => value - back[i]) };
}

// Sigma a, added to ``start``.
function shifted({ law: { basis, eigenvalues } }, a, start) {
  return times(basis, timesTransposed(basis, a).map((c, k) => c * eigenvalues[k])).map((value, i) => start[i] + value);
}

export const posteriorMean = (given, y) => shifted(given, weights(given, y).a, given.law.mean);

// A draw of the law (``signal``) and of what would have been seen of it (``reading``) become a draw of the posterior (Matheron's rule).
export const posteriorDraw = (given, y, signal, reading) => shifted(given, weights(given, y, reading).a, signal);

export function logEvidence(given, y) {
  const { v, a } = weights(given, y), { lower, seen } = given, n = lower.rows;
  let logdet = given.logdet;
  for (let k = 0; k < n; k++) logdet += 2 * Math.log(lower.values[k * n + k]);
  return -0.5 * (seen.reduce((sum, i) => sum + v[i] * a[i], 0) + logdet + seen.length * Math.log(2 * Math.PI));
}

// Standard deviations of the posterior, (d,).
export function posteriorDeviation({ precision, r2, hidden, seen, lower }) {
  const n = hidden.length, found = new Float64Array(precision.rows), unit = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    unit.fill(0);
    unit[k] = 1;
    found[hidden[k]] = Math.sqrt(Math.max(forwards(lower, unit).reduce((sum, value) => sum + value ** 2, 0) - r2, 0));
  }
  for (const i of seen) {
    const solved = forwards(lower, hidden.map((j) => precision.values[i * precision.columns + j]));
    const kept = precision.values[i * precision.columns + i] - solved.reduce((sum, value) => sum + value ** 2, 0);
    found[i] = Math.sqrt(Math.max(r2 - r2 ** 2 * kept, 0));
  }
  return found;
}
