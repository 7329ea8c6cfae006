// Prose: words of the lesson and of the tour, with formulas in place and present numbers in it.
import { language, number } from "../frame/frame.js";

const found = {};

// Fetch both dictionaries of a language and the formulas, once.
export async function learnWords() {
  const [tour, ...own] = await Promise.all(["/api/lesson/words", "/web/lesson/words.en.json", "/web/lesson/words.zh.json"].map(async (path) => (await fetch(path)).json()));
  ["en", "zh"].forEach((name, k) => { found[name] = { ...tour[name], ...own[k] }; });
  found.formulas = tour.formulas;
}

// An equation stays on one line; {word.key} becomes a word, {name:digits} a number that follows the state; {mn ...} is one inside a formula.
function filled(text) {
  return text
    .replace(/ = /g, "\u00a0=\u00a0")
    .replace(/ %/g, "\u00a0%")
    .replace(/\{(word\.\w+)\}/g, (_, key) => found[language()][key])
    .replace(/\{(?:(mn) )?~?(\w+):(\w+)\}/g, (_, tag, name, digits) => `<${tag ?? "span"} data-live="${name}" data-digits="${digits}"></${tag ?? "span"}>`);
}

// A lesson on a page of its own has words of its own where the lab's speak of what only the lab can do.
const said = (key) => ("alone" in document.documentElement.dataset && found[language()][`${key}.alone`]) || found[language()][key];

// Ours alone, never a person's: markup is meant as markup.
export const html = (key) => filled(key.startsWith("formula.") ? found.formulas[key.slice(8)] : said(key));

export function plain(key) {
  const text = found[language()][key];
  return text.replace(/<[^>]*>/g, "").replace(/\{[^}]*\}/g, "");
}

export const has = (key) => key in found.en;

// Write the words of every element below ``root`` that names some.
export function speakIn(root) {
  for (const e of root.querySelectorAll("[data-t]")) e.innerHTML = html(e.dataset.t);
  for (const e of root.querySelectorAll("[data-alt]")) e.setAttribute("aria-label", plain(e.dataset.alt));
}

const SUPERSCRIPT = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹";

// A number with so many digits, "e" for a power of ten, "g" for four significant ones; unknown ones are an ellipsis.
export function written(value, digits) {
  if (value === undefined || value === null) return "…";
  if (digits === "g") return value.toLocaleString(language(), { maximumSignificantDigits: 4, useGrouping: false }).replace("-", "−");
  if (digits !== "e" || value === 0) return number(value, digits === "e" ? 0 : Number(digits)).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(1).split("e");
  return `${mantissa} × 10${exponent.replace("+", "").replace(/./g, (c) => SUPERSCRIPT["-0123456789".indexOf(c)])}`.replace("-", "−");
}

// Bring every number below ``root`` to the present; ``now`` is name -> value.
export function numbersIn(root, now) {
  for (const e of root.querySelectorAll("[data-live]")) {
    const value = now(e.dataset.live);
    if (e.dataset.value === String(value) && e.textContent && e.lang === language()) continue;
    e.dataset.value = value;
    e.textContent = written(value, e.dataset.digits);
    e.lang = language();
  }
}
