// The posterior of a model's gaps: everything but the gap is computed once.
import { extent } from "../../views/arrays.js";
import { hiding, measured, posteriorDeviation, posteriorDraw, posteriorMean } from "../../views/conditioning.js";
import { gaussianLaw, placed } from "../../views/gaussian.js";
import { normals } from "../../views/normals.js";
import { floats, grid } from "./host.js";

const SHOWN = 6;

export function hiddenIn(gaps, d) {
  return Array.from({ length: d }, (_, i) => i).filter((i) => gaps.some(([first, last]) => first <= i && i <= last));
}

export function conditioned(model) {
  const basis = floats(model.get("basis")), d = Math.round(Math.sqrt(basis.length)), noise = model.get("noise"), seed = model.get("seed");
  const law = gaussianLaw(floats(model.get("mean")), grid(basis, d), floats(model.get("eigenvalues"))), known = measured(law, noise);
  const white = normals(2 * SHOWN, d, { seed }), here = { alpha: 1, sigma: 0 };
  const row = (k) => white.values.subarray(k * d, (k + 1) * d);
  const priors = Array.from({ length: SHOWN }, (_, k) => placed(law, row(k), here));
  return () => {
    const curve = floats(model.get("curve")), hidden = hiddenIn(model.get("gaps"), d), given = hiding(known, hidden);
    const mean = posteriorMean(given, curve), deviation = posteriorDeviation(given);
    const draws = priors.map((x, k) => posteriorDraw(given, curve, x, x.map((v, i) => v + noise * row(SHOWN + k)[i])));
    return { curve, readings: null, hidden, mean, deviation, draws, y: extent([curve, mean, ...draws], 0.1) };
  };
}
