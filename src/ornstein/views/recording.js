// A long recording: channels below one another, a stretch of each as the extremes of what every column of pixels stands for.
import { scales } from "./axes.js";
import { ticks } from "./ticks.js";

// Least and largest value of every column: ``values`` (time,) from sample ``from`` on, ``per`` samples to a column. A jump of one sample
// is one pixel high at any width.
export function columns(values, from, per, count) {
  const low = new Float32Array(count), high = new Float32Array(count);
  for (let c = 0; c < count; c++) {
    const begin = Math.floor(from + c * per), end = Math.min(Math.max(Math.floor(from + (c + 1) * per), begin + 1), values.length);
    let least = Infinity, most = -Infinity;
    for (let i = Math.max(begin, 0); i < end; i++) {
      const v = values[i];
      if (v < least) least = v;
      if (v > most) most = v;
    }
    low[c] = least;
    high[c] = most;
  }
  return { low, high };
}

// ``channels`` [{ low, high, centre }, ...], ``scale`` in values per row; those in ``bad`` are pale. Lines only: no axes, so that
// neighbouring stretches join.
export function stretch(surface, { channels, scale, bad }) {
  const { g, width, height, colours } = surface, row = height / channels.length;
  g.lineWidth = 1;
  channels.forEach(({ low, high, centre }, k) => {
    const middle = (k + 0.5) * row, unit = row / scale;
    g.strokeStyle = bad.has(k) ? colours.grid : colours.near;
    g.beginPath();
    let pen = false;
    for (let c = 0; c < low.length; c++) {
      if (low[c] > high[c]) { pen = false; continue; }
      const x = ((c + 0.5) / low.length) * width, y0 = middle - (low[c] - centre) * unit, y1 = middle - (high[c] - centre) * unit;
      if (pen) g.lineTo(x, y0);
      else g.moveTo(x, y0);
      if (y1 !== y0) g.lineTo(x, y1);
      pen = true;
    }
    g.stroke();
  });
}

// The names of channels, a clock below and the bar of scale: what stands still while the stretch moves.
export function rim(surface, { names, bad, start, stop, rate, left, bottom, scale, unit }) {
  const { g, width, height, colours, words } = surface, plot = scales(surface, { left, top: 0, right: width, bottom: height - bottom }, [start, stop]);
  const row = (height - bottom) / names.length;
  g.textBaseline = "middle";
  g.textAlign = "right";
  names.forEach((name, k) => {
    g.fillStyle = bad.has(k) ? colours.grid : colours.ink;
    if (row >= 10 || k % Math.ceil(10 / row) === 0) g.fillText(name, left - 6, (k + 0.5) * row);
  });
  g.fillStyle = colours.muted;
  g.textAlign = "center";
  g.textBaseline = "top";
  for (const [v, text] of ticks(rate ? [start / rate, stop / rate] : [start, stop], Math.max(2, (width - left) / 90))) {
    const x = plot.X(rate ? v * rate : v);
    if (x > left + 8 && x < width - 8) g.fillText(text, x, height - bottom + 5);
  }
  g.textAlign = "left";
  g.fillText(`${words.row} = ${Number(scale.toPrecision(2))}${unit && ` ${unit}`}`, 4, height - bottom + 5);
}
