// A pad to draw a curve on: what is drawn is the model's ``values``, complete after every stroke.
import { pad } from "../../views/pad.js";
import { dragged, heightAt, placeAt } from "../../views/pointer.js";
import { spot } from "../../views/surface.js";
import { completed, stroke } from "../../views/strokes.js";
import { staged } from "./host.js";

export function render({ model, el }) {
  const points = model.get("points"), given = model.get("values");
  let values = Float32Array.from({ length: points }, (_, i) => given[i] ?? NaN), last = null, pen = null;
  const stage = staged(el, model, 220, ["words"], (surface) => pad(surface, { values, pen }));
  const keep = () => {
    const whole = completed(values);
    if (whole) { model.set("values", Array.from(whole)); model.save_changes(); }
  };
  const place = (event) => [placeAt(stage.state.plot, spot(stage.canvas, event)[0], points), Math.min(Math.max(heightAt(stage.state.plot, spot(stage.canvas, event)[1]), -1), 1)];
  const put = (to, from) => { stroke(values, from ?? to, to); last = to; stage.soon(); };
  dragged(stage.canvas, (event) => put(place(event), null), (event) => put(place(event), last), keep);
  stage.canvas.style.cursor = "crosshair";
  stage.canvas.tabIndex = 0;
  stage.canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const from = pen ? [Math.round(pen[0] * (points - 1)), pen[1]] : [0, 0];
    const to = [Math.min(Math.max(from[0] + move[0], 0), points - 1), Math.min(Math.max(from[1] + move[1], -1), 1)];
    pen = [to[0] / (points - 1), to[1]];
    if (move[0]) put(to, from);
    stage.soon();
    keep();
  });
  model.on("change:values", () => {
    const now = model.get("values");
    if (now.length === 0) { values = new Float32Array(points).fill(NaN); stage.soon(); }
    else if (now.length === points) { values = Float32Array.from(now); stage.soon(); }
  });
  return stage.end;
}
