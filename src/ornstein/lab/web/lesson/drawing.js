// Drawing: the canvases of the page, which of them are stale and on the screen, and one frame that brings them to the present.
import { surface } from "../frame/frame.js";
import { PANELS } from "./figures.js";
import { present } from "./present.js";
import { numbersIn } from "./prose.js";

const TRAINED = ["losses", "learnedThreads", "result", "learnedBack"];
const FINISHED = ["mistakes"];
const AHEAD = "200px";

// Whether a panel has what it draws: some wait for a training, or for its end.
export const can = ({ training }, view) => !(TRAINED.includes(view) && !training) && !(FINISHED.includes(view) && !training?.result);

// ``of`` answers { scene, state }; numbers below ``root`` follow with every frame.
export function drawing(root, of) {
  let figures = [], waiting = false;
  const find = (canvas) => figures.find((f) => f.canvas === canvas);
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (find(target)) find(target).seen = isIntersecting;
    soon();
  }, { rootMargin: AHEAD });
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) if (find(target)) find(target).stale = true;
    soon();
  });

  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    const { scene, state } = of(), began = performance.now();
    waiting = false;
    for (const figure of root.querySelectorAll("article figure")) figure.hidden = ![...figure.querySelectorAll("canvas")].every(({ dataset }) => can(scene, dataset.view));
    for (const f of figures) {
      if (!f.stale || !f.seen || !f.canvas.clientWidth || !can(scene, f.view)) continue;
      f.stale = false;
      const [view, data] = PANELS[f.view].draw(scene, state);
      f.plot = view(surface(f.canvas), data);
    }
    numbersIn(root, present(scene, state));
    document.documentElement.dataset.frame = (performance.now() - began).toFixed(2);
  }

  return {
    // Mark what follows a change, everything where nothing is named, and draw it with the next frame where it is on the screen.
    changed(...what) {
      for (const f of figures) if (!what.length || PANELS[f.view].on.some((w) => what.includes(w))) f.stale = true;
      soon();
    },
    add(canvas, view) {
      const figure = { canvas, view, seen: false, stale: true, plot: null };
      figures.push(figure);
      watch.observe(canvas);
      sizes.observe(canvas);
      return figure;
    },
    clear() {
      watch.disconnect();
      sizes.disconnect();
      figures = [];
    },
  };
}
