// Keys: the colour bar in the right margin, and the legend.
import { ramp } from "./colours.js";
import { block } from "./marks.js";
import { readable } from "./ticks.js";

// The colours of a ramp from ``low`` (bottom) to ``high``, with a title; ``right`` is the edge it stands at.
export function bar(plot, stops, low, high, title, digits = 1, right = plot.width) {
  const { g, box, colours } = plot, x = right - 52, top = box.top + 16, height = box.bottom - top;
  for (let k = 0; k < height; k++) block(plot, x, top + k, 9, Math.min(1.5, height - k), ramp(stops, 1 - k / (height - 1)));
  g.fillStyle = colours.muted;
  g.textAlign = "left";
  g.textBaseline = "middle";
  [high, (low + high) / 2, low].forEach((v, k) => g.fillText(readable(v, digits), x + 13, top + 4 + (k * (height - 8)) / 2));
  g.textAlign = "right";
  g.textBaseline = "top";
  if (title) g.fillText(title, right - 6, box.top);
}

// [[text, colour, dash], ...] in the upper right corner, or halfway up on the left.
export function legend(plot, entries, corner = "right") {
  const { g, box, colours } = plot, top = corner === "right" ? box.top : (box.top + box.bottom) / 2 - 8 * entries.length;
  g.textBaseline = "middle";
  g.textAlign = "left";
  const widest = Math.max(...entries.map(([text]) => g.measureText(text).width));
  const x = corner === "right" ? box.right - widest - 34 : box.left + 8;
  block(plot, x, top + 6, widest + 30, 16 * entries.length + 6, colours.panel, 0.85);
  entries.forEach(([text, colour, dash = []], k) => {
    const y = top + 17 + 16 * k;
    g.strokeStyle = colour;
    g.lineWidth = 2;
    g.setLineDash(dash);
    g.beginPath();
    g.moveTo(x + 4, y);
    g.lineTo(x + 20, y);
    g.stroke();
    g.setLineDash([]);
    g.fillStyle = colours.ink;
    g.fillText(text, x + 25, y + 0.5);
  });
}
