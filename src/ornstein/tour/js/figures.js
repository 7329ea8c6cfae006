// Figures: which view a canvas shows, and what of the scene goes into it.
import { at, extent, rows } from "../../views/arrays.js";
import { image, mean, nearness, remaining, vector } from "../../views/copies.js";
import { chain, cloud, components, ends, factors } from "../../views/forward.js";
import { heat } from "../../views/heat.js";
import { inCurve, losses, mistakes, result } from "../../views/learned.js";
import { back, threads } from "../../views/reverse.js";
import { motion, ratio, spectrum } from "../../views/spectra.js";
import { copiesOf, firstNoise } from "./scene.js";

const EARLY = 1;
const TINTS = { signal: "signal", ensemble: "accent", source: "accent", paired: "second", exact: "accent" };

// Which of the kept moments of the training a canvas is about.
const momentOf = ({ moment }, state) => (moment === "early" ? EARLY : state.moment);

const points = (t, trail) => ({ data }) => [cloud, { ...data, noise: firstNoise(data), t, trail }];

function copies({ data }, sigma) {
  return [nearness, { curves: copiesOf(data, sigma), curve: data.curve, y: data.wide }];
}

// The run of a canvas: that of a moment of the training, on a scale of its own, or that of the law it names or that was chosen.
function runOf({ data, state }, { law = state.law, moment }) {
  const path = moment ? data.runs[momentOf({ moment }, state)] : data[`reverse_${law}`];
  const y = moment ? extent([path.values], 0.03) : data.reverseRange;
  return { path, y, curve: data.curve, t: state.t, aimed: ["one", "learned"].includes(law) };
}

// data-view -> (scene, what else the canvas says) -> [view, its data]
const FIGURES = {
  early: points(20, 20),
  late: points(100, 20),
  live: (scene) => points(scene.state.t, 12)(scene),
  factors: ({ data, state }) => [factors, { ...data, t: state.t }],
  chain: ({ data, state }) => [chain, { path: data.chain, curve: data.curve, t: state.t }],
  ends: ({ data, state }) => [ends, { path: data.chain, curve: data.curve, t: state.t }],
  components: ({ data }) => [components, { parts: data.components, curve: data.curve }],
  image: ({ data }) => [image, data],
  vector: ({ data }) => [vector, data],
  copies: (scene) => copies(scene, scene.state.sigma),
  strip: (scene, { sigma }) => copies(scene, Number(sigma)),
  white: ({ data }) => [nearness, { curves: rows(data.noise), curve: data.curve, y: data.wide }],
  draws: ({ data }, { curves }) => [nearness, { curves: rows(data[curves]), curve: data.curve, y: data.recoloured, mark: true }],
  mean: ({ data, state }) => [mean, { ...data, sigma: state.sigma, n: state.n, y: data.wide }],
  remaining: ({ data, state }) => [remaining, { left: data.averaging, sigma: state.sigma, n: state.n }],
  matrix: ({ data }, { matrix }) => [heat, { matrix: data.matrices[matrix], low: matrix === "kernel" ? 0 : undefined }],
  spectrum: ({ data }, { spectra }) => {
    const shown = spectra.split(" ").map((name) => ({ values: data[`lambda_${name}`], name: `lambda_${name}`, colour: TINTS[name] }));
    return [spectrum, { spectra: shown, flat: spectra === "source" }];
  },
  ratio: ({ data }) => [ratio, { signal: data.lambda_signal, source: data.lambda_source, psi: data.psi }],
  motion: ({ data, state: { t } }) => [motion, { eigenvalues: data.lambda_signal, alpha: at(data.alpha, t), sigma: at(data.sigma, t), t }],
  back: (scene, canvas) => [back, runOf(scene, canvas)],
  threads: (scene, canvas) => [threads, runOf(scene, canvas)],
  losses: ({ data, state }, canvas) => [losses, { losses: data.losses, now: data.moments[momentOf(canvas, state)] }],
  result: (scene, canvas) => [result, runOf(scene, canvas)],
  mistakes: ({ data, state }) => [mistakes, { eps: data.eps_error, clean: inCurve(data.eps_error, data.alpha, data.sigma), t: state.t }],
};

// Draw what a canvas (its dataset) asks for on a surface.
export function show(surface, scene, asked) {
  const [view, given] = FIGURES[asked.view](scene, asked);
  view(surface, given);
}
