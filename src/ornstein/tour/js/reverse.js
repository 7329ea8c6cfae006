// Chapter four: the way back with an exact denoiser.
import { between, extent, row } from "./data.js";
import { bar, frame, line, ramp, upright } from "./plot.js";

const chosen = ({ data, state }) => data[`reverse_${state.law}`];

// The curves from the start of the run (t = T) to now, every third step, shaded by step.
export function back(canvas, scene) {
  const { data, colours, words, state } = scene, path = chosen(scene), last = path.rows - 1, shades = [colours.near, colours.far];
  const plot = frame(canvas, colours, { x: [0, path.columns - 1], y: data.reverseRange, right: 66, xlabel: words.dimension });
  for (let s = last; s >= state.t; s -= 3) line(plot, row(path, s), { colour: ramp(shades, s / last), alpha: 0.85 });
  line(plot, data.curve, { colour: colours.signal, width: 2, dash: state.law === "one" ? [] : [6, 4] });
  line(plot, between(path, state.t), { colour: colours.ink, width: 1.8 });
  bar(plot, shades, 0, last, words.step, 0);
}

// One line per dimension against the step; the run goes from right to left.
export function threads(canvas, scene) {
  const { data, colours, words, state } = scene, path = chosen(scene), d = path.columns;
  const plot = frame(canvas, colours, { x: [0, path.rows - 1], y: data.reverseRange, xlabel: words.step, ylabel: words.value });
  const every = Math.max(1, Math.round(d / 60));
  for (let i = 0; i < d; i += every) {
    const values = Float32Array.from({ length: path.rows }, (_, t) => path.values[t * d + i]);
    const hue = Math.round((300 * i) / d + 10);
    line(plot, values, { colour: `hsl(${hue} 55% 55%)`, alpha: 0.75 });
  }
  upright(plot, state.t, colours.ink);
}

export const reverseRange = (data) => extent([data.reverse_one.values, data.reverse_kernel.values, data.reverse_ensemble.values], 0.03);
