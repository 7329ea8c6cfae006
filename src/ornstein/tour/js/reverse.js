// Chapters four and five: the way back, with exact denoisers and with the network.
import { between, extent, row } from "./data.js";
import { bar, frame, line, ramp, upright } from "./plot.js";

const EARLY = 1;

// Which of the kept moments of the training a canvas is about.
export const momentOf = ({ dataset }, { state }) => (dataset.moment === "early" ? EARLY : state.moment);

// The run of a canvas: that of a moment of the training, of a law it names, or of the chosen law.
export function runOf(canvas, scene) {
  const { data, state } = scene, { dataset } = canvas;
  return dataset.moment ? data.runs[momentOf(canvas, scene)] : data[`reverse_${dataset.law || state.law}`];
}

const rangeOf = ({ dataset }, data) => (dataset.moment ? data.momentRange : data.reverseRange);
const aimed = ({ dataset }, state) => ["one", "learned"].includes(dataset.law || state.law);

// The curves from the start of the run (t = T) to now, every third step, shaded by step.
export function back(canvas, scene) {
  const { data, colours, words, state } = scene, path = runOf(canvas, scene), last = path.rows - 1, shades = [colours.near, colours.far];
  const plot = frame(canvas, colours, { x: [0, path.columns - 1], y: rangeOf(canvas, data), right: 66, xlabel: words.dimension });
  for (let s = last; s >= state.t; s -= 3) line(plot, row(path, s), { colour: ramp(shades, s / last), alpha: 0.85 });
  line(plot, data.curve, { colour: colours.signal, width: 2, dash: aimed(canvas, state) ? [] : [6, 4] });
  line(plot, between(path, state.t), { colour: colours.ink, width: 1.8 });
  bar(plot, shades, 0, last, words.step, 0);
}

// One line per dimension against the step; the run goes from right to left.
export function threads(canvas, scene) {
  const { data, colours, words, state } = scene, path = runOf(canvas, scene), d = path.columns;
  const plot = frame(canvas, colours, { x: [0, path.rows - 1], y: rangeOf(canvas, data), xlabel: words.step, ylabel: words.value });
  const every = Math.max(1, Math.round(d / 60));
  for (let i = 0; i < d; i += every) {
    const values = Float32Array.from({ length: path.rows }, (_, t) => path.values[t * d + i]);
    const hue = Math.round((300 * i) / d + 10);
    line(plot, values, { colour: `hsl(${hue} 55% 55%)`, alpha: 0.75 });
  }
  upright(plot, state.t, colours.ink);
}

export const reverseRange = (data) =>
  extent(["one", "learned", "kernel", "ensemble"].map((law) => data[`reverse_${law}`].values), 0.03);

// The runs of the moments in order: that of the last is the finished network's.
export const momentRuns = (data) => Array.from(data.moments, (_, k) => data[`moment_${k}`] ?? data.reverse_learned);
export const momentRange = (data) => extent(data.runs.map((run) => run.values), 0.03);
