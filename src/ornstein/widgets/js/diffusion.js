// Forward and back: the points of a curve at step t, and the run back of a law at the same step.
import { extent } from "../../views/arrays.js";
import { cloud } from "../../views/forward.js";
import { back } from "../../views/reverse.js";
import { floats, grid, slider, staged } from "./host.js";

export function render({ model, el }) {
  const last = model.get("steps"), rows = last + 1;
  const forward = staged(el, model, 260, ["t", "curve", "noise", "words"], (surface) => {
    const [curve, noise, alpha, sigma] = ["curve", "noise", "alpha", "sigma"].map((name) => floats(model.get(name)));
    cloud(surface, { curve, noise, alpha, sigma, t: model.get("t"), trail: 12 });
  });
  const reverse = staged(el, model, 240, ["t", "path", "curve", "words"], (surface) => {
    const path = grid(floats(model.get("path")), rows), curve = floats(model.get("curve"));
    back(surface, { path, curve, t: model.get("t"), y: extent([path.values, curve], 0.03), aimed: model.get("aimed") });
  });
  const stop = slider(reverse.row, model, "t", last, true);
  return () => { stop(); forward.end(); reverse.end(); };
}
