// A page of one element per tag, with the events, styles and drawing calls that the widgets make, and nothing more.
import { readFileSync } from "node:fs";

const sent = JSON.parse(readFileSync("sent.json", "utf8"));
let queue = [];
const view = {
  requestAnimationFrame: (f) => queue.push(f), matchMedia: () => ({ matches: false }), setInterval: () => 1, clearInterval: () => {},
  getComputedStyle: () => ({ getPropertyValue: () => "", fontFamily: "sans-serif" }), devicePixelRatio: 1, ResizeObserver: class { observe() {} disconnect() {} },
};

// A 2-D context that writes down what is asked of it.
const pen = (calls) => new Proxy({ measureText: (text) => ({ width: 6 * String(text).length }) }, {
  get: (known, name) => known[name] ?? ((...asked) => { calls.push([name, ...asked]); }),
  set(known, name, value) { known[name] = value; return true; },
});

function element(tag) {
  const heard = {}, calls = [], g = pen(calls);
  return {
    tag, style: {}, dataset: {}, calls, heard, children: [], clientWidth: 600, clientHeight: 250, ownerDocument: page,
    append(...more) { this.children.push(...more); }, setAttribute() {}, focus() {}, setPointerCapture() {}, getContext: () => g,
    getBoundingClientRect: () => ({ left: 0, top: 0 }), addEventListener: (name, f) => { (heard[name] ??= []).push(f); },
    removeEventListener(name, f) { heard[name] = heard[name].filter((k) => k !== f); },
  };
}

const page = { defaultView: view, createElement: element, body: { dataset: {} }, documentElement: { classList: { contains: () => false } } };

function model(traits) {
  const heard = {}, told = {};
  const set = (name, value) => {
    traits[name] = told[name] = value;
    (heard[`change:${name}`] ?? []).forEach((f) => f());
  };
  return { told, set, get: (name) => traits[name], save_changes() {}, on: (name, f) => (heard[name] ??= []).push(f) };
}

function flush() {
  const now = queue;
  queue = [];
  now.forEach((f) => f());
}

function bytes(text) {
  const raw = Buffer.from(text, "base64");
  return new DataView(raw.buffer, raw.byteOffset, raw.length);
}

const found = {};
for (const [name, given] of Object.entries(sent)) {
  const traits = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, value?.bytes ? bytes(value.bytes) : value]));
  const { default: widget } = await import(`./${name}.mjs`), el = element("div"), m = model(traits), end = widget.render({ model: m, el });
  flush();
  const canvases = el.children.filter(({ tag }) => tag === "canvas"), first = canvases.map(({ calls }) => calls.length);
  const fire = (kind, clientX, clientY) => {
    const event = { button: 0, buttons: 1, pointerId: 1, clientX, clientY, preventDefault() {} };
    [...(canvases[0].heard[kind] ?? [])].forEach((f) => f(event));
  };
  if (name === "gap" || name === "pad") {
    [["pointerdown", 150, 60], ["pointermove", 300, 160], ["pointermove", 450, 90], ["pointerup", 450, 90]].forEach((event) => fire(...event));
  } else m.set("t", 70);
  flush();
  const broken = canvases.flatMap(({ calls }) => calls).filter((call) => call.slice(1).some((v) => Number.isNaN(v) || v === undefined));
  found[name] = { first, after: canvases.map(({ calls }) => calls.length), told: m.told, broken: broken.slice(0, 3) };
  end();
}
console.log(JSON.stringify(found));
