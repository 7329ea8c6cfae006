// Many curves of one colour as one picture. A browser without a graphics card strokes 64 curves of 1000 points in 16 to 20 ms, since each
// is laid over the whole picture in its turn, and multiplying their light pixel by pixel takes a third of that. Here each piece of a curve
// says only where its ink begins, bends and ends, and one pass over the picture adds that up.

// Strokes of one pixel, one after another, let through the light prod_k (1 - alpha c_k), where c_k is the part of a pixel that a curve
// covers, shared by two neighbours across its direction (Wu, SIGGRAPH 1991, "An efficient antialiasing technique"). As ink, which adds up:
//   -log(1 - alpha c) = full c - bend c (1 - c)      full = -log(1 - alpha),  bend = 2 full + 4 log(1 - alpha / 2)
// exact where a pixel is not, half or wholly covered, and within 3 % of the light between at alpha = .6. Down a column c changes by a
// straight line, so the ink of a steep piece is a polynomial of degree two there, and its third differences are three numbers where it
// begins and three where it ends. Beyond ALMOST the middle terms would be negative ink.
export const ALMOST = 0.8;

const DARKEST = 8, STEPS = 512; // the most ink that changes a shade, and steps of the table for one of it
const OPACITY = Uint8Array.from({ length: DARKEST * STEPS + 1 }, (_, k) => Math.round(255 * (1 - Math.exp(-k / STEPS))));
const RIM = 5; // rows beyond the picture, for what ends there

// Four megabytes that the system has to clear take half as long as the curves that fill them, so they are kept from frame to frame.
const kept = { bends: new Float64Array(0), pixels: new Uint32Array(0) };

// Pixels (height x width) of curves laid down with alpha <= ALMOST in the colour ``tint``, 0xbbggrr; they are the caller's until the next
// call. A curve is [x, y], places in pixels from the upper left corner; a place that is no number is passed over. Cost: twelve sums for a
// piece and column, whatever its height, and three for a pixel.
export function veil(curves, width, height, alpha, tint) {
  const columns = width + 2, rows = height + RIM; // a rim takes what is half outside
  if (kept.bends.length !== columns * rows) kept.bends = new Float64Array(columns * rows);
  else kept.bends.fill(0);
  if (kept.pixels.length !== width * height) kept.pixels = new Uint32Array(width * height);
  const paper = { columns, rows, bends: kept.bends }; // column by column
  const full = -Math.log(1 - alpha), pen = { full, bend: 2 * full + 4 * Math.log(1 - alpha / 2) };
  for (const [x, y] of curves) {
    let x0 = NaN, y0 = NaN; // the place before, none at the beginning
    for (let i = 0; i < x.length; i++) {
      const x1 = x[i] + 1, y1 = y[i] + 1, wide = x1 - x0, tall = y1 - y0;
      if (!(x1 - x1 === 0 && y1 - y1 === 0)) continue;
      if (x0 === x0) {
        if (tall * tall >= wide * wide) steep(paper, pen, x0, y0, x1, y1);
        else if (wide >= 0) shallow(paper, pen, x0, y0, x1, tall / wide);
        else shallow(paper, pen, x1, y1, x0, tall / wide);
      }
      x0 = x1;
      y0 = y1;
    }
  }
  return summed(paper, width, height, tint);
}

// A piece whose rows are many: for every two columns that share it, the rows between where it enters and leaves them.
function steep({ columns, rows, bends }, { full, bend }, x0, y0, x1, y1) {
  const wide = x1 - x0, tall = y1 - y0, slope = tall === 0 ? 0 : wide / tall, along = tall / (wide || 1e-9);
  const top = Math.min(y0, y1), low = Math.max(y0, y1), last = rows - RIM + 2, step = full * slope, curve = bend * slope * slope;
  const first = Math.max(Math.floor(Math.min(x0, x1) - 0.5), 0) | 0, final = Math.min(Math.floor(Math.max(x0, x1) - 0.5), columns - 2) | 0;
  let here = y0 + (first + 0.5 - x0) * along;
  for (let c = first, at = (first * rows) | 0; c <= final; c = (c + 1) | 0, at = (at + rows) | 0) {
    const next = here + along;
    const begin = Math.ceil(Math.min(Math.max(Math.min(here, next), top, 0.5), last) - 0.5);
    const n = Math.max(Math.ceil(Math.min(Math.max(here, next), low, last) - 0.5) - begin, 0) | 0;
    const part = x0 + (begin + 0.5 - y0) * slope - 0.5 - c, middle = bend * part * (1 - part), turn = bend * slope * (1 - 2 * part);
    if (n > 0) {
      lay(bends, (at + begin) | 0, n, full * (1 - part) - middle, -step - turn, curve);
      lay(bends, (at + rows + begin) | 0, n, full * part - middle, step - turn, curve);
    }
    here = next;
  }
}

// The ink a + b k + e k^2 at k = 0, ..., n - 1: third differences there, and at the end those that take it away.
function lay(bends, at, n, a, b, e) {
  bends[at] += a;
  bends[at + 1] += b + e - 2 * a;
  bends[at + 2] += a - b + e;
  const end = (at + n) | 0, a2 = a + n * (b + n * e), b2 = b + 2 * n * e;
  bends[end] -= a2;
  bends[end + 1] -= b2 + e - 2 * a2;
  bends[end + 2] -= a2 - b2 + e;
}

// A piece whose columns are many: two pixels in each.
function shallow({ columns, rows, bends }, { full, bend }, x0, y0, far, slope) {
  const begin = Math.max(Math.ceil(x0 - 0.5), 0) | 0, end = Math.min(Math.ceil(far - 0.5), columns) | 0;
  let y = y0 + (begin + 0.5 - x0) * slope - 0.5;
  for (let c = begin, from = (begin * rows) | 0; c < end; c++, y += slope, from = (from + rows) | 0) {
    if (!(y >= 0 && y < rows - RIM + 1)) continue;
    const r = y | 0, part = y - r, middle = bend * part * (1 - part), v = full * (1 - part) - middle, w = full * part - middle, at = (from + r) | 0;
    bends[at] += v;
    bends[at + 1] += w - 3 * v;
    bends[at + 2] += 3 * (v - w);
    bends[at + 3] += 3 * w - v;
    bends[at + 4] -= w;
  }
}

function summed({ rows, bends }, width, height, tint) {
  const { pixels } = kept; // little-endian, as every machine with a browser
  for (let c = 0; c < width; c++) {
    let at = ((c + 1) * rows) | 0, change = bends[at], rise = change, ink = change;
    for (let r = 0, to = c; r < height; r++, to = (to + width) | 0) {
      at = (at + 1) | 0;
      change += bends[at];
      rise += change;
      ink += rise;
      pixels[to] = (OPACITY[Math.min((STEPS * ink + 0.5) | 0, DARKEST * STEPS)] << 24) | tint;
    }
  }
  return pixels;
}
