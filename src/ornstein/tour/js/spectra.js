// Chapters three and four: matrices, spectra, and eigenvalues in motion.
import { at, secondMoment, similarity, toeplitz } from "./data.js";
import { dot, frame, heat, legend, line } from "./plot.js";

export function matrices(data) {
  return {
    kernel: similarity(data.curve), ensemble: toeplitz(data.ensemble_row),
    source: secondMoment(data.noise), paired: secondMoment(data.paired), exact: secondMoment(data.exact),
  };
}

export function matrix(canvas, { data, colours }) {
  const name = canvas.dataset.matrix, found = data.matrices[name];
  let low = Infinity, high = -Infinity;
  for (const v of found.values) { low = Math.min(low, v); high = Math.max(high, v); }
  heat(canvas, colours, found, { low: name === "kernel" ? 0 : low, high });
}

export function spectrum(canvas, { data, colours, words }) {
  const named = canvas.dataset.spectra.split(" "), [first] = named;
  const shown = named.map((name) => data[`lambda_${name}`]);
  const tint = { signal: colours.signal, ensemble: colours.accent, source: colours.accent, paired: colours.second, exact: colours.accent };
  const top = Math.max(...shown.map((s) => s[0])) * 1.06;
  const plot = frame(canvas, colours, { x: [0, shown[0].length], y: [-0.02 * top, top], xlabel: words.index, ylabel: words.singular });
  if (first === "source") line(plot, new Float32Array(shown[0].length).fill(1), { colour: colours.ink, dash: [5, 4] });
  shown.forEach((s, k) => line(plot, s, { colour: tint[named[k]], width: 2, xs: Array.from(s, (_, i) => i + 1) }));
  const entries = named.map((name) => [words[`lambda_${name}`], tint[name]]);
  legend(plot, first === "source" ? [...entries, [words.truth, colours.ink, [5, 4]]] : entries);
}

// Both spectra, each scaled by its largest value, and Psi.
export function ratio(canvas, { data, colours, words }) {
  const { lambda_signal: signal, lambda_source: source, psi } = data, xs = Array.from(signal, (_, i) => i + 1);
  const scaled = (s) => Array.from(s, (v) => v / s[0]);
  const plot = frame(canvas, colours, { x: [0, signal.length], y: [-0.03, 1.06], xlabel: words.index });
  line(plot, scaled(source), { colour: colours.accent, width: 2, xs });
  line(plot, scaled(signal), { colour: colours.signal, width: 2, xs });
  line(plot, scaled(psi), { colour: colours.ink, width: 1.6, dash: [5, 4], xs });
  const max = (s) => s[0].toFixed(2);
  legend(plot, [[`Λ₁ / ${max(signal)}`, colours.signal], [`Λ / ${max(source)}`, colours.accent], [`Ψ / ${max(psi)}`, colours.ink, [5, 4]]]);
}

// lambda_k(t) = abar lambda_k + 1 - abar, on a logarithmic scale.
export function motion(canvas, { data, colours, words, state }) {
  const alpha = at(data.alpha, state.t), sigma = at(data.sigma, state.t), { lambda_signal: lambda } = data;
  const low = -6, log = (v) => Math.max(Math.log10(Math.max(v, 1e-12)), low), xs = Array.from(lambda, (_, i) => i + 1);
  const plot = frame(canvas, colours, { x: [0, lambda.length + 1], y: [low - 0.15, Math.log10(lambda[0]) + 0.3], xlabel: words.index, ylabel: words.logLambda });
  line(plot, Array.from(lambda, log), { colour: colours.muted, xs });
  line(plot, xs.map(() => 0), { colour: colours.ink, xs, dash: [5, 4] });
  lambda.forEach((v, k) => dot(plot, plot.X(k + 1), plot.Y(log(alpha ** 2 * v + sigma ** 2)), 2.6, colours.accent));
  legend(plot, [["t = 0", colours.muted], [`t = ${Math.round(state.t)}`, colours.accent], ["N(0, I)", colours.ink, [5, 4]]]);
}
