// The pages of the lesson as elements: the list of chapters, and one chapter.
import { h } from "../dom.js";
import { say } from "../frame/frame.js";
import { animated } from "./animation.js";
import { CHAPTERS } from "./chapters.js";
import { part } from "./parts.js";

const CIRCLED = ["①", "②", "③", "④"];

// Also what another tab is opened at, by a middle click or with Ctrl; the page of a file has one address, and its chapters stand behind #.
const addressOf = ({ id }) => ("alone" in document.documentElement.dataset ? `${location.search}#${id}` : `/lesson/${id}${location.search}`);

function link(target, current, turn, ...inside) {
  const go = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    turn(target);
  };
  return h("a", { href: addressOf(target), "aria-current": target === current ? "page" : null, onclick: go }, ...inside);
}

const name = ({ id }) => say(`chapter.${id}`);
const count = (chapter) => h("span", { class: "count" }, chapter.advantage ? CIRCLED[chapter.advantage - 1] : String(CHAPTERS.indexOf(chapter) + 1));

export function contents(current, turn) {
  const items = CHAPTERS.flatMap((chapter) => [
    chapter.advantage === 1 && h("li", { class: "over" }, say("chapter.advantages")), h("li", {}, link(chapter, current, turn, count(chapter), " ", name(chapter))),
  ]);
  return h("ol", {}, items);
}

const turned = (rel, element) => Object.assign(element, { rel });

export function article(chapter, page, turn) {
  const k = CHAPTERS.indexOf(chapter), before = CHAPTERS[k - 1], after = CHAPTERS[k + 1], { scene } = page.of();
  const over = chapter.advantage ? say("chapter.advantages") : say("chapter.count", { k: k + 1, n: CHAPTERS.length });
  const opening = k === 0 && [h("p", { class: "lead", "data-t": "lesson.lead" }), h("p", { class: "origin", "data-t": scene.own ? "lesson.own" : "lesson.cosines" })];
  return h("article", { "data-chapter": chapter.id }, h("p", { class: "mark" }, over), h("h1", {}, name(chapter)), opening || null,
    chapter.items.map((item) => part(item, page)), !after && animated(page),
    h("p", { class: "turn" }, before && turned("prev", link(before, null, turn, "←\u00a0", name(before))), after && turned("next", link(after, null, turn, name(after), "\u00a0→"))));
}
