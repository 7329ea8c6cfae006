// A matrix as an image: rows downwards, with its colour bar.
import { extent } from "./arrays.js";
import { scales } from "./axes.js";
import { matrixColours, matrixStops } from "./colours.js";
import { bar } from "./keys.js";

const LEFT = 26;
const RIGHT = 58;
const TOP = 8;
const BOTTOM = 26;

// ``low`` and ``high`` are the ends of the colours; by default the smallest and largest value.
export function heat(surface, { matrix, low = extent([matrix.values], 0)[0], high = extent([matrix.values], 0)[1], digits = 1 }) {
  const { g, width, height, colours, image } = surface, size = Math.min(width - LEFT - RIGHT, height - TOP - BOTTOM);
  const left = LEFT + (width - LEFT - RIGHT - size) / 2, right = left + size;
  const plot = scales(surface, { left, top: TOP, right, bottom: TOP + size });
  image(matrix, matrixColours(), low, high, left, TOP, size, size);
  g.fillStyle = colours.muted;
  g.textBaseline = "top";
  g.textAlign = "center";
  for (const p of [0, 0.5, 1]) g.fillText(String(Math.round(p * (matrix.columns - 1))), left + p * size, TOP + size + 5);
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const p of [0, 0.5, 1]) g.fillText(String(Math.round(p * (matrix.rows - 1))), left - 5, TOP + Math.max(4, p * size));
  bar(plot, matrixStops, low, high, "", digits, right + 62);
}
