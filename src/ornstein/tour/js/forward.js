// Chapters one and five: the points leave the curve, the factors, one forward run, the components.
import { at, extent, histogram, mix, normalCount, rms, row } from "./data.js";
import { bar, dot, frame, legend, line, ramp, upright } from "./plot.js";

const RANGE = [-4, 4];
const BIN = 0.5;

// Points at the last steps, shaded by step, and their histogram as dots: area = count; rings = what N(0, 1) expects.
function points(canvas, { data, colours, words }, t, trail) {
  const { curve, alpha, sigma } = data, z = row(data.noise, 0), d = curve.length;
  const plot = frame(canvas, colours, { x: [-1, d], y: RANGE, right: 112, xlabel: words.dimension, ylabel: words.value });
  line(plot, curve, { colour: colours.muted, width: 1.2, alpha: 0.8 });
  const first = Math.max(0, Math.ceil(t) - trail), shades = [colours.far, colours.near];
  let x = curve;
  for (let s = first; s <= Math.ceil(t); s++) {
    const now = Math.min(s, t), fresh = now === t || s === Math.ceil(t);
    x = mix(curve, z, at(alpha, now), at(sigma, now));
    const colour = ramp(shades, trail ? (s - first) / Math.max(1, Math.ceil(t) - first) : 1);
    for (let i = 0; i < d; i++) dot(plot, plot.X(i), plot.Y(Math.min(Math.max(x[i], RANGE[0]), RANGE[1])), fresh ? 2.4 : 1.5, colour, fresh ? 1 : 0.75);
  }
  const { centres, counts } = histogram(x, RANGE[0], RANGE[1], BIN), place = canvas.clientWidth - 82;
  const unit = (0.72 * (plot.Y(0) - plot.Y(BIN))) / Math.sqrt(normalCount(d, 0, BIN));
  centres.forEach((c, k) => {
    if (counts[k]) dot(plot, place, plot.Y(c), unit * Math.sqrt(counts[k]), colours.signal, 0.85);
    dot(plot, place, plot.Y(c), Math.max(0.8, unit * Math.sqrt(normalCount(d, c, BIN))), colours.ink, 0.7, true);
  });
  bar(plot, shades, first, Math.ceil(t), words.step, 0);
}

export const early = (canvas, scene) => points(canvas, scene, 20, 20);
export const late = (canvas, scene) => points(canvas, scene, 100, 20);
export const live = (canvas, scene) => points(canvas, scene, scene.state.t, 12);

export function factors(canvas, { data, colours, words, state }) {
  const { alpha, sigma } = data;
  const plot = frame(canvas, colours, { x: [0, alpha.length - 1], y: [-0.03, 1.03], xlabel: words.step });
  upright(plot, state.t, colours.grid);
  line(plot, alpha, { colour: colours.second, width: 2 });
  line(plot, sigma, { colour: colours.accent, width: 2 });
  for (const [values, colour] of [[alpha, colours.second], [sigma, colours.accent]]) dot(plot, plot.X(state.t), plot.Y(at(values, state.t)), 5, colour);
  legend(plot, [[words.signalFactor, colours.second], [words.noiseFactor, colours.accent]], "left");
}

// One run of the chain: every fourth step up to now.
export function run(canvas, { data, colours, words, state }) {
  const { chain, curve } = data, shades = [colours.near, colours.far], last = chain.rows - 1;
  const plot = frame(canvas, colours, { x: [0, curve.length - 1], y: extent([chain.values], 0.03), right: 66, xlabel: words.dimension });
  for (let s = Math.floor(state.t); s >= 0; s -= 4) line(plot, row(chain, s), { colour: ramp(shades, s / last), alpha: 0.8 });
  line(plot, row(chain, Math.round(state.t)), { colour: colours.ink, width: 1.4 });
  line(plot, curve, { colour: colours.signal, width: 2 });
  bar(plot, shades, 0, last, words.step, 0);
}

export function ends(canvas, { data, colours, words, state }) {
  const now = row(data.chain, Math.round(state.t)), d = now.length;
  const start = histogram(data.curve, -4, 4, BIN), end = histogram(now, -4, 4, BIN);
  const top = Math.max(...start.counts, ...end.counts, normalCount(d, 0, BIN)) * 1.08;
  const plot = frame(canvas, colours, { x: [-4.3, 4.3], y: [0, top], xlabel: words.value, ylabel: words.count }), { g } = plot;
  [[start.counts, colours.signal, -1], [end.counts, colours.accent, 1]].forEach(([counts, colour, side]) => {
    g.fillStyle = colour;
    g.globalAlpha = 0.85;
    const half = 0.42 * (plot.X(BIN) - plot.X(0));
    counts.forEach((n, k) => g.fillRect(plot.X(start.centres[k]) + (side < 0 ? -half : 0), plot.Y(n), half, plot.Y(0) - plot.Y(n)));
    g.globalAlpha = 1;
  });
  const xs = Array.from({ length: 87 }, (_, k) => -4.3 + k / 10);
  line(plot, xs.map((v) => normalCount(d, v, BIN)), { colour: colours.ink, xs, width: 1.3, dash: [4, 3] });
  legend(plot, [["x₀", colours.signal], [`t = ${Math.round(state.t)}`, colours.accent], ["N(0, 1)", colours.ink, [4, 3]]]);
}

export function components(canvas, { data, colours, words }) {
  const { components: parts, curve } = data, sum = new Float32Array(parts.columns);
  const plot = frame(canvas, colours, { x: [0, curve.length - 1], y: extent([curve, parts.values]), xlabel: words.dimension, ylabel: words.value });
  for (let k = 0; k < parts.rows; k++) {
    const part = row(parts, k);
    part.forEach((v, i) => { sum[i] += v; });
    line(plot, part, { colour: colours.muted, alpha: 0.7 });
  }
  line(plot, curve, { colour: colours.signal, width: 2.2 });
  const entries = [[words.curve, colours.signal], [words.component, colours.muted]];
  if (rms(sum, curve) > 1e-3) {
    line(plot, sum, { colour: colours.accent, width: 1.4, dash: [5, 4] });
    entries.push([words.sum, colours.accent, [5, 4]]);
  }
  legend(plot, entries);
}
