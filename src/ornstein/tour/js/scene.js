// The scene: what Python sent once, decoded, and what the figures need of it more than once.
import { extent, mix, row, rows, secondMoment, similarity, toeplitz } from "../../views/arrays.js";

// Little-endian Float32 in base64: a vector, or a matrix.
function decode({ shape, data }) {
  const values = new Float32Array(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
  return shape.length === 2 ? { values, rows: shape[0], columns: shape[1] } : values;
}

export function prepared(arrays) {
  const data = Object.fromEntries(Object.entries(arrays).map(([name, entry]) => [name, decode(entry)]));
  const { curve, noise, paired, exact } = data;
  data.matrices = {
    kernel: similarity(curve), ensemble: toeplitz(data.ensemble_row),
    source: secondMoment(noise), paired: secondMoment(paired), exact: secondMoment(exact),
  };
  data.wide = extent([noise.values, ...rows(noise).map((z) => mix(curve, z, 1, 1))]);
  data.recoloured = extent([paired.values, exact.values, curve]);
  data.reverseRange = extent(["one", "learned", "kernel", "ensemble"].map((law) => data[`reverse_${law}`].values), 0.03);
  // the runs of the kept moments of the training in order: that of the last is the finished network's
  data.runs = Array.from(data.moments, (_, k) => data[`moment_${k}`] ?? data.reverse_learned);
  return data;
}

export const copiesOf = (data, sigma) => rows(data.noise).map((z) => mix(data.curve, z, 1, sigma));
export const firstNoise = (data) => row(data.noise, 0);
