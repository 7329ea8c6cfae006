// Many curves of one colour as one picture. A browser without a graphics card strokes 64 curves of 1000 points in 16 to 20 ms, since each
// is laid over the whole picture in its turn; here their light is multiplied pixel by pixel, in a third of that.

// The light (height x width) that curves let through, prod_k (1 - alpha c_k), as strokes of one pixel leave it one after another. c_k is
// the part of a pixel that a curve covers, shared by two neighbours across its direction (Wu, SIGGRAPH 1991, "An efficient antialiasing
// technique"). A curve is [x, y], places in pixels from the upper left corner; a place that is no number is passed over.
export function veil(curves, width, height, alpha) {
  const columns = width + 2, rows = height + 2, light = new Float32Array(columns * rows).fill(1); // a rim takes what is half outside
  for (const [x, y] of curves) {
    let from = -1;
    for (let i = 0; i < x.length; i++) {
      if (!(Math.abs(x[i]) < Infinity && Math.abs(y[i]) < Infinity)) continue;
      if (from >= 0) {
        const x0 = x[from] + 1, y0 = y[from] + 1, x1 = x[i] + 1, y1 = y[i] + 1;
        // row by row where a segment is steep, column by column where it is flat
        if (Math.abs(y1 - y0) >= Math.abs(x1 - x0)) byRows(light, columns, rows, x0, y0, x1, y1, alpha);
        else byColumns(light, columns, rows, x0, y0, x1, y1, alpha);
      }
      from = i;
    }
  }
  const inside = new Float32Array(width * height);
  for (let r = 0; r < height; r++) inside.set(light.subarray((r + 1) * columns + 1, (r + 1) * columns + 1 + width), r * width);
  return inside;
}

// Whole numbers are said to be (| 0): the loops take half as long for it.
function byRows(light, columns, rows, x0, y0, x1, y1, alpha) {
  const low = y0 < y1 ? y0 : y1, slope = y0 === y1 ? 0 : (x1 - x0) / (y1 - y0), begin = Math.max(Math.ceil(low - 0.5), 0) | 0, end = Math.min(Math.ceil((y0 < y1 ? y1 : y0) - 0.5), rows) | 0;
  let x = (y0 < y1 ? x0 : x1) + (begin + 0.5 - low) * slope - 0.5;
  for (let r = begin, at = begin * columns; r < end; r++, at += columns, x += slope) {
    const c = x | 0;
    if (x < 0 || c >= columns - 1) continue;
    const part = alpha * (x - c);
    light[at + c] *= 1 - alpha + part;
    light[at + c + 1] *= 1 - part;
  }
}

function byColumns(light, columns, rows, x0, y0, x1, y1, alpha) {
  const low = x0 < x1 ? x0 : x1, slope = (y1 - y0) / (x1 - x0), begin = Math.max(Math.ceil(low - 0.5), 0) | 0, end = Math.min(Math.ceil((x0 < x1 ? x1 : x0) - 0.5), columns) | 0;
  let y = (x0 < x1 ? y0 : y1) + (begin + 0.5 - low) * slope - 0.5;
  for (let c = begin; c < end; c++, y += slope) {
    const r = y | 0;
    if (y < 0 || r >= rows - 1) continue;
    const part = alpha * (y - r), at = r * columns + c;
    light[at] *= 1 - alpha + part;
    light[at + columns] *= 1 - part;
  }
}
