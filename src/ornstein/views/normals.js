// Normal numbers that belong to a case: Philox-4x32-10 and Box-Muller, as in ornstein/common/random.py, so that sample i under a
// seed is the same on a page and in Python (up to the last bits of log and cos).

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];
const ROUNDS = 10;

// The high word of a product of two 32-bit words, from halves whose products a double holds exactly.
function high(a, b) {
  const a1 = a >>> 16, a0 = a & 0xffff, b1 = b >>> 16, b0 = b & 0xffff;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return a1 * b1 + Math.floor((a0 * b1 + middle) / 65536);
}

export function philox(counter, key) {
  let [c0, c1, c2, c3] = counter, [k0, k1] = key;
  for (let k = 0; k < ROUNDS; k++) {
    const h0 = high(MULTIPLIERS[0], c0), h1 = high(MULTIPLIERS[1], c2);
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, Math.imul(MULTIPLIERS[1], c2) >>> 0, (h0 ^ c3 ^ k1) >>> 0, Math.imul(MULTIPLIERS[0], c0) >>> 0];
    k0 = (k0 + WEYL[0]) >>> 0;
    k1 = (k1 + WEYL[1]) >>> 0;
  }
  return [c0, c1, c2, c3];
}

// Noise(seed, first).normal(cases, (size,), stream): standard normal numbers, a matrix (case, size).
export function normals(cases, size, { seed = 0, first = 0, stream = 0 } = {}) {
  const values = new Float64Array(cases * size), key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  for (let c = 0; c < cases; c++) {
    for (let block = 0; 4 * block < size; block++) {
      const u = philox([block, (first + c) >>> 0, Math.floor((first + c) / 2 ** 32) >>> 0, stream >>> 0], key).map((w) => (w + 0.5) * 2 ** -32);
      for (const k of [0, 2]) {
        const radius = Math.sqrt(-2 * Math.log(u[k])), angle = 2 * Math.PI * u[k + 1], at = 4 * block + k;
        if (at < size) values[c * size + at] = radius * Math.cos(angle);
        if (at + 1 < size) values[c * size + at + 1] = radius * Math.sin(angle);
      }
    }
  }
  return { values, rows: cases, columns: size };
}
