// What the reader asks of the laws at the present step: how likely a curve is, one step back, the posterior of what was hidden.
import { mix, row } from "/views/arrays.js";
import { FLOOR, firstNoise, hiddenBy } from "./scene.js";

export const gaussianOf = (law) => (law === "kernel" ? "kernel" : "ensemble");

// What the three laws think of a curve at the present step: log-densities in nats.
export function opinions(scene, { t, bend }) {
  const { alpha, sigma } = scene.now(t), x = mix(bend ?? scene.curve, firstNoise(scene), alpha, sigma);
  const where = { alpha, sigma: Math.hypot(sigma, alpha * FLOOR) }, d = x.length;
  const white = -0.5 * (x.reduce((sum, v) => sum + v * v, 0) + d * Math.log(2 * Math.PI));
  const found = { white, ...Object.fromEntries(Object.keys(scene.laws).map((name) => [name, scene.densities(name, x, where).reduce((a, b) => a + b, 0)])) };
  return { x, where, found };
}

// [first, last] of every bell of the reverse step at the chosen dimension: where from, where now, and their product.
export function bridge(scene, { t, dimension, pulled }) {
  const step = Math.max(2, Math.round(t)), keep = 1 - scene.beta[step], before = scene.path[step - 1], x_0 = scene.curve[dimension];
  const x_t = pulled ?? scene.path[step].alpha * x_0 + scene.path[step].sigma * firstNoise(scene)[dimension];
  const mean = scene.noisy[step] * x_t + scene.clean[step] * x_0;
  return { step, x_0, x_t, mean, deviation: scene.deviation[step], start: { mean: before.alpha * x_0, deviation: before.sigma }, now: { mean: x_t / Math.sqrt(keep), deviation: Math.sqrt(scene.beta[step] / keep) } };
}

// The posterior of what the reader hid, diffused to the present step.
export function asked(scene, { t, law, gaps, noise }) {
  const hidden = hiddenBy(gaps, scene.d), { mean: m, deviation, draws } = scene.posterior(gaussianOf(law), noise, hidden), { alpha, sigma } = scene.now(t);
  return {
    curve: scene.curve, hidden, y: scene.reverseRange, readings: t < 0.5 ? scene.readings(noise) : null, mean: m.map((v) => alpha * v),
    deviation: deviation.map((v) => Math.hypot(alpha * v, sigma)), draws: draws.map((x, k) => mix(x, row(scene.noise, k + 1), alpha, sigma)),
  };
}
