// The lesson: the tutorial's chapters on the reader's own curve. One state, the controls that change it, and the panels that follow.
import { arrays, get } from "../api.js";
import { h, replace } from "../dom.js";
import { onChange, say, state as address, surface } from "../frame/frame.js";
import { animated } from "./animation.js";
import { CHAPTERS, chapterAt } from "./chapters.js";
import { clock } from "./clock.js";
import { PANELS, bridge } from "./figures.js";
import { HANDS } from "./hands.js";
import { ownCurve } from "./own.js";
import { part } from "./parts.js";
import { present } from "./present.js";
import { learnWords, numbersIn, speakIn } from "./prose.js";
import { CALLS, prepared } from "./scene.js";
import { thumbnail } from "./thumbnail.js";
import { trainer } from "./training.js";

const NEEDS = { training: ["losses", "learnedThreads", "result", "learnedBack"], result: ["mistakes"] };
const FIRST = 30;

export async function show(root) {
  const [, sent] = await Promise.all([learnWords(), fetchScene(address.get("curve"))]);
  const page = lesson(root, sent);
  await page.begin();
}

const fetchScene = (curve) => arrays(`/api/lesson/scene${curve ? `?curve=${curve}` : ""}`);

// The state as the address has it; what it does not say is where a lesson begins.
function initial() {
  const read = (name, fallback, least, most) => {
    const value = Number(address.get(name) ?? NaN);
    return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : fallback;
  };
  const gap = (address.get("gap") ?? "").match(/^(\d{1,3})-(\d{1,3})$/);
  const law = address.get("law");
  return {
    t: read("t", FIRST, 0, 100), n: Math.round(read("n", 10, 1, 50)), calls: Math.round(read("calls", 4, 0, CALLS.length - 1)), dimension: Math.round(read("dimension", 25, 0, 199)),
    law: ["one", "kernel", "ensemble"].includes(law) ? law : "ensemble", noise: read("noise", 0.1, 0.05, 1), gaps: gap ? [[Number(gap[1]), Number(gap[2])]] : null,
    moment: 0, pulled: null, bend: null,
  };
}

