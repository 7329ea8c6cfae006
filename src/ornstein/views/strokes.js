// Curves from what a hand drew or a file holds.

export const FEWEST = 8; // points of a curve

// What a pointer drew between two events: every point in between, by a straight line.
export function stroke(values, from, to) {
  const [a, b] = from[0] <= to[0] ? [from, to] : [to, from];
  for (let i = a[0]; i <= b[0]; i++) values[i] = b[0] === a[0] ? to[1] : a[1] + ((i - a[0]) / (b[0] - a[0])) * (b[1] - a[1]);
}

// A whole curve from what was drawn: straight lines over what was left out, the first and last value beyond the ends.
export function completed(values) {
  const known = Array.from(values, (v, i) => [i, v]).filter(([, v]) => !Number.isNaN(v));
  if (known.length < 2) return null;
  const whole = Float64Array.from(values);
  whole.fill(known[0][1], 0, known[0][0]);
  known.slice(1).forEach((entry, k) => stroke(whole, known[k], entry));
  whole.fill(known[known.length - 1][1], known[known.length - 1][0] + 1);
  return whole.every((v) => v === whole[0]) ? null : whole;
}

// Rows of numbers of a text file; one number a line is one row. Lines that are no numbers are headers.
export function rowsOf(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).map((line) => line.split(/[,;\t ]+/).map(Number));
  const found = lines.filter((row) => row.every((v) => Number.isFinite(v)));
  if (found.length && found.every((row) => row.length === 1)) return [found.map(([v]) => v)];
  return found.filter((row) => row.length >= FEWEST);
}
