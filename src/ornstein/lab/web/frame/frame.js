// The frame of every page: language, theme, words, numbers, the palette, and the state that is kept in the address.
import { NAMES } from "/views/colours.js";
import { onCanvas } from "/views/surface.js";

const LANGUAGES = ["en", "zh"];
const asked = new URLSearchParams(location.search);
const listeners = new Set();
const dictionaries = {}, viewWords = {};
let spoken = LANGUAGES.includes(asked.get("lang")) ? asked.get("lang") : navigator.language.startsWith("zh") ? "zh" : "en";

export const language = () => spoken;

// A word or sentence by its key; {name} in it is filled in.
export const say = (key, values = {}) => dictionaries[spoken][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// Call ``listener`` whenever language, theme or size of the page changes: everything that shows words or colours draws itself again.
export const onChange = (listener) => { listeners.add(listener); return () => listeners.delete(listener); };

export const changed = () => listeners.forEach((listener) => listener());

// A value with so many digits after the point, as the language writes it.
export const number = (value, digits = 2, unit = "") => value.toLocaleString(spoken, { minimumFractionDigits: digits, maximumFractionDigits: digits }) + (unit && `\u202f${unit}`);

export function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// What a view draws on: a canvas of the page, in the colours and words of the moment.
export const surface = (canvas) => onCanvas(canvas, palette(), viewWords[spoken]);

// State in the address: every control that a link should bring back.
export const state = {
  get: (name) => new URLSearchParams(location.search).get(name),
  set(name, value) {
    const query = new URLSearchParams(location.search);
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
    history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
  },
};

async function speak(wanted) {
  spoken = wanted;
  for (const [store, path] of [[dictionaries, `/web/words.${wanted}.json`], [viewWords, `/views/text/${wanted}.json`]]) {
    store[wanted] ??= await (await fetch(path)).json();
  }
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
  state.set("lang", wanted);
  changed();
}

export async function begin(header) {
  const button = document.createElement("button");
  button.id = "language";
  button.addEventListener("click", () => speak(LANGUAGES.find((l) => l !== spoken)));
  onChange(() => { button.textContent = say("frame.other-language"); });
  header.append(button);
  await speak(spoken);
}