function lesson(root, first) {
  const state = initial(), figures = [], followers = [];
  let scene, raw = null, chapter = chapterAt(location.pathname), waiting = false, article = null;
  const time = clock(100, (t, kept) => { state.t = t; changed("t"); if (kept) address.set("t", String(Math.round(t))); });
  const train = trainer(() => ({ curve: address.get("curve"), seed: scene.seed }), learned);
  const own = ownCurve(choose);
  const chapters = h("nav", { id: "chapters" }), body = h("div", { id: "chapter" }), mine = h("button", { type: "button", id: "own-curve", onclick: () => own.open() });
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) { const f = figures.find(({ canvas }) => canvas === entry.target); if (f) f.seen = entry.isIntersecting; }
    soon();
  }, { rootMargin: "200px" });
  const sizes = new ResizeObserver((entries) => {
    for (const entry of entries) { const f = figures.find(({ canvas }) => canvas === entry.target); if (f) f.stale = true; }
    soon();
  });

  const page = {
    of: () => ({ scene, state: { ...state, call: CALLS[state.calls] }, raw }),
    set(change) {
      Object.assign(state, change);
      for (const name of Object.keys(change)) if (["law", "n", "calls", "noise", "dimension"].includes(name)) address.set(name, String(state[name]));
      if (change.gaps) address.set("gap", change.gaps.map(([a, b]) => `${a}-${b}`).join());
      changed(...Object.keys(change));
    },
    jump: (t) => { time.play(false); time.to(t); },
    follow: (listener) => { followers.push(listener); },
    training: () => train.element,
    can: (view) => !(NEEDS.training.includes(view) && !scene.training) && !(NEEDS.result.includes(view) && !scene.training?.result),
    watch(canvas, asked) {
      const figure = { canvas, view: asked.view, seen: false, stale: true, plot: null };
      figures.push(figure);
      watch.observe(canvas);
      sizes.observe(canvas);
      if (!asked.hand) return;
      HANDS[asked.hand](canvas, {
        plot: () => figure.plot, scene: () => scene, state, x_t: () => bridge(scene, state).x_t,
        signalAt: (v, i) => { const { alpha, sigma } = scene.now(state.t); return Math.min(Math.max((v - sigma * scene.noise.values[i]) / alpha, -4), 4); },
      }, page.set);
    },
  };

  // Mark what follows a change, and draw it with the next frame where it is on the screen.
  function changed(...what) {
    for (const f of figures) if (!what.length || PANELS[f.view].on.some((w) => what.includes(w))) f.stale = true;
    followers.forEach((follow) => follow(state));
    soon();
  }

  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    waiting = false;
    if (!article) return;
    const began = performance.now();
    for (const figure of article.querySelectorAll("figure")) figure.hidden = ![...figure.querySelectorAll("canvas")].every(({ dataset }) => page.can(dataset.view));
    for (const f of figures) {
      if (!f.stale || !f.seen || !f.canvas.clientWidth || !page.can(f.view)) continue;
      f.stale = false;
      const [view, data] = PANELS[f.view].draw(scene, state);
      f.plot = view(surface(f.canvas), data);
    }
    const now = present(scene, state);
    numbersIn(root, now);
    document.documentElement.dataset.frame = (performance.now() - began).toFixed(2);
  }

  function chapterName({ id, advantage }) {
    return [h("span", { class: "count" }, advantage ? `${["①", "②", "③", "④"][advantage - 1]}` : String(CHAPTERS.findIndex((c) => c.id === id) + 1)), " ", say(`chapter.${id}`)];
  }

  function link(target, ...inside) {
    const go = (event) => { if (event.metaKey || event.ctrlKey || event.shiftKey) return; event.preventDefault(); turn(target); };
    return h("a", { href: `/lesson/${target.id}${location.search}`, "aria-current": target === chapter ? "page" : null, onclick: go }, ...inside);
  }

  function turn(target, push = true) {
    if (push) history.pushState(null, "", `/lesson/${target.id}${location.search}`);
    chapter = target;
    build();
    if (chapter.still) page.jump(0);
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }

  function contents() {
    replace(chapters, h("ol", {}, CHAPTERS.map((c) => [c.advantage === 1 && h("li", { class: "over" }, say("chapter.advantages")), h("li", {}, link(c, ...chapterName(c)))]).flat()));
    chapters.setAttribute("aria-label", say("chapter.list"));
    replace(mine, thumbnail(scene.curve), h("span", {}, say(scene.own ? "own.yours" : "own.open")));
  }

  function build() {
    for (const f of figures.splice(0)) { watch.unobserve(f.canvas); sizes.unobserve(f.canvas); }
    followers.length = 0;
    const k = CHAPTERS.indexOf(chapter), before = CHAPTERS[k - 1], after = CHAPTERS[k + 1];
    article = h("article", { "data-chapter": chapter.id }, h("p", { class: "mark" }, chapter.advantage ? say("chapter.advantages") : say("chapter.count", { k: k + 1, n: CHAPTERS.length })),
      h("h1", {}, say(`chapter.${chapter.id}`)), k === 0 && h("p", { class: "lead", "data-t": "lesson.lead" }), k === 0 && h("p", { class: "origin", "data-t": originKey() }),
      chapter.items.map((item) => part(item, page)), k === CHAPTERS.length - 1 && animated(page), h("p", { class: "turn" }, before && link(before, "← ", say(`chapter.${before.id}`)), after && link(after, say(`chapter.${after.id}`), " →")));
    replace(body, article);
    document.title = `${say(`chapter.${chapter.id}`)} · Ornstein`;
    contents();
    speakIn(article);
    changed();
  }

  const originKey = () => (scene.own ? "lesson.own" : "lesson.cosines");

  async function choose(id, values) {
    address.set("curve", id);
    address.set("job", null);
    address.set("gap", null);
    take(await fetchScene(id), values);
    build();
  }

  function take(sent, values) {
    scene = prepared(sent);
    raw = values ?? sent.arrays.curve;
    Object.assign(state, { moment: 0, pulled: null, bend: null, dimension: Math.min(state.dimension, scene.d - 1) });
    if (!state.gaps || state.gaps.some(([, b]) => b >= scene.d)) state.gaps = [[Math.round(0.4 * scene.d), Math.round(0.6 * scene.d)]];
    if (!scene.own) state.seed = scene.seed;
    train.forget();
  }

  function learned(known) {
    scene.training = known;
    state.moment = known.moments.length - 1;
    changed("moment", "t");
  }

  function speak() {
    for (const e of root.querySelectorAll("[data-say]")) e.textContent = say(e.dataset.say);
    for (const e of root.querySelectorAll("[data-aria]")) e.setAttribute("aria-label", say(e.dataset.aria));
    time.speak();
    build();
  }

  async function begin() {
    const curve = address.get("curve");
    take(first, curve ? (await get(`/api/curves/${curve}`)).values : null);
    replace(root, h("div", { id: "lesson" }, h("aside", { id: "side" }, mine, chapters), body), time.element, own.element);
    build();
    time.to(state.t);
    onChange(speak);
    addEventListener("popstate", () => turn(chapterAt(location.pathname), false));
    addEventListener("keydown", (event) => {
      if (event.key === " " && !event.target.closest("input, button, summary, a, dialog, [role=application]")) { event.preventDefault(); time.toggle(); }
    });
    const job = address.get("job");
    if (job) train.resume(job);
    if (address.get("t") !== null) return;
    if (chapter.still) time.to(0);
    else if (!matchMedia("(prefers-reduced-motion: reduce)").matches) time.play(true);
  }

  return { begin };
}
