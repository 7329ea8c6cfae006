// A surface is what a view draws on: { g, width, height, colours, words, font, image, veiled }. This one is a canvas of the host's page.
//   g        a 2-D context, or something that answers to the same calls (svg.js)
//   colours  the palette: one colour for one meaning, by name (colours.js)
//   words    the dictionary of one language (text/)
//   image    (matrix, table, low, high, x, y, width, height): a matrix as pixels, coloured from a table of [r, g, b]

//   veiled   (curves, box, colour, alpha): many curves of one pixel's width at once; only where a pixel of the surface is one of the screen
import { veil } from "./veil.js";

const DENSEST = 2;

// How much larger a page draws its figures, letters and lines too, where it is read from afar: --zoom of its style.
const zoomOf = (style) => Number(style.getPropertyValue("--zoom")) || 1;

// Where a pointer is on the surface of a canvas.
export function spot(canvas, event) {
  const box = canvas.getBoundingClientRect(), zoom = zoomOf(canvas.ownerDocument.defaultView.getComputedStyle(canvas));
  return [(event.clientX - box.left) / zoom, (event.clientY - box.top) / zoom];
}

export function onCanvas(canvas, colours, words) {
  const page = canvas.ownerDocument, view = page.defaultView, style = view.getComputedStyle(canvas), zoom = zoomOf(style);
  const dense = zoom * Math.min(view.devicePixelRatio || 1, DENSEST), width = canvas.clientWidth / zoom, height = canvas.clientHeight / zoom;
  const g = canvas.getContext("2d");
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  g.setTransform(dense, 0, 0, dense, 0, 0);
  g.clearRect(0, 0, width, height);
  return { g, width, height, colours, words, font: style.fontFamily, image, veiled: dense === 1 ? veiled : null };

  function image(matrix, table, low, high, x, y, w, h) {
    const small = page.createElement("canvas"), pen = small.getContext("2d");
    small.width = matrix.columns;
    small.height = matrix.rows;
    const pixels = pen.createImageData(matrix.columns, matrix.rows);
    for (let k = 0, at = 0; k < matrix.values.length; k++, at += 4) {
      if (Number.isNaN(matrix.values[k])) continue;
      [pixels.data[at], pixels.data[at + 1], pixels.data[at + 2]] = shade(table, matrix.values[k], low, high);
      pixels.data[at + 3] = 255;
    }
    pen.putImageData(pixels, 0, 0);
    g.imageSmoothingEnabled = false;
    g.drawImage(small, x, y, w, h);
  }

  function veiled(curves, { left, top, right, bottom }, colour, alpha) {
    const small = page.createElement("canvas"), pen = small.getContext("2d"), wide = Math.round(right - left), tall = Math.round(bottom - top);
    if (wide < 1 || tall < 1) return;
    Object.assign(small, { width: wide, height: tall });
    pen.fillStyle = colour;
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(pen.fillStyle.slice(at, at + 2), 16));
    const pixels = veil(curves, wide, tall, alpha, (blue << 16) | (green << 8) | red);
    pen.putImageData(new view.ImageData(new Uint8ClampedArray(pixels.buffer), wide), 0, 0);
    g.drawImage(small, left, top);
  }
}

// The entry of a colour table for a value between low and high.
export function shade(table, value, low, high) {
  const place = (value - low) / (high - low || 1);
  return table[Math.round((table.length - 1) * Math.min(Math.max(place, 0), 1))];
}
