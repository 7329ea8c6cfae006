// The way back: a run (step, dimension) whose row t is x_t, so it reads from the last row up.
import { between, column, row } from "./arrays.js";
import { frame } from "./axes.js";
import { ramp } from "./colours.js";
import { bar } from "./keys.js";
import { line, upright } from "./marks.js";

const THREADS = 60;

// The curves from the start of the run to step t, every third, shaded by step. ``curve`` is dashed where the run does not aim at it.
export function back(surface, { path, curve, t, y, aimed = true }) {
  const { colours, words } = surface, last = path.rows - 1, shades = [colours.near, colours.far];
  const plot = frame(surface, { x: [0, path.columns - 1], y, right: 66, xlabel: words.dimension });
  for (let s = last; s >= t; s -= 3) line(plot, row(path, s), { colour: ramp(shades, s / last), alpha: 0.85 });
  line(plot, curve, { colour: colours.signal, width: 2, dash: aimed ? [] : [6, 4] });
  line(plot, between(path, t), { colour: colours.ink, width: 1.8 });
  bar(plot, shades, 0, last, words.step, 0);
}

// One line per dimension against the step.
export function threads(surface, { path, t, y }) {
  const { colours, words } = surface, d = path.columns, every = Math.max(1, Math.round(d / THREADS));
  const plot = frame(surface, { x: [0, path.rows - 1], y, xlabel: words.step, ylabel: words.value });
  for (let i = 0; i < d; i += every) line(plot, column(path, i), { colour: `hsl(${Math.round((300 * i) / d + 10)} 55% 55%)`, alpha: 0.75 });
  upright(plot, t, colours.ink);
}
