// The frame of every page: language, theme, words, numbers, the palette, and the state that is kept in the address.
import { NAMES } from "/views/colours.js";
import { onCanvas } from "/views/surface.js";
import { h, replace } from "../dom.js";

const LANGUAGES = ["en", "zh"];
const THEMES = ["light", "dark"];
const asked = new URLSearchParams(location.search);
const listeners = new Set();
const dictionaries = {}, ofViews = {};
const dark = matchMedia("(prefers-color-scheme: dark)");
let spoken = LANGUAGES.includes(asked.get("lang")) ? asked.get("lang") : navigator.language.startsWith("zh") ? "zh" : "en";
let colours = null;

export const language = () => spoken;

// A word or sentence by its key; {name} in it is filled in, and no line begins with the sign of a percentage.
export const say = (key, values = {}) => dictionaries[spoken][key].replace(/\{(\w+)\}/g, (_, name) => values[name]).replace(/ %/g, "\u00a0%");

// Sentences one after another, as the language sets them apart.
export const joined = (...sentences) => sentences.filter(Boolean).join(spoken === "zh" ? "" : " ");

// Call ``listener`` whenever language, theme or size of the page changes: everything that shows words or colours draws itself again.
export const onChange = (listener) => { listeners.add(listener); return () => listeners.delete(listener); };

export const changed = () => { colours = null; listeners.forEach((listener) => listener()); };

// A value with so many digits after the point, as the language writes it; what rounds to 0 has no sign.
export const number = (value, digits = 2, unit = "") => value.toLocaleString(spoken, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" }).replace("-", "−") + (unit && `\u202f${unit}`);

export function palette() {
  if (!colours) {
    const style = getComputedStyle(document.documentElement);
    colours = Object.fromEntries([...NAMES, "paper"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }
  return colours;
}

export const viewWords = () => ofViews[spoken];

// What a view draws on: a canvas of the page, in the colours and words of the moment.
export const surface = (canvas) => onCanvas(canvas, palette(), viewWords());

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
  const files = [[dictionaries, `/web/words.${wanted}.json`], [ofViews, `/views/text/${wanted}.json`]];
  await Promise.all(files.map(async ([store, path]) => { store[wanted] ??= await (await fetch(path)).json(); }));
  spoken = wanted;
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
  state.set("lang", wanted);
  changed();
}

export const theme = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");

function wear(wanted) {
  if (THEMES.includes(wanted)) document.documentElement.dataset.theme = wanted;
  state.set("theme", document.documentElement.dataset.theme ?? null);
  changed();
}

// Links keep what the address says of the reader, not of the page.
function link(path, word) {
  const here = location.pathname.startsWith(path) || (path === "/lesson" && location.pathname === "/");
  const kept = new URLSearchParams(["lang", "theme"].flatMap((name) => (state.get(name) ? [[name, state.get(name)]] : [])));
  return h("a", { href: `${path}?${kept}`, "aria-current": here ? "page" : null }, say(word));
}

function head(header) {
  const other = LANGUAGES.find((l) => l !== spoken), next = theme() === "dark" ? "light" : "dark";
  const held = document.activeElement?.id;
  replace(header,
    h("a", { class: "skip", href: "#main" }, say("frame.skip")),
    h("span", { class: "brand" }, "Ornstein"),
    h("nav", { "aria-label": say("frame.parts") }, link("/lesson", "frame.lesson"), link("/workbench", "frame.workbench")),
    h("button", { id: "theme", type: "button", "aria-label": say(`frame.theme-${next}`), title: say(`frame.theme-${next}`), onclick: () => wear(next) }, next === "dark" ? "☾" : "☀"),
    h("button", { id: "language", type: "button", lang: other === "zh" ? "zh-CN" : "en", onclick: () => speak(other) }, say("frame.other-language")),
  );
  if (held && header.querySelector(`#${held}`)) header.querySelector(`#${held}`).focus();
}

export async function begin(header) {
  if (THEMES.includes(asked.get("theme"))) document.documentElement.dataset.theme = asked.get("theme");
  onChange(() => head(header));
  dark.addEventListener("change", changed);
  await speak(spoken);
}
