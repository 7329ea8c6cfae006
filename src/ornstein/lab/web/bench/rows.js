// The first numbers of what was opened, as a table: what is a row, and what is a column, is seen at once.
import { h } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { named, told } from "./parts.js";
import { single } from "./state.js";

const DIGITS = 4;

// Signals of one channel lie in rows, sample by sample; those of several, and recordings, lie in columns, channel by channel.
export function firstRows(hand) {
  const { values, shape: [n, c, m] } = hand.signals.arrays.head, { shape, channels, units, rate } = hand.signals;
  const at = (k, j, i) => written(values[(k * c + j) * m + i]), across = shape[1] === 1 && !single(hand);
  const when = (i) => (rate ? `${written(i / rate)}\u202fs` : number(i + 1, 0)), more = (shown, all) => (shown < all ? ["…"] : []);
  const count = (length) => Array.from({ length }, (_, k) => k);
  const top = () => (across ? [say("bench.rows.signal"), ...count(m).map(when), ...more(m, shape[2])] : [say(rate ? "bench.rows.time" : "bench.rows.sample"), ...count(c).map((j) => titled(channels[j], units[j])), ...more(c, shape[1])]);
  const body = () => (across ? count(n).map((k) => [number(k + 1, 0), ...count(m).map((i) => at(k, 0, i)), ...more(m, shape[2])]) : count(m).map((i) => [when(i), ...count(c).map((j) => at(0, j, i)), ...more(c, shape[1])]));
  const line = (tag, cells, scope) => h("tr", {}, cells.map((text, k) => (k && tag === "td" ? h("td", {}, text) : h("th", { scope }, text))));
  const table = told("table", {}, () => [h("thead", {}, line("th", top(), "col")), h("tbody", {}, body().map((cells) => line("td", cells, "row")))]);
  return named(h("div", { class: "rows", id: "rows", tabindex: "0", role: "region" }, table), "bench.rows");
}

const titled = (name, unit) => (unit ? `${name} (${unit})` : name);

function written(value) {
  if (Number.isNaN(value)) return "–";
  return value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: DIGITS }).replace("-", "−");
}
