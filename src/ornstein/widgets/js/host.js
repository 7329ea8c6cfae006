// What the widgets share: a canvas in the cell of a notebook that is drawn again when the model, its size or the colours change.

// The palette of the pages; a widget has no style sheet of its own.
const LIGHT = { paper: "#fbfaf7", ink: "#23262b", muted: "#646a73", grid: "#e3e1da", panel: "#f4f2ec", signal: "#c8374a", accent: "#1f6f8b", second: "#8f5f14", near: "#174a7c", far: "#b9d3e8" };
const DARK = { paper: "#15181c", ink: "#e4e6e8", muted: "#9aa1aa", grid: "#2b3037", panel: "#1b1f24", signal: "#ff7a85", accent: "#59b8d6", second: "#e3b04b", near: "#a9d4ff", far: "#2b4a68" };

// JupyterLab and marimo say their theme on the page; elsewhere the reader's system does.
export function inks(el) {
  const page = el.ownerDocument, { jpThemeLight } = page.body.dataset, { classList } = page.documentElement;
  const dark = jpThemeLight ? jpThemeLight === "false" : classList.contains("dark") || (!classList.contains("light") && page.defaultView.matchMedia("(prefers-color-scheme: dark)").matches);
  return dark ? DARK : LIGHT;
}

// Bytes that Python sent: little-endian Float32.
export const floats = (bytes) => new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));

export const grid = (values, rows) => ({ values, rows, columns: values.length / rows });

// Elements of the widget: a canvas of a height and, below it, a row of controls.
export function staged(el, model, height, names, draw) {
  const page = el.ownerDocument, canvas = page.createElement("canvas"), row = page.createElement("div"), state = { plot: null };
  Object.assign(canvas.style, { display: "block", width: "100%", height: `${height}px`, touchAction: "none", fontFamily: "system-ui, sans-serif" });
  Object.assign(row.style, { display: "flex", gap: "1rem", alignItems: "center", font: "13px system-ui, sans-serif", padding: "4px 0" });
  el.append(canvas, row);
  let waiting = false;
  const view = page.defaultView, now = () => {
    waiting = false;
    if (canvas.clientWidth) state.plot = draw(onCanvas(canvas, inks(el), model.get("words")));
  };
  const soon = () => {
    if (waiting) return;
    waiting = true;
    view.requestAnimationFrame(now);
  };
  for (const name of names) model.on(`change:${name}`, soon);
  const sizes = new view.ResizeObserver(soon);
  sizes.observe(canvas);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", model.get("label"));
  soon();
  return { canvas, row, state, soon, end: () => sizes.disconnect() };
}

// A slider on a whole number of the model, and a button that plays it out and back where ``plays``.
export function slider(row, model, name, last, plays) {
  const page = row.ownerDocument, range = page.createElement("input"), shown = page.createElement("span"), view = page.defaultView;
  Object.assign(range, { type: "range", min: 0, max: last, step: 1 });
  range.style.flex = "1";
  range.setAttribute("aria-label", name);
  const follow = () => { range.value = model.get(name); shown.textContent = `${name} = ${model.get(name)}`; };
  const set = (value) => { model.set(name, value); model.save_changes(); };
  let playing = 0, direction = 1;
  const step = () => {
    const t = model.get(name) + direction;
    if (t >= last || t <= 0) direction = t >= last ? -1 : 1;
    set(Math.min(Math.max(t, 0), last));
  };
  const play = (on) => {
    view.clearInterval(playing);
    playing = on ? view.setInterval(step, 60) : 0;
    button.textContent = on ? "❚❚" : "▶";
  };
  const button = page.createElement("button");
  button.addEventListener("click", () => play(!playing));
  range.addEventListener("input", () => { play(false); set(Number(range.value)); });
  model.on(`change:${name}`, follow);
  follow();
  play(false);
  row.append(...(plays ? [button] : []), range, shown);
  return () => play(false);
}
