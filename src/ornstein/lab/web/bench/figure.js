// A figure: a view on a canvas that follows the size, language and theme of the page, and can be taken away as SVG, PNG or CSV.
import { h } from "../dom.js";
import { palette, say, surface, viewWords } from "../frame/frame.js";
import { onSvg } from "/views/svg.js";
import { follow, told } from "./parts.js";

const SIZE = [960, 420];

// ``drawing()`` gives [view, data] or null; ``name`` is the file's, and bench.alt.<name>, or what ``alt()`` names, says what it shows, below it too unless ``plain``.
export function figure(name, drawing, { tall = false, table = null, interactive = false, plain = false, alt = () => name } = {}) {
  const canvas = h("canvas", { class: tall ? "tall" : "", role: "img", tabindex: interactive ? "0" : null, "data-figure": name });
  const taken = h("div", { class: "taken" }, ...["svg", "png", "csv"].map((kind) => h("button", { class: "quiet", type: "button", onclick: () => take(kind) }, kind.toUpperCase())));
  const caption = plain ? null : told("figcaption", { "aria-hidden": "true" }, () => say(`bench.alt.${alt()}`)); // the canvas is called the same
  const element = h("figure", {}, canvas, h("div", { class: "below" }, caption, taken));
  let asked = false, plot = null;

  function draw() {
    asked = false;
    const found = drawing();
    canvas.setAttribute("aria-label", say(`bench.alt.${alt()}`));
    element.hidden = !found;
    if (!found || !canvas.clientWidth) return;
    plot = found[0](surface(canvas), found[1]);
  }

  function redraw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(draw);
  }

  function take(kind) {
    const [view, data] = drawing();
    if (kind === "png") canvas.toBlob((blob) => save(`${name}.png`, blob));
    else if (kind === "csv") save(`${name}.csv`, new Blob([csv(table ? table() : columnsOf(data))], { type: "text/csv" }));
    else {
      const picture = onSvg(...SIZE, palette(), viewWords());
      view(picture, data);
      save(`${name}.svg`, new Blob([picture.text()], { type: "image/svg+xml" }));
    }
  }

  follow(canvas, redraw);
  new ResizeObserver(redraw).observe(canvas);
  redraw();
  return { element, canvas, redraw, draw, plot: () => plot };
}

export function save(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The numbers of a figure: every array of its data as a column, and lists of arrays as several.
function columnsOf(data) {
  const found = {};
  const add = (name, value) => {
    if (ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] === "number")) found[name] = value;
    else if (value?.values) add(name, value.values);
    else if (Array.isArray(value)) value.forEach((part, k) => add(`${name}_${k + 1}`, part));
  };
  for (const [name, value] of Object.entries(data)) add(name, value);
  return found;
}

function csv(columns) {
  const names = Object.keys(columns), long = Math.max(0, ...names.map((name) => columns[name].length));
  const rows = Array.from({ length: long }, (_, i) => names.map((name) => columns[name][i] ?? "").join(","));
  return [names.map((name) => `"${name.replace(/"/g, '""')}"`).join(","), ...rows, ""].join("\n");
}
