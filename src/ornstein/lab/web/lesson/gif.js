// GIF89a: frames of a canvas as one file that plays for ever. Colours are the means of the 256 most frequent
// cells of five bits a channel;
// pixels are packed by LZW (Welch 1984), the size of codes growing as the table does.

const CELLS = 1 << 15;
const key = (r, g, b) => ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);

// frames: RGBA bytes of width x height each; delay: hundredths of a second between two.
export function gif(frames, width, height, delay) {
  const { table, nearest } = palettes(frames), out = [];
  const word = (v) => out.push(v & 255, v >> 8);
  text(out, "GIF89a");
  word(width);
  word(height);
  out.push(0xf7, 0, 0, ...table);
  out.push(0x21, 0xff, 11);
  text(out, "NETSCAPE2.0");
  out.push(3, 1, 0, 0, 0);
  for (const frame of frames) {
    out.push(0x21, 0xf9, 4, 0);
    word(delay);
    out.push(0, 0, 0x2c);
    [0, 0, width, height].forEach(word);
    out.push(0, 8);
    const pixels = new Uint8Array(width * height);
    for (let i = 0; i < pixels.length; i++) pixels[i] = nearest[key(frame[4 * i], frame[4 * i + 1], frame[4 * i + 2])];
    const packed = lzw(pixels);
    for (let k = 0; k < packed.length; k += 255) {
      const block = packed.slice(k, k + 255);
      out.push(block.length);
      for (const byte of block) out.push(byte);
    }
    out.push(0);
  }
  out.push(0x3b);
  return Uint8Array.from(out);
}

function text(out, letters) {
  for (const c of letters) out.push(c.charCodeAt(0));
}

function palettes(frames) {
  const counts = new Uint32Array(CELLS), sums = new Float64Array(3 * CELLS);
  for (const frame of frames) {
    for (let i = 0; i < frame.length; i += 4) {
      const k = key(frame[i], frame[i + 1], frame[i + 2]);
      counts[k]++;
      for (let c = 0; c < 3; c++) sums[3 * k + c] += frame[i + c];
    }
  }
  const colour = (k) => [0, 1, 2].map((c) => Math.round(sums[3 * k + c] / counts[k]));
  const seen = Array.from(counts.keys()).filter((k) => counts[k]).sort((a, b) => counts[b] - counts[a]), kept = seen.slice(0, 256).map(colour);
  const table = new Uint8Array(768), nearest = new Uint8Array(CELLS);
  kept.forEach((rgb, n) => table.set(rgb, 3 * n));
  for (const k of seen) {
    const [r, g, b] = colour(k);
    let best = Infinity;
    kept.forEach(([r1, g1, b1], n) => {
      const far = (r - r1) ** 2 + (g - g1) ** 2 + (b - b1) ** 2;
      if (far < best) [best, nearest[k]] = [far, n];
    });
  }
  return { table, nearest };
}

// Codes of 9 to 12 bits, least significant bit first; 256 clears the table, 257 ends.
export function lzw(pixels) {
  const out = [], CLEAR = 256, END = 257;
  let bits = 0, held = 0, size = 9, next = 258, table = new Map();
  const put = (code) => {
    held |= code << bits;
    for (bits += size; bits >= 8; bits -= 8) { out.push(held & 255); held >>>= 8; }
  };
  put(CLEAR);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const pair = (prefix << 8) | pixels[i], known = table.get(pair);
    if (known !== undefined) { prefix = known; continue; }
    put(prefix);
    prefix = pixels[i];
    if (next === 4096) {
      put(CLEAR);
      [size, next, table] = [9, 258, new Map()];
      continue;
    }
    table.set(pair, next);
    if (next === 1 << size) size++;
    next++;
  }
  put(prefix);
  put(END);
  if (bits) out.push(held & 255);
  return Uint8Array.from(out);
}
