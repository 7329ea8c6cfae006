// A surface is what a view draws on: { g, width, height, colours, words, font, image }. This one is a canvas of the host's page.
//   g        a 2-D context, or something that answers to the same calls (svg.js)
//   colours  the palette: one colour for one meaning, by name (colours.js)
//   words    the dictionary of one language (text/)
//   image    (matrix, table, low, high, x, y, width, height): a matrix as pixels, coloured from a table of [r, g, b]

const DENSEST = 2;

export function onCanvas(canvas, colours, words) {
  const page = canvas.ownerDocument, view = page.defaultView, dense = Math.min(view.devicePixelRatio || 1, DENSEST);
  const width = canvas.clientWidth, height = canvas.clientHeight, g = canvas.getContext("2d");
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  g.setTransform(dense, 0, 0, dense, 0, 0);
  g.clearRect(0, 0, width, height);
  return { g, width, height, colours, words, font: view.getComputedStyle(canvas).fontFamily, image };

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
}

// The entry of a colour table for a value between low and high.
export function shade(table, value, low, high) {
  const place = (value - low) / (high - low || 1);
  return table[Math.round((table.length - 1) * Math.min(Math.max(place, 0), 1))];
}
