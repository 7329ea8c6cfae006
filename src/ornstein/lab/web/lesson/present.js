// The present numbers: everything that a formula or a sentence shows, by name. What Python sent stands beside what follows the state.
import { distance, mix, moments, rms, row, rows } from "/views/arrays.js";
import { effectiveRank } from "/views/gaussian.js";
import { inCurve } from "/views/learned.js";
import { asked, bridge, gaussianOf, opinions } from "./asked.js";
import { EARLY, LATE } from "./figures.js";
import { CALLS, FLOOR, SPREADS, firstNoise, hiddenBy, psiOf, spreadOf } from "./scene.js";

// name -> value, undefined where it is not known yet; of each group only what is asked for is computed, once.
export function present(scene, state) {
  const groups = [() => scene.numbers, clocked, spread, coloured, answered, trained].map((make) => ({ make, found: null }));
  return (name) => {
    for (const group of groups) {
      group.found ??= group.make(scene, state);
      if (name in group.found) return group.found[name];
    }
    return undefined;
  };
}

function clocked(scene, { t: time, n }) {
  const t = Math.round(time), past = Math.max(t, 1), s = scene.sigma[t], far = scene.norms, { numbers } = scene;
  const x = moments(mix(scene.curve, firstNoise(scene), scene.alpha[t], s));
  return {
    t, past, abar: scene.abar[t], alpha: scene.alpha[t], sigma: s, variance: 1 - scene.abar[t], beta: scene.beta[past],
    kept: 1 - scene.beta[past], sqrt_beta: Math.sqrt(scene.beta[past]), noisy: scene.noisy[past], clean: scene.clean[past],
    deviation: scene.deviation[past], x_mean: x.mean, x_variance: x.variance, rank: scene.ranks[t],
    s, s2: s * s, n, s2_n: (s * s) / n, measured: s * s * scene.averaging[n - 1], distance_mean: (s * far.reduce((a, b) => a + b, 0)) / far.length,
    distance_low: s * Math.min(...far), distance_high: s * Math.max(...far), chi: s * numbers.chi_mean,
  };
}

// Laws on their way: covariances alpha^2 S + sigma^2 I, their eigenvalues, and what that does to distances.
function spread(scene, { t: time }) {
  const t = Math.round(time), at = scene.path[t], then = (s) => mix(scene.curve, firstNoise(scene), scene.alpha[s], scene.sigma[s]);
  const among = scene.among(t), far = scene.whites(t).map((x) => distance(x, among)), source = scene.diffused("source", t), psi = psiOf(scene, t);
  const smooth = { alpha: at.alpha, sigma: Math.hypot(at.sigma, at.alpha * FLOOR) }, whole = (law) => scene.densities(law, among, smooth).reduce((a, b) => a + b, 0);
  const [wide, half, tenth] = SPREADS.map((s) => spreadOf(s, at) ** 2);
  const squares = rows(scene.components).map((part) => part.reduce((sum, v) => sum + v * v, 0));
  return {
    from_early: rms(then(t), then(EARLY)), from_late: rms(then(t), then(LATE)), spread_wide: wide, spread_half: half, spread_tenth: tenth,
    white_level: at.alpha ** 2 + at.sigma ** 2, white_now: far.reduce((a, b) => a + b, 0) / far.length,
    log_white_now: -0.5 * (among.reduce((sum, v) => sum + v * v, 0) + scene.d * Math.log(2 * Math.PI)),
    log_kernel_now: whole("kernel"), log_ensemble_now: whole("ensemble"), rank_ensemble_now: effectiveRank(scene.diffused("ensemble", t)),
    source_most: source[0], source_least: Math.max(source[source.length - 1], 0), rank_source_now: effectiveRank(source),
    rank_sigma: effectiveRank(scene.diffused("signal", t)), rank_paired_now: effectiveRank(scene.diffused("paired", t)),
    source_rank_now: at.sigma > 0 ? scene.d : scene.numbers.source_rank, signal_most: scene.diffused("signal", t)[0],
    nearest_white_now: Math.min(...scene.whites(t).map((c) => distance(c, scene.curve))), psi_first: psi[0], psi_last: psi[psi.length - 1], nearest_paired_now: Math.min(...scene.recolouredThen(t).map((c) => distance(c, scene.curve))),
    terms_above: squares.filter((v) => at.alpha ** 2 * v > at.sigma ** 2).length,
  };
}

function coloured(scene, { t: time }) {
  const t = Math.round(time);
  return { rank_now: effectiveRank(scene.spectrum(t)), nearest_now: Math.min(...scene.coloured(t).map((c) => distance(c, scene.curve))) };
}

function answered(scene, state) {
  const law = gaussianOf(state.law), [ddim, ddpm] = scene.few(law, CALLS[state.calls]), step = bridge(scene, state);
  const hidden = hiddenBy(state.gaps, scene.d), { mean, evidence } = scene.posterior(law, state.noise, hidden), { deviation } = asked(scene, { ...state, t: 0 });
  const { found } = opinions(scene, state), gap = hidden.length ? hidden : [0];
  const off = Math.sqrt(gap.reduce((sum, i) => sum + (mean[i] - scene.curve[i]) ** 2, 0) / gap.length);
  const inside = gap.filter((i) => Math.abs(mean[i] - scene.curve[i]) <= 1.6449 * deviation[i]).length;
  return {
    calls: CALLS[state.calls], ddim: ddim.distance, ddpm: ddpm.distance, x_0: step.x_0, x_t: step.x_t, x_back: step.mean, s_back: step.deviation,
    w_noisy: scene.noisy[step.step], w_clean: scene.clean[step.step], bells_t: step.step, bells_before: step.step - 1,
    precision: 1 / step.deviation ** 2, dimension: state.dimension, noise: state.noise, hidden: hidden.length, seen: scene.d - hidden.length, evidence,
    gap_rms: off, gap_width: gap.reduce((sum, i) => sum + deviation[i], 0) / gap.length, gap_inside: (100 * inside) / gap.length,
    now_white: found.white, now_kernel: found.kernel, now_ensemble: found.ensemble, bits: (found.ensemble - found.white) / Math.LN2,
  };
}

function trained(scene, { t: time, law, moment }) {
  const { training } = scene, t = Math.round(time), past = Math.max(t, 1), path = law === "learned" ? training?.run(moment) : scene[`reverse_${law}`];
  const found = path ? { reverse_rms: rms(row(path, t), scene.curve) } : {};
  if (!training) return found;
  const { moments: kept, result } = training, seen = kept[moment];
  Object.assign(found, { moment: seen.step, moment_loss: seen.loss, moment_rms: seen.rms, gap: rms(row(training.run(moment), t), row(scene.reverse_one, t)) });
  if (!result) return found;
  const eps = result.arrays.eps_error;
  return { ...found, ...result.numbers, eps_error: eps[past], clean_error: inCurve(eps, scene.alpha, scene.sigma)[past], magnified_now: scene.sigma[past] / scene.alpha[past] };
}
