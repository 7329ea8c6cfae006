// Eigenvalues in motion: the spectrum of a law, and of its diffusion at step t.
import { motion } from "../../views/spectra.js";
import { floats, slider, staged } from "./host.js";

export function render({ model, el }) {
  const last = model.get("steps");
  const stage = staged(el, model, 280, ["t", "eigenvalues", "words"], (surface) => {
    const [eigenvalues, alpha, sigma] = ["eigenvalues", "alpha", "sigma"].map((name) => floats(model.get(name))), t = model.get("t");
    motion(surface, { eigenvalues, alpha: alpha[t], sigma: sigma[t], t });
  });
  const stop = slider(stage.row, model, "t", last, true);
  return () => { stop(); stage.end(); };
}
