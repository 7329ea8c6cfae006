// What a sampler of few calls makes of a Gaussian law, exactly: with the Gaussian denoiser every step is linear in each mode, so the
// variances of the samples follow the grid of { alpha, sigma } (from data to noise) down from V_T. Song et al. (2021), eq. 12 and 16.
import { levels } from "./gaussian.js";

// Variances at the start of the grid by steps of DDIM (no noise, ``ancestral`` false) or of DDPM, from the exact law at its end.
export function madeVariances(law, path, ancestral) {
  let v = levels(law, path[path.length - 1]);
  for (let s = path.length - 2; s >= 0; s--) {
    const now = path[s + 1], then = path[s], level = levels(law, now);
    const spread = ancestral ? (then.sigma / now.sigma) * Math.sqrt(Math.max(now.sigma ** 2 - (now.alpha / then.alpha * then.sigma) ** 2, 0)) : 0;
    const kept = Math.sqrt(Math.max(then.sigma ** 2 - spread ** 2, 0)) / now.sigma;
    // x_s = kept x_t + (alpha_s - kept alpha_t) E[x_0 | x_t] + spread z
    v = v.map((value, k) => (kept + ((then.alpha - kept * now.alpha) * now.alpha * law.eigenvalues[k]) / level[k]) ** 2 * value + spread ** 2);
  }
  return v;
}

// The 2-Wasserstein distance of the samples to the law, over its whole deviation: 1 is the distance of a point at the mean.
export function relativeDistance(law, variances) {
  let apart = 0, whole = 0;
  law.eigenvalues.forEach((v, k) => { apart += (Math.sqrt(variances[k]) - Math.sqrt(v)) ** 2; whole += v; });
  return Math.sqrt(apart / whole);
}
