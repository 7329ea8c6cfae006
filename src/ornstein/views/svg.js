// A surface that becomes SVG: it answers to the calls of a 2-D context that the views make, needs no page, and prints at any size.
import { shade } from "./surface.js";

const STATE = ["fillStyle", "strokeStyle", "lineWidth", "globalAlpha", "font", "textAlign", "textBaseline", "lineJoin"];
const ANCHOR = { left: "start", center: "middle", right: "end" };
const SHIFT = { top: 0.8, middle: 0.35, bottom: -0.2, alphabetic: 0 };

const short = (v) => String(Math.round(v * 100) / 100);
const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

// Letters of half their height, but for wide ones (Chinese): near enough for margins.
const widthOf = (text, size) => size * [...text].reduce((sum, c) => sum + (c.codePointAt(0) > 0x2e7f ? 1 : 0.56), 0);

// ``id`` tells apart the pictures of one page.
export function onSvg(width, height, colours, words, { font = "sans-serif", id = "view" } = {}) {
  const parts = [], kept = [];
  let path = "", clip = "", clips = 0, place = "", dash = [];
  const g = { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "11px sans-serif", textAlign: "left", textBaseline: "alphabetic", lineJoin: "miter" };
  const size = () => parseFloat(g.font);
  const put = (tag, attributes, content = "") => {
    const more = { opacity: g.globalAlpha === 1 ? "" : short(g.globalAlpha), "clip-path": clip, transform: place };
    const written = Object.entries({ ...attributes, ...more }).filter(([, v]) => v !== "").map(([k, v]) => `${k}="${escaped(v)}"`);
    parts.push(`<${tag} ${written.join(" ")}>${escaped(content)}</${tag}>`);
  };
  Object.assign(g, {
    beginPath() { path = ""; },
    moveTo(x, y) { path += `M${short(x)} ${short(y)}`; },
    lineTo(x, y) { path += `${path ? "L" : "M"}${short(x)} ${short(y)}`; },
    rect(x, y, w, h) { path += `M${short(x)} ${short(y)}h${short(w)}v${short(h)}h${short(-w)}z`; },
    arc(x, y, r) { path += `M${short(x - r)} ${short(y)}a${short(r)} ${short(r)} 0 1 0 ${short(2 * r)} 0a${short(r)} ${short(r)} 0 1 0 ${short(-2 * r)} 0`; },
    clip() { parts.push(`<clipPath id="${id}${++clips}"><path d="${path}"/></clipPath>`); clip = `url(#${id}${clips})`; },
    stroke() { put("path", { d: path, fill: "none", stroke: g.strokeStyle, "stroke-width": short(g.lineWidth), "stroke-linejoin": g.lineJoin, "stroke-dasharray": dash.join(" ") }); },
    fill() { put("path", { d: path, fill: g.fillStyle }); },
    fillRect(x, y, w, h) { put("rect", { x: short(x), y: short(y), width: short(w), height: short(h), fill: g.fillStyle }); },
    fillText(text, x, y) {
      const shift = SHIFT[g.textBaseline] * size();
      put("text", { x: short(x), y: short(y + shift), fill: g.fillStyle, "font-size": short(size()), "text-anchor": ANCHOR[g.textAlign] }, text);
    },
    measureText: (text) => ({ width: widthOf(text, size()) }),
    setLineDash(pattern) { dash = pattern; },
    translate(x, y) { place += `translate(${short(x)} ${short(y)})`; },
    rotate(angle) { place += `rotate(${short((angle * 180) / Math.PI)})`; },
    save() { kept.push([STATE.map((name) => g[name]), clip, place, dash]); },
    restore() {
      const [values, ...rest] = kept.pop();
      STATE.forEach((name, k) => { g[name] = values[k]; });
      [clip, place, dash] = rest;
    },
  });

  // Neighbours of one colour in a row become one rectangle.
  function image(matrix, table, low, high, x, y, w, h) {
    const wide = w / matrix.columns, tall = h / matrix.rows, colour = (v) => (Number.isNaN(v) ? null : `rgb(${shade(table, v, low, high).join(",")})`);
    for (let r = 0; r < matrix.rows; r++) {
      for (let c = 0, end; c < matrix.columns; c = end) {
        const here = colour(matrix.values[r * matrix.columns + c]);
        for (end = c + 1; end < matrix.columns && colour(matrix.values[r * matrix.columns + end]) === here;) end++;
        g.fillStyle = here;
        if (here) g.fillRect(x + c * wide, y + r * tall, (end - c) * wide, tall);
      }
    }
  }

  const text = () =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="${escaped(font)}">${parts.join("")}</svg>`;
  return { g, width, height, colours, words, font, image, text };
}
