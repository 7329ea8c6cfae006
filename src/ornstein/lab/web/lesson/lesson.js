// The lesson: the tutorial's chapters on the reader's own curve. One state, the controls that change it, and the panels that follow.
import { arrays, get } from "../api.js";
import { h, replace } from "../dom.js";
import { onChange, say, state as address } from "../frame/frame.js";
import { bridge } from "./asked.js";
import { chapterAt } from "./chapters.js";
import { clock } from "./clock.js";
import { can, drawing } from "./drawing.js";
import { HANDS } from "./hands.js";
import { ownCurve } from "./own.js";
import { article, contents } from "./pages.js";
import { learnWords, speakIn } from "./prose.js";
import { CALLS, prepared } from "./scene.js";
import { fitted, initial, remember } from "./state.js";
import { thumbnail } from "./thumbnail.js";
import { trainer } from "./training.js";

const RESTS = 150; // milliseconds

const fetchScene = (curve) => arrays(`/api/lesson/scene${curve ? `?curve=${curve}` : ""}`);

export async function show(root) {
  const curve = address.get("curve");
  const [, sent, own] = await Promise.all([learnWords(), fetchScene(curve), curve && get(`/api/curves/${curve}`)]);
  lesson(root, sent, own?.values ?? null);
}

function lesson(root, first, values) {
  const state = initial();
  let scene, raw, chapter = chapterAt(location), followers = [];
  // The address follows when the hand rests: it costs a millisecond, and some browsers refuse a hundred changes in a row.
  let resting = 0;
  const kept = () => {
    clearTimeout(resting);
    resting = setTimeout(() => address.set("t", String(Math.round(state.t))), RESTS);
  };
  const figures = drawing(root, () => ({ scene, state }));
  const time = clock(100, (t, rests) => {
    state.t = t;
    figures.changed("t");
    if (rests) kept();
  });
  const train = trainer(() => ({ curve: address.get("curve"), seed: scene.seed }), (known) => {
    scene.training = known;
    page.set({ moment: known.moments.length - 1 });
  });
  const own = ownCurve(choose), mine = h("button", { type: "button", id: "own-curve", onclick: () => own.open() });
  const chapters = h("nav", { id: "chapters" }), body = h("div", { id: "chapter" });

  // What the parts of a chapter may ask and do.
  const page = {
    of: () => ({ scene, state: { ...state, call: CALLS[state.calls] }, raw }),
    set(change) {
      Object.assign(state, change);
      remember(state, change);
      followers.forEach((follow) => follow(state));
      figures.changed(...Object.keys(change));
    },
    jump(t) { time.play(false); time.to(t); },
    follow: (listener) => { followers.push(listener); },
    training: () => train.element,
    can: (view) => can(scene, view),
    watch(canvas, asked) {
      const figure = figures.add(canvas, asked.view);
      if (!asked.hand) return;
      // what a height on the figure means for the curve, which is seen through the noise of the present step
      const signalAt = (height, i) => {
        const { alpha, sigma } = scene.now(state.t);
        return Math.min(Math.max((height - sigma * scene.noise.values[i]) / alpha, -4), 4);
      };
      HANDS[asked.hand](canvas, { plot: () => figure.plot, scene: () => scene, state, x_t: () => bridge(scene, state).x_t, signalAt }, page.set);
    },
  };

  function build() {
    figures.clear();
    followers = [];
    const shown = article(chapter, page, turn);
    replace(body, shown);
    replace(chapters, contents(chapter, turn));
    replace(mine, thumbnail(scene.curve), h("span", {}, say(scene.own ? "own.yours" : "own.open")));
    chapters.setAttribute("aria-label", say("chapter.list"));
    document.title = `${say(`chapter.${chapter.id}`)} · Ornstein`;
    speakIn(shown);
    followers.forEach((follow) => follow(state));
    figures.changed();
    const here = chapters.querySelector("[aria-current]"), list = here.closest("ol");
    list.scrollLeft = here.offsetLeft - list.offsetLeft - 16;
  }

  function turn(target, push = true) {
    if (push) history.pushState(null, "", `/lesson/${target.id}${location.search}`);
    chapter = target;
    build();
    if (chapter.still) page.jump(0);
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }

  function take(sent, given) {
    scene = prepared(sent);
    raw = given ?? sent.arrays.curve;
    fitted(state, scene.d);
    train.forget();
  }

  async function choose(id, given) {
    for (const [name, value] of [["curve", id], ["job", null], ["gap", null]]) address.set(name, value);
    state.gaps = null;
    take(await fetchScene(id), given);
    build();
  }

  function speak() {
    for (const e of root.querySelectorAll("[data-say]")) e.textContent = say(e.dataset.say);
    for (const e of root.querySelectorAll("[data-aria]")) e.setAttribute("aria-label", say(e.dataset.aria));
    time.speak();
    build();
  }

  take(first, values);
  replace(root, h("div", { id: "lesson" }, h("aside", { id: "side" }, mine, chapters), body), time.element, own.element);
  build();
  time.to(state.t);
  onChange(speak);
  addEventListener("popstate", () => location.hash !== "#main" && turn(chapterAt(location), false)); // the skip link is no chapter
  addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.closest("input, button, summary, a, dialog, [role=application]")) return;
    event.preventDefault();
    time.toggle();
  });
  if (address.get("job")) train.resume(address.get("job"));
  if (address.get("t") !== null) return;
  if (chapter.still) time.to(0);
  else if (!matchMedia("(prefers-reduced-motion: reduce)").matches) time.play(true);
}
