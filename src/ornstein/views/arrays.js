// Arrays: a vector is a Float32Array, a matrix { values, rows, columns }; and the sums that are done with them per frame.

export const row = (matrix, i) => matrix.values.subarray(i * matrix.columns, (i + 1) * matrix.columns);

// A per-step array read between two steps.
export function at(array, t) {
  const i = Math.min(Math.floor(t), array.length - 1), j = Math.min(i + 1, array.length - 1);
  return array[i] + (t - i) * (array[j] - array[i]);
}

// x_t = alpha x_0 + sigma z
export function mix(signal, noise, alpha, sigma) {
  const out = new Float32Array(signal.length);
  for (let i = 0; i < out.length; i++) out[i] = alpha * signal[i] + sigma * noise[i];
  return out;
}

export const rows = (matrix) => Array.from({ length: matrix.rows }, (_, k) => row(matrix, k));

export const column = (matrix, k) => Float32Array.from({ length: matrix.rows }, (_, t) => matrix.values[t * matrix.columns + k]);

export const log10 = (values) => Array.from(values, (v) => Math.log10(v));

// One row of a trajectory, read between two steps.
export function between(matrix, t) {
  const i = Math.min(Math.floor(t), matrix.rows - 1), j = Math.min(i + 1, matrix.rows - 1), part = t - i;
  const a = row(matrix, i), b = row(matrix, j);
  return Float32Array.from(a, (v, k) => v + part * (b[k] - v));
}

export function moments(x) {
  const mean = x.reduce((s, v) => s + v, 0) / x.length;
  return { mean, variance: x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length };
}

export function distance(x, y) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] - y[i]) ** 2;
  return Math.sqrt(sum);
}

export const rms = (x, y) => distance(x, y) / Math.sqrt(x.length);

export function extent(arrays, pad = 0.06) {
  let low = Infinity, high = -Infinity;
  for (const a of arrays) for (const v of a) { if (v < low) low = v; if (v > high) high = v; }
  const room = pad * (high - low || 1);
  return [low - room, high + room];
}

// Counts of x in bins of the given width around multiples of it.
export function histogram(x, low, high, width) {
  const centres = [], counts = [];
  for (let c = Math.ceil(low / width) * width; c <= high + 1e-9; c += width) { centres.push(c); counts.push(0); }
  for (const v of x) {
    const k = Math.min(Math.max(Math.round((v - centres[0]) / width), 0), counts.length - 1);
    counts[k] += 1;
  }
  return { centres, counts, width };
}

export const normalCount = (n, centre, width) => (n * width * Math.exp(-0.5 * centre * centre)) / Math.sqrt(2 * Math.PI);

// exp(-(v_i - v_j)^2)
export function similarity(v) {
  return square(v.length, (i, j) => Math.exp(-((v[i] - v[j]) ** 2)));
}

// X^T X / m
export function secondMoment(draws) {
  const { values, rows, columns: d } = draws, out = new Float32Array(d * d);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < d; i++) {
      const v = values[r * d + i] / rows;
      for (let j = i; j < d; j++) out[i * d + j] += v * values[r * d + j];
    }
  }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) out[i * d + j] = out[j * d + i];
  return { values: out, rows: d, columns: d };
}

// alpha^2 S + sigma^2 I: the covariance S after the diffusion x_t = alpha x_0 + sigma z.
export function diffused({ values, rows: d }, alpha, sigma) {
  const kept = alpha ** 2, out = new Float32Array(d * d);
  for (let i = 0; i < out.length; i++) out[i] = kept * values[i];
  for (let i = 0; i < d; i++) out[i * d + i] += sigma ** 2;
  return { values: out, rows: d, columns: d };
}

export const toeplitz = (first) => square(first.length, (i, j) => first[Math.abs(i - j)]);

function square(d, entry) {
  const values = new Float32Array(d * d);
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) values[i * d + j] = entry(i, j);
  return { values, rows: d, columns: d };
}
