// The clock: one time for every panel. It runs out to the noise and back, with a rest at both ends.
import { h } from "../dom.js";
import { say } from "../frame/frame.js";

const PACE = 60; // milliseconds a step
const REST = 900;

export function clock(last, move) {
  let t = 0, playing = false, direction = 1, rest = 0;
  const button = h("button", { id: "play", type: "button", onclick: () => play(!playing) });
  const range = h("input", { id: "time", type: "range", min: "0", max: String(last), step: "1", oninput: () => { play(false); to(Number(range.value)); } });
  const now = h("span", { class: "now" });
  now.innerHTML = '<i>t</i> = <span data-live="t" data-digits="0"></span><span class="more"><span class="signal" data-word="clock.signal"></span> <span data-live="alpha" data-digits="3"></span><span class="noise" data-word="clock.noise"></span> <span data-live="sigma" data-digits="3"></span></span>';
  const element = h("div", { id: "clock", role: "group" }, button, range, now);

  function to(value) {
    t = Math.min(Math.max(value, 0), last);
    range.value = Math.round(t);
    range.setAttribute("aria-valuetext", `t = ${Math.round(t)}`);
    move(t);
  }

  function play(on) {
    const started = on && !playing;
    playing = on;
    show();
    if (started) requestAnimationFrame((time) => tick(time, time));
    else if (!on) move(t, true);
  }

  function tick(time, before) {
    if (!playing) return;
    if (rest > 0) rest -= time - before;
    else {
      to(t + (direction * (time - before)) / PACE);
      if (t >= last || t <= 0) [direction, rest] = [t >= last ? -1 : 1, REST];
    }
    requestAnimationFrame((next) => tick(next, time));
  }

  function speak() {
    element.setAttribute("aria-label", say("clock.time"));
    range.setAttribute("aria-label", say("clock.time"));
    for (const e of now.querySelectorAll("[data-word]")) e.textContent = say(e.dataset.word);
    show();
  }

  function show() {
    button.textContent = playing ? "❚❚" : "▶";
    button.setAttribute("aria-label", say(playing ? "clock.pause" : "clock.play"));
  }

  speak();
  return { element, to, play, speak, toggle: () => play(!playing), get playing() { return playing; }, get t() { return t; } };
}
