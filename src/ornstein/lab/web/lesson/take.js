// Taking a figure away: as SVG, as PNG, or its numbers as CSV. What is taken shows the present state.
import { onSvg } from "/views/svg.js";
import { palette, surface, viewWords } from "../frame/frame.js";
import { columnsOf, table } from "./columns.js";
import { PANELS } from "./figures.js";

const WIDE = 760, HIGH = 300;

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const given = ({ view }, { scene, state }) => PANELS[view].draw(scene, state);
const known = (figure, page) => figure.panels.filter(({ view }) => page.can(view));
const nameOf = (figure, page, end) => `ornstein-${figure.id}-t${Math.round(page.of().state.t)}.${end}`;

export function drawSvg(panels, { scene, state }) {
  const pictures = panels.map((panel, k) => {
    const [view, data] = given(panel, { scene, state }), drawing = onSvg(WIDE, HIGH, palette(), viewWords(), { font: "system-ui, sans-serif", id: `p${k}c` });
    view(drawing, data);
    return drawing.text().replace("<svg ", `<svg y="${k * (HIGH + 16)}" `);
  });
  const high = panels.length * (HIGH + 16), paper = palette().paper;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDE} ${high}" width="${WIDE}" height="${high}"><rect width="${WIDE}" height="${high}" fill="${paper}"/>${pictures.join("")}</svg>`;
}

export function asSvg(figure, page) {
  save(new Blob([drawSvg(known(figure, page), page.of())], { type: "image/svg+xml" }), nameOf(figure, page, "svg"));
}

export async function asPng(figure, page) {
  const panels = known(figure, page), canvas = document.createElement("canvas"), dense = 2, g = canvas.getContext("2d");
  canvas.width = dense * WIDE;
  canvas.height = dense * panels.length * (HIGH + 16);
  g.fillStyle = palette().paper;
  g.fillRect(0, 0, canvas.width, canvas.height);
  for (const [k, panel] of panels.entries()) {
    const one = document.createElement("canvas");
    one.className = "aside";
    one.style.width = `${WIDE}px`;
    one.style.height = `${HIGH}px`;
    document.body.append(one);
    const [view, data] = given(panel, page.of());
    view(surface(one, dense), data);
    g.drawImage(one, 0, dense * k * (HIGH + 16), dense * WIDE, dense * HIGH);
    one.remove();
  }
  save(await new Promise((done) => canvas.toBlob(done, "image/png")), nameOf(figure, page, "png"));
}

export function asCsv(figure, page) {
  const columns = known(figure, page).flatMap((panel) => columnsOf(given(panel, page.of())[1], `${panel.view}.`));
  save(new Blob([table(columns)], { type: "text/csv" }), nameOf(figure, page, "csv"));
}
