// Panels: which view each shows, what of the scene goes into it, and which parts of the state it follows.
import { diffused, extent, mix, row, rows, secondMoment } from "/views/arrays.js";
import { made, price } from "/views/accuracy.js";
import { bells } from "/views/bells.js";
import { image, mean, nearness, remaining, vector } from "/views/copies.js";
import { chain, cloud, components, ends, factors } from "/views/forward.js";
import { posterior } from "/views/gap.js";
import { coordinates, flowed, levels, signalOf } from "/views/gaussian.js";
import { heat } from "/views/heat.js";
import { inCurve, losses, mistakes, result } from "/views/learned.js";
import { bent, excess, verdicts } from "/views/odds.js";
import { back, threads } from "/views/reverse.js";
import { motion, ratio, spectrum } from "/views/spectra.js";
import { asked, bridge, gaussianOf, opinions } from "./asked.js";
import { CALLS, SPREADS, copiesOf, firstNoise, psiOf, spreadOf } from "./scene.js";

const TINTS = { signal: "signal", ensemble: "accent", source: "accent", paired: "second", exact: "accent" };
const LAWS = [["lawWhite", "white", "muted"], ["lawKernel", "kernel", "second"], ["lawEnsemble", "ensemble", "accent"]];
const SHOWN_DRAWS = 12;
export const EARLY = 20; // the step at which figure 1a ends
export const LATE = 100; // and 1b

const panel = (draw, on = "") => ({ draw, on: on.split(" ").filter(Boolean) });
const points = (scene, t, trail, mark) => [cloud, { ...scene, noise: firstNoise(scene), t, trail, mark }];
const near = (scene, sigma) => [nearness, { curves: copiesOf(scene, sigma), curve: scene.curve, y: scene.wide }];
// Copies of the signal with deviation s, on their way: their mean fades, and white noise joins the spread.
function strip(scene, s, t) {
  const { alpha, sigma } = scene.now(t), mean = scene.curve.map((v) => alpha * v), spread = spreadOf(s, { alpha, sigma });
  return [nearness, { curves: rows(scene.noise).map((z) => mix(mean, z, 1, spread)), curve: mean, y: scene.wide }];
}

// A covariance on its way, in the colours that it has at t = 0.
function fading(matrix, { alpha, sigma }) {
  const [low, high] = extent([matrix.values], 0);
  return [heat, { matrix: diffused(matrix, alpha, sigma), low, high }];
}

const tinted = (names, values) => names.map((name, k) => ({ values: values[k], name: `lambda_${name}`, colour: TINTS[name] }));

// A run back: that of the chosen law, of the network as it is at the chosen moment of its training, or the exact one.
function run(scene, state, law) {
  const path = law === "learned" ? scene.training.run(state.moment) : scene[`reverse_${law}`];
  return { path, curve: scene.curve, t: state.t, y: law === "learned" ? extent([path.values, ...["reverse_one"].map((n) => scene[n].values)], 0.03) : scene.reverseRange, aimed: ["one", "learned"].includes(law) };
}

const heated = (matrix, low) => [heat, low === undefined ? { matrix } : { matrix, low }];

