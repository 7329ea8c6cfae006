// Colours: the names of the palette, and ramps between two or more of them.

export const NAMES = ["ink", "muted", "grid", "panel", "signal", "accent", "second", "near", "far"];

const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

const channels = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));

// Colour p in [0, 1] between the stops of a ramp (#rrggbb), as [r, g, b].
export function blend(stops, p) {
  const place = Math.min(Math.max(p, 0), 1) * (stops.length - 1), i = Math.min(Math.floor(place), stops.length - 2);
  const a = channels(stops[i]), b = channels(stops[i + 1]);
  return a.map((v, k) => Math.round(v + (place - i) * (b[k] - v)));
}

export const ramp = (stops, p) => `rgb(${blend(stops, p).join(",")})`;

// 256 colours for the values of a matrix, dark to light.
export const matrixColours = () => Array.from({ length: 256 }, (_, k) => blend(VIRIDIS, k / 255));
export const matrixStops = VIRIDIS;
