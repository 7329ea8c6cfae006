// The present numbers: everything in formulas and captions that follows a control.
import { mix, moments, rms, row } from "../../views/arrays.js";
import { inCurve } from "../../views/learned.js";
import { firstNoise } from "./scene.js";

export function present({ data, state, fixed }) {
  const t = Math.round(state.t), past = Math.max(t, 1), s = state.sigma, m = state.moment, far = data.norms;
  const x = moments(mix(data.curve, firstNoise(data), data.alpha[t], data.sigma[t])), path = data[`reverse_${state.law}`];
  const { reverse_learned: learned, reverse_one: exact, eps_error: eps } = data;
  return {
    t, past, abar: data.abar[t], alpha: data.alpha[t], sigma: data.sigma[t], variance: 1 - data.abar[t], beta: data.beta[past],
    kept: 1 - data.beta[past], sqrt_beta: Math.sqrt(data.beta[past]), noisy: data.noisy[past], clean: data.clean[past],
    deviation: data.deviation[past], x_mean: x.mean, x_variance: x.variance, rank: data.ranks[t],
    reverse_rms: rms(row(path, t), data.curve), s, s2: s * s, n: state.n, s2_n: (s * s) / state.n,
    measured: s * s * data.averaging[state.n - 1], distance_mean: (s * far.reduce((a, b) => a + b, 0)) / far.length,
    distance_low: s * Math.min(...far), distance_high: s * Math.max(...far), chi: s * fixed.chi_mean,
    moment: data.moments[m], moment_loss: data.losses[data.moments[m] - 1], moment_rms: rms(row(data.runs[m], 0), data.curve),
    gap: rms(row(learned, t), row(exact, t)), eps_error: eps[past], clean_error: inCurve(eps, data.alpha, data.sigma)[past],
    magnified_now: data.sigma[past] / data.alpha[past],
  };
}
