// Colours: the names of the palette, and ramps between two or more of them.

export const NAMES = ["ink", "muted", "grid", "panel", "signal", "accent", "second", "near", "far"];

const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

const channels = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));

const FINE = 255; // steps of a ramp, more than an eye tells apart
const ramps = new Map(); // "#rrggbb #rrggbb ..." -> the steps of that ramp: frames draw thousands of marks in few colours

function rampOf(stops) {
  const key = stops.join(" ");
  if (!ramps.has(key)) {
    const parts = stops.map(channels), between = (place) => {
      const i = Math.min(Math.floor(place), stops.length - 2);
      return parts[i].map((v, k) => Math.round(v + (place - i) * (parts[i + 1][k] - v)));
    };
    const colours = Array.from({ length: FINE + 1 }, (_, k) => between((k / FINE) * (stops.length - 1)));
    ramps.set(key, { colours, written: colours.map((rgb) => `rgb(${rgb.join(",")})`) });
  }
  return ramps.get(key);
}

// Colour p in [0, 1] between the stops of a ramp (#rrggbb).
export const ramp = (stops, p) => rampOf(stops).written[Math.round(FINE * Math.min(Math.max(p, 0), 1))];

// 256 colours [r, g, b] for the values of a matrix, dark to light.
export const matrixColours = () => rampOf(VIRIDIS).colours;
export const matrixStops = VIRIDIS;
