// The recording view: pages of many channels. Arrow keys page, + and − scale, a click on a name marks a channel as bad, a drag marks a
// stretch. Every page is drawn once, as a strip that is only moved while it scrolls.
import * as api from "../api.js";
import { h } from "../dom.js";
import { number, palette, say, viewWords } from "../frame/frame.js";
import { columns, rim, stretch } from "/views/recording.js";
import { button, follow, told } from "./parts.js";
import { length } from "./state.js";

const LEFT = 96, BOTTOM = 26, SECONDS = 10, SHOWN = 64;

export function recording(hand) {
  const { signals } = hand, { rate, shape, channels, units } = signals, count = Math.min(shape[1], SHOWN), total = length(hand);
  const page = Math.min(Math.round(rate ? rate * SECONDS : 5000), total);
  const clock = (s) => (rate ? number(s / rate, 1, "s") : number(s, 0));
  const canvas = h("canvas", { class: "recording", tabindex: "0", "data-figure": "recording", role: "application" });
  const view = { at: 0, goal: 0, scale: null, strips: new Map(), raw: new Map(), mark: null };
  const where = told("p", { class: "now" }, () => say("bench.from-to", { from: clock(view.at), to: clock(view.at + page), of: clock(total) }));
  const keys = told("p", { class: "small hint" }, () => say("bench.recording-keys"));
  const last = Math.max(total - page, 0);

  // The samples of a page, (channel, time).
  function samples(k) {
    if (!view.raw.has(k)) {
      const start = k * page, stop = Math.min(start + page, total);
      const asked = api.arrays(`/api/jobs/${signals.id}/stretch?case=${hand.case}&start=${start}&stop=${stop}&points=4000`).then(({ arrays }) => arrays);
      view.raw.set(k, asked);
      asked.then((arrays) => { view.raw.set(k, arrays); if (!view.scale) measure(arrays); paint(); });
      if (view.raw.size > 12) view.raw.delete([...view.raw.keys()].find((other) => Math.abs(other - k) > 4));
    }
    const found = view.raw.get(k);
    return found instanceof Promise ? null : found;
  }

  // The scale of the first page: channels nearly touch.
  function measure({ values, high }) {
    const spreads = [];
    for (let c = 0; c < count; c++) {
      const part = rowOf(values ?? high, c), sorted = Float32Array.from(part).sort(), [a, b] = [0.02, 0.98].map((p) => sorted[Math.floor(p * (sorted.length - 1))]);
      spreads.push(b - a);
    }
    spreads.sort((a, b) => a - b);
    view.scale = nice(1.2 * (spreads[spreads.length >> 1] || 1));
  }

  // A page as a picture of its own.
  function strip(k, width, height, dense) {
    const name = `${k} ${width} ${height} ${view.scale} ${[...hand.badChannels].join(" ")}`;
    if (view.strips.get(k)?.name === name) return view.strips.get(k).canvas;
    const found = samples(k);
    if (!found || !view.scale) return null;
    const own = h("canvas"), long = (found.values ?? found.low).columns, wide = Math.max(1, Math.round((width * Math.min(page, total - k * page)) / page));
    own.width = Math.round(wide * dense);
    own.height = Math.round(height * dense);
    const g = own.getContext("2d");
    g.scale(dense, dense);
    const drawn = Array.from({ length: count }, (_, c) => {
      const ends = found.values ? columns(rowOf(found.values, c), 0, long / wide, wide) : { low: rowOf(found.low, c), high: rowOf(found.high, c) };
      return { ...ends, centre: middle(ends) };
    });
    stretch({ g, width: wide, height, colours: colours(), words: viewWords() }, { channels: drawn, scale: view.scale, bad: hand.badChannels });
    view.strips.set(k, { name, canvas: own });
    if (view.strips.size > 8) view.strips.delete([...view.strips.keys()].find((other) => Math.abs(other - k) > 3));
    return own;
  }

  let painted = false, tints = null;
  const colours = () => (tints ??= palette());
  function paint() {
    if (painted) return;
    painted = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    painted = false;
    const width = canvas.clientWidth, height = canvas.clientHeight, dense = Math.min(devicePixelRatio || 1, 2);
    if (!width) return;
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    const began = performance.now(), g = canvas.getContext("2d"), wide = width - LEFT, tall = height - BOTTOM;
    if (view.at !== view.goal) view.at = Math.abs(view.goal - view.at) < page / 400 ? view.goal : view.at + (view.goal - view.at) * 0.22;
    g.setTransform(dense, 0, 0, dense, 0, 0);
    g.clearRect(0, 0, width, height);
    g.save();
    g.beginPath();
    g.rect(LEFT, 0, wide, tall);
    g.clip();
    const first = Math.floor(view.at / page);
    for (const [, from, to] of [...hand.marks, ...(view.mark ? [view.mark] : [])].map((m) => [0, ...m])) {
      g.fillStyle = colours().second;
      g.globalAlpha = 0.22;
      g.fillRect(LEFT + ((from - view.at) / page) * wide, 0, ((to - from) / page) * wide, tall);
      g.globalAlpha = 1;
    }
    for (let k = first; k <= first + 1 && k * page < total; k++) {
      const own = strip(k, wide, tall, dense);
      if (own) g.drawImage(own, LEFT + ((k * page - view.at) / page) * wide, 0, own.width / dense, tall);
    }
    g.restore();
    const family = getComputedStyle(canvas).fontFamily;
    rim({ g, width, height, colours: colours(), words: viewWords(), font: family }, { names: channels.slice(0, count), bad: hand.badChannels, start: view.at, stop: view.at + page, rate, left: LEFT, bottom: BOTTOM, scale: view.scale ?? 1, unit: units[0] });
    canvas.dataset.last = String(performance.now() - began);
    canvas.dataset.at = String(Math.round(view.at));
    if (view.at !== view.goal) paint();
    else if (first * page + 2 * page < total) setTimeout(() => strip(first + 2, wide, tall, dense), 30);
    if (first) setTimeout(() => samples(first - 1), 60);
  }

  function to(goal) {
    view.goal = Math.min(Math.max(Math.round(goal), 0), last);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) view.at = view.goal;
    where.again();
    paint();
  }
  const rescale = (factor) => { view.scale = nice((view.scale ?? 1) * factor); paint(); };
  const toggle = (k) => { hand.badChannels.has(k) ? hand.badChannels.delete(k) : hand.badChannels.add(k); canvas.dataset.bad = [...hand.badChannels].map((c) => channels[c]).join(","); marked.again(); paint(); };
  const marked = told("p", { id: "marked" }, () => (hand.badChannels.size || hand.marks.length ? say("bench.marked", { channels: [...hand.badChannels].map((k) => channels[k]).join(", ") || "–", n: number(hand.marks.length, 0) }) : ""));

  let from = null;
  const sampleAt = (e) => view.at + ((e.clientX - canvas.getBoundingClientRect().left - LEFT) / (canvas.clientWidth - LEFT)) * page;
  canvas.addEventListener("pointerdown", (e) => {
    const box = canvas.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
    if (y > box.height - BOTTOM) return;
    if (x < LEFT) toggle(Math.min(Math.floor((y / (box.height - BOTTOM)) * count), count - 1));
    else { from = sampleAt(e); canvas.setPointerCapture(e.pointerId); }
  });
  canvas.addEventListener("pointermove", (e) => {
    if (from === null) return;
    view.mark = [Math.min(from, sampleAt(e)), Math.max(from, sampleAt(e))];
    paint();
  });
  canvas.addEventListener("pointerup", () => {
    if (view.mark && view.mark[1] - view.mark[0] > page / 200) mark(...view.mark);
    from = view.mark = null;
    paint();
  });
  function mark(a, b) {
    hand.marks.push([Math.max(a, 0), Math.min(b, total)]);
    canvas.dataset.marks = JSON.stringify(hand.marks.map(([x, y]) => [Math.round(x), Math.round(y)]));
    marked.again();
  }
  canvas.addEventListener("wheel", (e) => {
    const by = e.deltaX || (e.shiftKey ? e.deltaY : 0);
    if (!by) return;
    e.preventDefault();
    view.goal = view.at = Math.min(Math.max(view.at + (by / canvas.clientWidth) * page, 0), last);
    where.again();
    paint();
  }, { passive: false });
  canvas.addEventListener("keydown", (e) => {
    const moves = { ArrowRight: view.goal + page, ArrowLeft: view.goal - page, ArrowDown: view.goal + page / 10, ArrowUp: view.goal - page / 10, Home: 0, End: last, PageDown: view.goal + page, PageUp: view.goal - page };
    if (e.key in moves) to(moves[e.key]);
    else if (e.key === "+" || e.key === "=") rescale(0.7);
    else if (e.key === "-" || e.key === "−") rescale(1 / 0.7);
    else if (e.key === "Escape") { hand.marks.length = 0; canvas.dataset.marks = "[]"; marked.again(); paint(); }
    else return;
    e.preventDefault();
  });
  follow(canvas, () => { tints = null; view.strips.clear(); canvas.setAttribute("aria-label", say("bench.alt.recording")); paint(); });
  canvas.setAttribute("aria-label", say("bench.alt.recording"));
  new ResizeObserver(paint).observe(canvas);
  canvas.style.height = `${Math.min(Math.max(count * 11 + BOTTOM, 220), 760)}px`;
  paint();
  const bar = h("div", { class: "row" }, button("bench.page-back", () => to(view.goal - page), { class: "quiet" }), where, button("bench.page-on", () => to(view.goal + page), { class: "quiet" }),
    h("button", { type: "button", class: "quiet", "aria-label": "+", onclick: () => rescale(0.7) }, "+"), h("button", { type: "button", class: "quiet", "aria-label": "−", onclick: () => rescale(1 / 0.7) }, "−"));
  return [bar, canvas, marked, keys];
}

const rowOf = ({ values, columns: n }, k) => values.subarray(k * n, (k + 1) * n);

// 1, 2 or 5 times a power of ten.
function nice(v) {
  const power = 10 ** Math.floor(Math.log10(v) + 1e-9);
  return [1, 2, 5, 10].map((k) => k * power).find((k) => k >= v * 0.99) ?? v;
}

function middle({ low, high }) {
  let sum = 0, n = 0;
  for (let i = 0; i < low.length; i++) if (low[i] <= high[i]) { sum += low[i] + high[i]; n += 2; }
  return n ? sum / n : 0;
}
