// The page: one state, the controls that change it, and the figures that follow.
import { decode, extent, mix, moments, rms, row } from "./data.js";
import { components, early, ends, factors, late, live, run } from "./forward.js";
import { copies, draws, image, mean, remaining, strip, vector, white } from "./copies.js";
import { palette } from "./plot.js";
import { back, momentRange, momentRuns, reverseRange, threads } from "./reverse.js";
import { matrices, matrix, motion, ratio, spectrum } from "./spectra.js";
import { inCurve, losses, mistakes, result, resultRange } from "./learned.js";

const VIEWS = {
  early, late, live, factors, run, ends, components, image, vector, copies, strip, white, draws, mean, remaining,
  matrix, spectrum, ratio, motion, back, threads, losses, result, mistakes,
};
const SIGMAS = [1, 0.5, 0.1];
const sent = JSON.parse(document.getElementById("tour-data").textContent);
const data = load(sent.arrays);
const state = { t: 0, playing: false, direction: 1, sigma: 1, n: 1, law: "one", moment: 0, language: sent.language };
const figures = [...document.querySelectorAll("canvas[data-view]")].map((canvas) => ({ canvas, seen: false, stale: true }));
state.moment = data.moments.length - 1;
let colours = palette(document.documentElement);

function load(arrays) {
  const all = {};
  for (const [name, entry] of Object.entries(arrays)) {
    const found = decode(entry);
    all[name] = entry.shape.length === 2 ? found : found.values;
  }
  all.matrices = matrices(all);
  all.wide = extent([all.noise.values, ...Array.from({ length: all.noise.rows }, (_, k) => mix(all.curve, row(all.noise, k), 1, 1))]);
  all.reverseRange = reverseRange(all);
  all.runs = momentRuns(all);
  all.momentRange = momentRange(all);
  all.resultRange = resultRange(all);
  return all;
}

const words = () => sent.texts[state.language].words;

// Draw the figures that depend on what changed, once they are on the screen.
function changed(...what) {
  for (const f of figures) {
    const on = (f.canvas.dataset.on || "").split(" ");
    if (!what.length || what.some((w) => on.includes(w))) f.stale = true;
  }
  numbers();
  requestAnimationFrame(draw);
}

function draw() {
  const scene = { data, colours, words: words(), state };
  for (const f of figures) {
    if (!f.stale || !f.seen || !f.canvas.clientWidth) continue;
    f.stale = false;
    VIEWS[f.canvas.dataset.view](f.canvas, scene);
  }
}

// The present numbers: everything under a figure that follows a control.
function present() {
  const t = Math.round(state.t), past = Math.max(t, 1), copy = data.noise, s = state.sigma;
  const x = moments(mix(data.curve, row(copy, 0), data.alpha[t], data.sigma[t]));
  const path = data[`reverse_${state.law}`], { reverse_learned: learned, reverse_one: exact } = data, m = state.moment, far = data.norms, sum = far.reduce((a, b) => a + b, 0);
  return {
    t, past, abar: data.abar[t], alpha: data.alpha[t], sigma: data.sigma[t], variance: 1 - data.abar[t], beta: data.beta[past],
    kept: 1 - data.beta[past], sqrt_beta: Math.sqrt(data.beta[past]), noisy: data.noisy[past], clean: data.clean[past],
    deviation: data.deviation[past], x_mean: x.mean, x_variance: x.variance, rank: data.ranks[t],
    reverse_rms: rms(row(path, t), data.curve), s, s2: s * s, n: state.n, s2_n: (s * s) / state.n,
    measured: s * s * data.averaging[state.n - 1], distance_mean: (s * sum) / far.length, distance_low: s * Math.min(...far),
    distance_high: s * Math.max(...far), chi: s * sent.numbers.chi_mean,
    moment: data.moments[m], moment_loss: data.losses[data.moments[m] - 1], moment_rms: rms(row(data.runs[m], 0), data.curve),
    gap: rms(row(learned, t), row(exact, t)), eps_error: data.eps_error[past], clean_error: inCurve(data)[past],
    magnified_now: data.sigma[past] / data.alpha[past],
  };
}

function numbers() {
  const now = present();
  for (const e of document.querySelectorAll("[data-live]")) {
    const value = now[e.dataset.live];
    e.dataset.value = value;
    e.textContent = value.toFixed(Number(e.dataset.digits)).replace("-", "−");
  }
}

function speak(language) {
  state.language = language;
  const { texts, html } = sent.texts[language];
  document.documentElement.lang = html;
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
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = palette(document.documentElement); changed(); });
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
if (!matchMedia("(prefers-reduced-motion: reduce)").matches && !asked.has("t")) play(true);
