// What a frame costs: 64 curves of 1000 points, mixed anew and drawn, so many times; milliseconds of this machine's processor.
// "script" is the drawing as a view calls it, "pixels" the same with every pixel there, which a browser may do elsewhere or later.
import { mix } from "/views/arrays.js";
import { frame } from "/views/axes.js";
import { NAMES } from "/views/colours.js";
import { lines } from "/views/marks.js";
import { normals } from "/views/normals.js";
import { onCanvas } from "/views/surface.js";

const CURVES = 64, POINTS = 1000, FRAMES = Number(new URLSearchParams(location.search).get("frames")) || 60;

const canvas = document.querySelector("canvas"), style = getComputedStyle(document.documentElement);
const colours = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
const signals = normals(CURVES, POINTS, { seed: 1 }), noise = normals(CURVES, POINTS, { seed: 2 });
const rowOf = ({ values, columns }, k) => values.subarray(k * columns, (k + 1) * columns);
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function draw(share) {
  const plot = frame(onCanvas(canvas, colours, {}), { x: [0, POINTS - 1], y: [-4, 4] });
  const alpha = Math.cos((share * Math.PI) / 2), sigma = Math.sin((share * Math.PI) / 2);
  lines(plot, Array.from({ length: CURVES }, (_, k) => mix(rowOf(signals, k), rowOf(noise, k), alpha, sigma)), { colour: colours.accent, alpha: 0.6 });
  return plot.g;
}

const script = [], pixels = [];
for (let k = 0; k < FRAMES; k++) {
  await new Promise(requestAnimationFrame);
  const began = performance.now(), g = draw(k / FRAMES);
  script.push(performance.now() - began);
  g.getImageData(0, 0, 1, 1);
  pixels.push(performance.now() - began);
}
const found = { curves: CURVES, points: POINTS, frames: FRAMES, script: median(script), pixels: median(pixels), best: Math.min(...pixels) };
document.querySelector("pre").textContent = JSON.stringify(found, null, 2);
document.documentElement.dataset.ready = JSON.stringify(found);