export const PANELS = {
  early: panel((scene, { t }) => points(scene, EARLY, 20, scene.blend(t)), "t"),
  late: panel((scene, { t }) => points(scene, LATE, 20, scene.blend(t)), "t"),
  live: panel((scene, { t }) => points(scene, t, 12), "t"),
  image: panel((scene, { t }) => [image, { curve: scene.blend(t) }], "t"),
  vector: panel((scene, { t }) => [vector, { curve: scene.blend(t) }], "t"),
  copies: panel((scene, { t }) => near(scene, scene.now(t).sigma), "t"),
  strip1: panel((scene, { t }) => strip(scene, SPREADS[0], t), "t"),
  strip2: panel((scene, { t }) => strip(scene, SPREADS[1], t), "t"),
  strip3: panel((scene, { t }) => strip(scene, SPREADS[2], t), "t"),
  white: panel((scene, { t }) => [nearness, { curves: scene.whites(t), curve: scene.among(t), y: scene.wide }], "t"),
  mean: panel((scene, { t, n }) => [mean, { ...scene, sigma: Math.max(scene.now(t).sigma, 0.01), n, y: scene.wide }], "t n"),
  remaining: panel((scene, { t, n }) => [remaining, { left: scene.averaging, sigma: Math.max(scene.now(t).sigma, 0.01), n }], "t n"),
  kernel: panel((scene, { t }) => heated(scene.kernel(Math.round(t)), 0), "t"),
  ensemble: panel((scene, { t }) => fading(scene.matrices.ensemble, scene.now(t)), "t"),
  kernelSpectrum: panel((scene, { t }) => [spectrum, { spectra: tinted(["signal", "ensemble"], [scene.spectrum(Math.round(t)), scene.diffused("ensemble", t)]) }], "t"),
  source: panel((scene, { t }) => fading(scene.matrices.source, scene.now(t)), "t"),
  sourceSpectrum: panel((scene, { t }) => [spectrum, { spectra: tinted(["source"], [scene.diffused("source", t)]), flat: true, largest: scene.lambda_source[0] }], "t"),
  ratio: panel((scene, { t }) => [ratio, { signal: scene.diffused("signal", t), source: scene.diffused("source", t), psi: psiOf(scene, t) }], "t"),
  paired: panel((scene, { t }) => fading(scene.matrices.paired, scene.now(t)), "t"),
  exact: panel((scene, { t }) => heated(moment(scene.coloured(Math.round(t)))), "t"),
  pairedSpectrum: panel((scene, { t }) => [spectrum, { spectra: tinted(["paired", "exact"], [scene.diffused("paired", Math.round(t)), scene.colouredSpectrum(Math.round(t))]), largest: Math.max(scene.lambda_paired[0], scene.lambda_exact[0]) }], "t"),
  pairedDraws: panel((scene, { t }) => [nearness, { curves: scene.recolouredThen(t), curve: scene.curve, y: scene.recoloured, mark: true }], "t"),
  exactDraws: panel((scene, { t }) => [nearness, { curves: scene.coloured(Math.round(t)), curve: scene.curve, y: scene.recoloured, mark: true }], "t"),
  factors: panel((scene, { t }) => [factors, { ...scene, t }], "t"),
  chain: panel((scene, { t }) => [chain, { path: scene.chain, curve: scene.curve, t }], "t"),
  ends: panel((scene, { t }) => [ends, { path: scene.chain, curve: scene.curve, t }], "t"),
  components: panel((scene, { t }) => [components, { parts: scene.components, curve: scene.curve, alpha: scene.now(t).alpha, noisy: scene.blend(t), y: extent([scene.curve, scene.components.values, firstNoise(scene)]) }], "t"),
  motion: panel((scene, { t }) => [motion, { eigenvalues: scene.lambda_signal, ...scene.now(t), t }], "t"),
  back: panel((scene, state) => [back, run(scene, state, state.law)], "t law moment"),
  threads: panel((scene, state) => [threads, run(scene, state, state.law)], "t law moment"),
  exactBack: panel((scene, state) => [back, run(scene, state, "one")], "t"),
  learnedBack: panel((scene, state) => [back, run(scene, state, "learned")], "t moment"),
  losses: panel(({ training }, { moment }) => [losses, { losses: training.losses, now: training.moments[moment].step }], "moment"),
  learnedThreads: panel((scene, state) => [threads, run(scene, state, "learned")], "t moment"),
  result: panel((scene, state) => [result, run(scene, state, "learned")], "moment"),
  mistakes: panel((scene, { t }) => [mistakes, { eps: scene.training.result.arrays.eps_error, clean: inCurve(scene.training.result.arrays.eps_error, scene.alpha, scene.sigma), t }], "t moment"),
  bells: panel((scene, state) => {
    const { x_0, x_t, mean: m, deviation, start, now } = bridge(scene, state);
    const laws = [{ ...start, name: "fromStart", colour: "signal" }, { ...now, name: "fromNow", colour: "second" }, { mean: m, deviation, name: "product", colour: "accent" }];
    return [bells, { laws, marks: [[x_0, "signal"], [x_t, "second"]] }];
  }, "t dimension pulled"),
  flow: panel((scene, { t, law }) => [nearness, { curves: flowing(scene, law, t), curve: scene.curve, y: scene.reverseRange }], "t law"),
  made: panel((scene, { law, calls }) => {
    const [ddim, ddpm] = scene.few(gaussianOf(law), CALLS[calls]);
    return [made, { truth: scene.laws[gaussianOf(law)].eigenvalues, samples: [{ values: ddim.variances, name: "ddim", colour: "second" }, { values: ddpm.variances, name: "ddpm", colour: "accent" }] }];
  }, "law calls"),
  price: panel((scene, { law, calls }) => {
    const all = CALLS.map((n) => scene.few(gaussianOf(law), n));
    return [price, { calls: CALLS, samples: ["ddim", "ddpm"].map((name, k) => ({ name, colour: ["second", "accent"][k], values: all.map((two) => two[k].distance) })), now: calls }];
  }, "law calls"),
  posterior: panel((scene, state) => [posterior, asked(scene, state)], "t law gaps noise"),
  bend: panel((scene, state) => {
    const { x } = opinions(scene, state);
    return [bent, { curve: scene.curve, values: x, y: scene.wide }];
  }, "t bend"),
  verdicts: panel((scene, state) => {
    const { found } = opinions(scene, state), values = LAWS.map(([name, law, colour]) => ({ name, colour, value: found[law] }));
    return [verdicts, { laws: values, low: -4 * scene.d, high: 2 * scene.d }];
  }, "t bend"),
  excess: panel((scene, state) => {
    const { x, where } = opinions(scene, state), law = scene.laws.ensemble, w = coordinates(law, x, where.alpha);
    return [excess, { ratios: levels(law, where).map((v, k) => w[k] ** 2 / v) }];
  }, "t bend"),
};

function moment(curves) {
  const d = curves[0].length, values = new Float32Array(curves.length * d);
  curves.forEach((curve, k) => values.set(curve, k * d));
  return secondMoment({ values, rows: curves.length, columns: d });
}

// New curves of a law by its exact flow: the same noises, at the present step.
function flowing(scene, law, t) {
  const gaussian = scene.laws[gaussianOf(law)], end = scene.path[scene.path.length - 1];
  return Array.from({ length: SHOWN_DRAWS }, (_, k) => {
    const w = levels(gaussian, end).map((v, i) => Math.sqrt(v) * row(scene.noise, k)[i]);
    return signalOf(gaussian, flowed(gaussian, w, end, scene.now(t)), 0);
  });
}
