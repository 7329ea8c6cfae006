// A pad to draw a curve on: what was drawn so far, and a few words where nothing was.
import { scales } from "./axes.js";
import { block, dot, line } from "./marks.js";

const MARGIN = 10;
const SPAN = 1.1;

// ``values`` (d,) in -1 ... 1, NaN where nothing was drawn; ``pen`` the place (0 ... 1, -1 ... 1) of a keyboard's pen, or null.
export function pad(surface, { values, pen = null }) {
  const { g, colours, words, width, height } = surface;
  const plot = scales(surface, { left: MARGIN, top: MARGIN, right: width - MARGIN, bottom: height - MARGIN }, [0, values.length - 1], [-SPAN, SPAN]);
  block(plot, MARGIN, MARGIN, width - 2 * MARGIN, height - 2 * MARGIN, colours.panel);
  line(plot, [0, 0], { colour: colours.grid, xs: [0, values.length - 1] });
  const inked = Array.from(values, (v, i) => [i, v]).filter(([, v]) => !Number.isNaN(v));
  if (inked.length) line(plot, inked.map(([, v]) => v), { colour: colours.signal, width: 3, xs: inked.map(([i]) => i) });
  else {
    g.fillStyle = colours.muted;
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText(words.drawHere, width / 2, height / 2 - 14);
  }
  if (pen) dot(plot, plot.X(pen[0] * (values.length - 1)), plot.Y(pen[1]), 6, colours.accent);
  return plot;
}
