// Ten seconds of the reader's curve: it dissolves and returns. As GIF, or as a video where the browser records one; and the whole
// lesson about the curve as one page.
import { cloud } from "/views/forward.js";
import { job } from "../api.js";
import { h } from "../dom.js";
import { number, palette, say, state as address, surface } from "../frame/frame.js";
import { firstNoise } from "./scene.js";
import { gif } from "./gif.js";
import { save } from "./take.js";

const WIDE = 480, HIGH = 270, SECONDS = 10, FRAMES = 100;
const VIDEO = ["video/mp4", "video/webm"];

// Out to the noise and back, slowest at both ends.
export const timeAt = (share, last) => (last * (1 - Math.cos(2 * Math.PI * share))) / 2;

function stage() {
  const canvas = document.createElement("canvas");
  canvas.className = "aside";
  canvas.style.width = `${WIDE}px`;
  canvas.style.height = `${HIGH}px`;
  document.body.append(canvas);
  return canvas;
}

function scene(canvas, known, share) {
  const drawing = surface(canvas), { g } = drawing;
  g.fillStyle = palette().paper;
  g.fillRect(0, 0, drawing.width, drawing.height);
  cloud(drawing, { ...known, noise: firstNoise(known), t: timeAt(share, known.alpha.length - 1), trail: 8 });
}

async function asGif(known, told) {
  const canvas = stage(), small = document.createElement("canvas"), pen = small.getContext("2d", { willReadFrequently: true }), frames = [];
  small.width = WIDE;
  small.height = HIGH;
  for (let k = 0; k < FRAMES; k++) {
    scene(canvas, known, k / FRAMES);
    pen.drawImage(canvas, 0, 0, WIDE, HIGH);
    frames.push(pen.getImageData(0, 0, WIDE, HIGH).data);
    if (k % 10 === 0) { told(k / FRAMES); await new Promise((next) => setTimeout(next)); }
  }
  canvas.remove();
  save(new Blob([gif(frames, WIDE, HIGH, (100 * SECONDS) / FRAMES)], { type: "image/gif" }), "ornstein-curve.gif");
}

function asVideo(known, type, told) {
  const canvas = stage(), began = performance.now(), pieces = [];
  scene(canvas, known, 0);
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: type });
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  return new Promise((done) => {
    recorder.onstop = () => { canvas.remove(); save(new Blob(pieces, { type }), `ornstein-curve.${type.slice(6)}`); done(); };
    recorder.start();
    const next = () => {
      const share = (performance.now() - began) / (1000 * SECONDS);
      told(Math.min(share, 1));
      if (share >= 1) { recorder.stop(); return; }
      scene(canvas, known, share);
      requestAnimationFrame(next);
    };
    next();
  });
}

// A page of its own: a job, since its network is trained for it.
async function asPage(told) {
  const curve = address.get("curve"), ended = await job({ kind: "lesson-page", ...(curve ? { curve } : {}), lang: document.documentElement.lang.slice(0, 2) }, ({ share }) => share !== undefined && told(share));
  if (ended) save(await (await fetch(`/api/jobs/${ended.id}/files/lesson.html`)).blob(), "ornstein-lesson.html");
}

export function animated(page) {
  const status = h("span", { class: "status", role: "status" }), type = window.MediaRecorder && VIDEO.find((t) => MediaRecorder.isTypeSupported(t));
  const button = (id, word, work) => {
    const b = h("button", { type: "button", class: "quiet", id, "data-say": word, onclick: async () => {
      b.disabled = true;
      try { await work((share) => { status.textContent = number(100 * share, 0) + " %"; }); status.textContent = say("take.saved"); } catch (error) { status.textContent = error.message || say("frame.gone"); }
      b.disabled = false;
    } }, say(word));
    return b;
  };
  return h("section", { id: "keep" }, h("h2", { "data-say": "take.title" }, say("take.title")), h("p", {}, h("span", { "data-say": "take.text" }, say("take.text"))),
    h("p", { class: "control" }, button("take-page", "take.page", asPage), " ", button("take-gif", "take.gif", (told) => asGif(page.of().scene, told)), " ", type && button("take-video", "take.video", (told) => asVideo(page.of().scene, type, told)), " ", status));
}
