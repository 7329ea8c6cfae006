// Spectra, their ratio, and eigenvalues in motion.
import { extent, log10 } from "./arrays.js";
import { frame } from "./axes.js";
import { dot, line } from "./marks.js";

const LOWEST = -6;

const index = (values) => Array.from(values, (_, k) => k + 1);
const floored = (values) => log10(values).map((v) => Math.max(v, LOWEST));

// Spectra [{ values, name, colour }, ...], ``name`` a word and ``colour`` one of the palette; ``flat`` adds the spectrum of I; the scale ends at ``largest``.
export function spectrum(surface, { spectra, flat = false, largest = Math.max(...spectra.map(({ values }) => values[0])) }) {
  const { colours, words } = surface, top = largest * 1.06, size = spectra[0].values.length;
  const keys = [...spectra.map(({ name, colour }) => [words[name], colours[colour]]), ...(flat ? [[words.truth, colours.ink, [5, 4]]] : [])];
  const plot = frame(surface, { x: [0, size], y: [-0.02 * top, top], xlabel: words.index, ylabel: words.singular, keys });
  if (flat) line(plot, new Float32Array(size + 1).fill(1), { colour: colours.ink, dash: [5, 4] });
  for (const { values, colour } of spectra) line(plot, values, { colour: colours[colour], width: 2, xs: index(values) });
}

// Both spectra and Psi, each divided by its largest value, on a logarithmic scale with a floor.
export function ratio(surface, { signal, source, psi }) {
  const { colours, words } = surface, scaled = (values) => floored(values.map((v) => v / values[0]));
  const drawn = [["Λ₁", signal, colours.signal, []], ["Λ", source, colours.accent, []], ["Ψ", psi, colours.ink, [5, 4]]];
  const keys = drawn.map(([name, values, colour, dash]) => [`${name} / ${values[0].toFixed(2)}`, colour, dash]);
  const plot = frame(surface, { x: [0, signal.length + 1], y: [LOWEST - 0.15, 0.3], ylog: true, xlabel: words.index, ylabel: words.share, keys });
  for (const [, values, colour, dash] of drawn) line(plot, scaled(values), { colour, width: 2, dash, xs: index(values) });
}

// lambda_k(t) = alpha^2 lambda_k + sigma^2, on a logarithmic scale with a floor.
export function motion(surface, { eigenvalues, alpha, sigma, t }) {
  const { colours, words } = surface, xs = index(eigenvalues), [, high] = extent([floored(eigenvalues)], 0);
  const now = floored(eigenvalues.map((v) => alpha ** 2 * v + sigma ** 2));
  const keys = [["t = 0", colours.muted], [`t = ${Math.round(t)}`, colours.accent], ["N(0, I)", colours.ink, [5, 4]]];
  const plot = frame(surface, { x: [0, eigenvalues.length + 1], y: [LOWEST - 0.15, Math.max(high, 0) + 0.3], ylog: true, xlabel: words.index, ylabel: words.eigenvalue, keys });
  line(plot, floored(eigenvalues), { colour: colours.muted, xs });
  line(plot, xs.map(() => 0), { colour: colours.ink, xs, dash: [5, 4] });
  now.forEach((v, k) => dot(plot, plot.X(k + 1), plot.Y(v), 2.6, colours.accent));
}
