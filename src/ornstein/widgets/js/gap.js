// Brush a gap: what a Gaussian law makes of the hidden stretch, as it is dragged.
import { conditioned } from "./law.js";
import { posterior } from "../../views/gap.js";
import { dragged, placeAt } from "../../views/pointer.js";
import { spot } from "../../views/surface.js";
import { floats, staged } from "./host.js";

export function render({ model, el }) {
  const law = conditioned(model);
  const stage = staged(el, model, 300, ["gaps", "curve", "noise", "words"], (surface) => posterior(surface, law()));
  const d = () => floats(model.get("curve")).length;
  const cover = (from, to) => { model.set("gaps", [[Math.min(from, to), Math.max(from, to)]]); model.save_changes(); };
  const place = (event) => placeAt(stage.state.plot, spot(stage.canvas, event)[0], d());
  let from = 0;
  dragged(stage.canvas, (event) => { from = place(event); cover(from, from); }, (event) => cover(from, place(event)));
  stage.canvas.style.cursor = "crosshair";
  stage.canvas.tabIndex = 0;
  stage.canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], [[a, b] = [0, 0]] = model.get("gaps");
    if (!step) return;
    event.preventDefault();
    const [first, last] = event.shiftKey ? [a, Math.max(a, b + step)] : [a + step, b + step];
    if (first >= 0 && last < d()) cover(first, last);
  });
  return stage.end;
}
