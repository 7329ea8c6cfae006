// A signal with gaps: what was seen, what is hidden, and the bands, mean and draws of what may be there.
import { clock, timed } from "./ensemble.js";
import { frame } from "./axes.js";
import { stretches } from "./gap.js";
import { band, block, dot, line } from "./marks.js";

const DEEP = 0.2;

// ``bands`` [[low, high], ...] from the widest; arrays (time,) of which only the hidden places count. ``truth`` dashes what was there.
export function filled(surface, { curve, hidden, bands = [], mean = null, draws = [], truth = true, rate = null, y, unit = "", brush = null }) {
  const { colours, words } = surface, length = curve.length, xs = clock(length, rate), shut = new Set(hidden);
  const keys = [[words.curve, colours.signal], ...(mean ? [[words.modelSays, colours.accent]] : []), ...(mean && truth ? [[words.hiddenTruth, colours.signal, [4, 4]]] : [])];
  const plot = frame(surface, { x: [xs[0], xs[length - 1]], y, xlabel: words[timed(curve.length, rate).word], ylabel: unit || words.value, keys });
  const { box, X } = plot, half = (xs[1] - xs[0]) / 2, parts = stretches(hidden);
  const shade = ([first, last], colour, alpha) => {
    const left = Math.max(X(xs[first] - half), box.left), right = Math.min(X(xs[last] + half), box.right);
    block(plot, left, box.top, right - left, box.bottom - box.top, colour, alpha);
  };
  for (const part of parts) shade(part, colours.grid, 0.75);
  if (brush) shade(brush, colours.accent, 0.16);
  const inside = (values, [first, last], draw) => {
    const from = Math.max(first - 1, 0), to = Math.min(last + 1, length - 1);
    draw(from, to, (v) => Array.from({ length: to - from + 1 }, (_, i) => (shut.has(from + i) ? v[from + i] : curve[from + i])), xs.slice(from, to + 1));
  };
  for (const part of parts) {
    for (const [low, high] of bands) {
      inside(low, part, (from, to, cut, places) => band(plot, cut(low), cut(high), { colour: colours.accent, xs: places, alpha: DEEP }));
    }
    for (const draw of draws) inside(draw, part, (from, to, cut, places) => line(plot, cut(draw), { colour: colours.accent, xs: places, alpha: 0.3 }));
    if (mean) inside(mean, part, (from, to, cut, places) => line(plot, cut(mean), { colour: colours.accent, xs: places, width: 2 }));
    if (truth) inside(curve, part, (from, to, cut, places) => line(plot, cut(curve), { colour: colours.signal, xs: places, width: 1.4, dash: [4, 4] }));
  }
  const open = xs.map((_, i) => i).filter((i) => !shut.has(i) && !Number.isNaN(curve[i]));
  for (const [first, last] of stretches(open)) line(plot, curve.slice(first, last + 1), { colour: colours.signal, xs: xs.slice(first, last + 1), width: 2 });
  return plot;
}

// What a measurement changes: the band of 90 % before (pale) and after it, mean and draws after it, and its ``readings`` [place, value].
export function moved(surface, { curve, prior, posterior, mean, draws = [], readings = [], rate = null, y, unit = "" }) {
  const { colours, words } = surface, xs = clock(curve.length, rate);
  const keys = [[words.curve, colours.signal, [4, 4]], [words.before, colours.far], [words.posterior, colours.accent], [words.readings, colours.ink, [1, 6]]];
  const plot = frame(surface, { x: [xs[0], xs[curve.length - 1]], y, xlabel: words[timed(curve.length, rate).word], ylabel: unit || words.value, keys });
  band(plot, ...prior, { colour: colours.far, xs, alpha: 0.45 });
  band(plot, ...posterior, { colour: colours.accent, xs, alpha: 0.3 });
  for (const draw of draws) line(plot, draw, { colour: colours.accent, xs, alpha: 0.3 });
  line(plot, mean, { colour: colours.accent, xs, width: 2 });
  line(plot, curve, { colour: colours.signal, xs, width: 1.4, dash: [4, 4] });
  for (const [place, value] of readings) dot(plot, plot.X(place / timed(curve.length, rate).per), plot.Y(value), 3, colours.ink);
  return plot;
}
