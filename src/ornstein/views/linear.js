// Products and triangular solves in double precision, on matrices { values, rows, columns }.

// M x, and M^T x: one pass over the matrix either way.
export function times(matrix, x) {
  const { values, rows, columns } = matrix, out = new Float64Array(rows);
  for (let i = 0, k = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, k++) sum += values[k] * x[j];
    out[i] = sum;
  }
  return out;
}

export function timesTransposed(matrix, x) {
  const { values, rows, columns } = matrix, out = new Float64Array(columns);
  for (let i = 0, k = 0; i < rows; i++) {
    const v = x[i];
    for (let j = 0; j < columns; j++, k++) out[j] += values[k] * v;
  }
  return out;
}

// U diag(scale) U^T, its lower triangle computed and mirrored.
export function sandwich(basis, scale) {
  const { values: u, rows: d, columns } = basis, values = new Float64Array(d * d), scaled = new Float64Array(columns);
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < columns; k++) scaled[k] = u[i * columns + k] * scale[k];
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0, at = j * columns; k < columns; k++, at++) sum += scaled[k] * u[at];
      values[i * d + j] = values[j * d + i] = sum;
    }
  }
  return { values, rows: d, columns: d };
}

// The lower triangular L with L L^T = the rows and columns ``index`` of a symmetric, positive definite matrix.
export function cholesky(matrix, index) {
  const n = index.length, values = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix.values[index[i] * matrix.columns + index[j]];
      for (let k = 0; k < j; k++) sum -= values[i * n + k] * values[j * n + k];
      values[i * n + j] = i === j ? Math.sqrt(sum) : sum / values[j * n + j];
    }
  }
  return { values, rows: n, columns: n };
}

// L^-1 b, and L^-T b.
export function forwards(lower, b) {
  const { values, rows: n } = lower, x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= values[i * n + k] * x[k];
    x[i] /= values[i * n + i];
  }
  return x;
}

export function backwards(lower, b) {
  const { values, rows: n } = lower, x = Float64Array.from(b);
  for (let i = n - 1; i >= 0; i--) {
    x[i] /= values[i * n + i];
    for (let k = 0; k < i; k++) x[k] -= values[i * n + k] * x[i];
  }
  return x;
}
