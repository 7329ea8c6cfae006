// A likelihood: what each law thinks of a curve, and which of its modes are to blame.
import { extent, log10 } from "./arrays.js";
import { frame } from "./axes.js";
import { block, dot, line } from "./marks.js";

const FAINTEST = -4;

// Log-densities [{ value, name, colour }, ...] in nats as bars from the smallest shown; longer is likelier.
export function verdicts(surface, { laws, low, high }) {
  const { g, colours, words } = surface, x = [low, high];
  const plot = frame(surface, { x, y: [-0.5, laws.length - 0.5], xlabel: words.logDensity, bare: true }), { box, X, Y } = plot;
  const tall = Math.min(26, 0.42 * (box.bottom - box.top) / laws.length);
  laws.forEach(({ value, name, colour }, k) => {
    const middle = Y(laws.length - 1 - k), right = Math.min(Math.max(X(value), box.left), box.right);
    block(plot, box.left, middle, right - box.left, tall, colours[colour], 0.85);
    g.fillStyle = colours.ink;
    g.textAlign = "left";
    g.textBaseline = "bottom";
    g.fillText(words[name], box.left + 2, middle - 3);
  });
}

// w_k^2 / V_k of every mode: 1 on average under the law. Far above 1, the curve has more of this mode than the law gives it.
export function excess(surface, { ratios }) {
  const { colours, words } = surface, xs = Array.from(ratios, (_, k) => k + 1), shown = log10(ratios).map((v) => Math.max(v, FAINTEST));
  const keys = [[words.expected, colours.ink, [5, 4]]];
  const plot = frame(surface, { x: [0, xs.length + 1], y: [FAINTEST, Math.max(1.5, extent([shown])[1])], ylog: true, xlabel: words.index, ylabel: words.excess, keys });
  line(plot, xs.map(() => 0), { colour: colours.ink, xs, dash: [5, 4] });
  shown.forEach((v, k) => dot(plot, plot.X(k + 1), plot.Y(v), 2.6, v > 1 ? colours.signal : colours.accent));
}

// The curve, and what became of it where a hand bent it.
export function bent(surface, { curve, values, y }) {
  const { colours, words } = surface;
  const plot = frame(surface, { x: [0, curve.length - 1], y, xlabel: words.dimension, ylabel: words.value });
  line(plot, curve, { colour: colours.muted, width: 1.4, dash: [5, 4] });
  line(plot, values, { colour: colours.signal, width: 2 });
  return plot;
}
