// The page: one state, the controls that change it, and the figures that follow.
import { NAMES } from "../../views/colours.js";
import { onCanvas } from "../../views/surface.js";
import { show } from "./figures.js";
import { present } from "./numbers.js";
import { prepared } from "./scene.js";

const SIGMAS = [1, 0.5, 0.1];
const root = document.documentElement;
const sent = JSON.parse(document.getElementById("tour-data").textContent);
const data = prepared(sent.arrays);
const state = { t: 0, playing: false, direction: 1, sigma: 1, n: 1, law: "one", moment: data.moments.length - 1, language: sent.language };
const scene = { data, state, fixed: sent.numbers };
const figures = [...document.querySelectorAll("canvas[data-view]")].map((canvas) => ({ canvas, seen: false, stale: true }));
let colours = palette();

function palette() {
  const style = getComputedStyle(root);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const words = () => sent.texts[state.language].words;

// Mark the figures that depend on what changed, and draw those that are on the screen.
function changed(...what) {
  for (const f of figures) {
    const on = (f.canvas.dataset.on || "").split(" ");
    if (!what.length || what.some((w) => on.includes(w))) f.stale = true;
  }
  numbers();
  requestAnimationFrame(draw);
}

function drawn(figure) {
  if (!figure.canvas.clientWidth) return;
  figure.stale = false;
  show(onCanvas(figure.canvas, colours, words()), scene, figure.canvas.dataset);
}

function draw() {
  figures.filter((f) => f.stale && f.seen).forEach(drawn);
}

// On paper everything is drawn as it is now, in the light palette.
function print(on) {
  root.classList.toggle("printing", on);
  colours = palette();
  figures.forEach(on ? drawn : (f) => { f.stale = true; });
  requestAnimationFrame(draw);
}

function numbers() {
  const now = present(scene);
  for (const e of document.querySelectorAll("[data-live]")) {
    const value = now[e.dataset.live];
    e.dataset.value = value;
    e.textContent = value.toFixed(Number(e.dataset.digits)).replace(/^-(?=[0.]*$)/, "").replace("-", "−"); // what rounds to 0 has no sign
  }
}

function speak(language) {
  state.language = language;
  const { texts, html } = sent.texts[language];
  root.lang = html;
  document.getElementById("language").lang = sent.texts[language === "en" ? "zh" : "en"].html;
  document.title = texts["page.title"].replace(/<[^>]*>/g, "");
  for (const e of document.querySelectorAll("[data-t]")) e.innerHTML = texts[e.dataset.t];
  for (const e of document.querySelectorAll("[data-alt]")) e.setAttribute("aria-label", texts[e.dataset.alt].replace(/<[^>]*>/g, ""));
  play(state.playing);
  changed();
}

const time = document.getElementById("time");
const button = document.getElementById("play");

function moveTo(t) {
  state.t = Math.min(Math.max(t, 0), data.alpha.length - 1);
  time.value = Math.round(state.t);
  time.setAttribute("aria-valuetext", `t = ${Math.round(state.t)}`);
  changed("t");
}

function play(on) {
  const started = on && !state.playing;
  state.playing = on;
  button.textContent = on ? "❚❚" : "▶";
  const { texts } = sent.texts[state.language];
  button.setAttribute("aria-label", texts[on ? "control.pause" : "control.play"]);
  if (started) requestAnimationFrame((now) => tick(now, now));
}

// Out to the noise and back again, with a rest at both ends.
let rest = 0;
function tick(now, before) {
  if (!state.playing) return;
  const last = data.alpha.length - 1;
  if (rest > 0) rest -= now - before;
  else {
    moveTo(state.t + (state.direction * (now - before)) / 60);
    if (state.t >= last || state.t <= 0) {
      state.direction = state.t >= last ? -1 : 1;
      rest = 900;
    }
  }
  requestAnimationFrame((next) => tick(next, now));
}

function listen() {
  time.max = data.alpha.length - 1;
  time.addEventListener("input", () => { play(false); moveTo(Number(time.value)); });
  button.addEventListener("click", () => play(!state.playing));
  document.getElementById("sigma").addEventListener("input", (e) => { state.sigma = SIGMAS[Number(e.target.value)]; changed("sigma"); });
  const n = document.getElementById("n");
  n.max = data.noise.rows;
  n.addEventListener("input", () => { state.n = Number(n.value); changed("n"); });
  const moment = document.getElementById("moment");
  moment.max = state.moment;
  moment.value = state.moment;
  moment.addEventListener("input", () => { state.moment = Number(moment.value); changed("moment"); });
  for (const radio of document.querySelectorAll("input[name=law]")) {
    radio.addEventListener("change", () => { state.law = radio.value; changed("law"); });
  }
  document.getElementById("language").addEventListener("click", () => speak(state.language === "en" ? "zh" : "en"));
  document.addEventListener("keydown", (e) => {
    if (e.key === " " && !["INPUT", "BUTTON", "SUMMARY", "A"].includes(e.target.tagName)) { e.preventDefault(); play(!state.playing); }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = palette(); changed(); });
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) figures.find((f) => f.canvas === entry.target).seen = entry.isIntersecting;
    requestAnimationFrame(draw);
  }, { rootMargin: "200px" });
  const sizes = new ResizeObserver((entries) => {
    for (const entry of entries) figures.find((f) => f.canvas === entry.target).stale = true;
    requestAnimationFrame(draw);
  });
  for (const { canvas } of figures) { watch.observe(canvas); sizes.observe(canvas); }
}

const asked = new URLSearchParams(location.search);
const begin = Number(asked.get("t") ?? 30);
listen();
speak(asked.get("lang") in sent.texts ? asked.get("lang") : sent.language);
moveTo(Number.isFinite(begin) ? begin : 30);
figures.forEach(drawn); // all of them, seen or not: a picture or a print of the whole page has no blanks
if (!matchMedia("(prefers-reduced-motion: reduce)").matches && !asked.has("t")) play(true);
