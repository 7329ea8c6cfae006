// A training beside what it has to beat: held-out loss against time, and the level of the Gaussian.
import { extent } from "./arrays.js";
import { frame } from "./axes.js";
import { dot, line } from "./marks.js";

export function trained(surface, { seconds, best, gaussian }) {
  const { colours, words } = surface, end = Math.max(seconds[seconds.length - 1] ?? 0, 1), marked = [...best, ...(gaussian === null ? [] : [gaussian])];
  const keys = [[words.network, colours.accent], [words.gaussian, colours.ink, [5, 4]]];
  const plot = frame(surface, { x: [0, end], y: extent([marked.length ? marked : [0, 1]], 0.12), xlabel: words.seconds, ylabel: words.heldOut, keys });
  if (gaussian !== null) line(plot, [gaussian, gaussian], { colour: colours.ink, xs: [0, end], dash: [5, 4] });
  line(plot, best, { colour: colours.accent, xs: seconds, width: 2 });
  if (best.length) dot(plot, plot.X(seconds[seconds.length - 1]), plot.Y(best[best.length - 1]), 5, colours.accent);
  return plot;
}
