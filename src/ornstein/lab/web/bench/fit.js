// Fit: four kinds of law. A network's loss falls in sight, beside that of the Gaussian it has to beat.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { trained } from "/views/trained.js";
import { figure } from "./figure.js";
import { button, label, segments, takeaway, told, worker } from "./parts.js";
import { channels, entries, fit, length } from "./state.js";

const DENSE = 1024;
const RECIPES = ["gaussian", "mixture", "empirical", "network"];

export function fitting({ hand, go }) {
  const work = worker({ stoppable: true }), course = { seconds: [], best: [], gaussian: null };
  let recipe = hand.model?.asked.recipe ?? "gaussian";
  const minutes = h("input", { type: "number", min: "0.1", max: "120", step: "0.5", value: "1" });
  const more = h("label", { class: "field" }, label("bench.minutes"), minutes);
  const why = told("p", {}, () => say(`bench.recipe-what.${recipe}`));
  const choice = segments("bench.law", RECIPES, recipe, (name) => { recipe = name; changed(); }, "bench.recipe");
  const picture = figure("training", () => (course.best.length ? [trained, { ...course }] : null));
  const result = told("p", { class: "lead" }, () => verdict(hand.model));
  const away = h("p", { class: "row small" }), onward = h("p", { class: "row" });
  const go1 = button("bench.fit", () => begin({}), { class: "main", id: "fit" });
  const goOn = button("bench.go-on", () => begin({ continues: hand.model.id }), { class: "quiet" });

  function changed() {
    why.again();
    more.hidden = recipe !== "network";
    goOn.hidden = recipe !== "network" || hand.model?.asked.recipe !== "network";
  }

  async function begin(extra) {
    const question = { recipe, ...(recipe === "gaussian" ? structure(hand) : {}), ...extra, ...(recipe === "network" ? { minutes: Math.min(Math.max(Number(minutes.value) || 1, 0.1), 120) } : {}) };
    if (!extra.continues) Object.assign(course, { seconds: [], best: [], gaussian: null });
    await work.start((onEvent, onStart) => fit(hand, question, onEvent, onStart), (event) => {
      if (event.stage !== "training" || event.best === null) return;
      course.seconds.push(event.seconds);
      course.best.push(event.best);
      course.gaussian = event.gaussian ?? course.gaussian;
      picture.redraw();
    });
    done();
  }

  function done() {
    result.again();
    changed();
    replace(away, hand.model ? takeaway(hand.model.id, ["model.zip"]) : []);
    replace(onward, hand.model ? ["fill", "sample", "score", "condition", "calibrate"].map((name) => button(`bench.step.${name}`, () => go(name))) : []);
  }

  // A training that was looked at before is drawn again from its events.
  if (hand.model?.asked.recipe === "network") {
    api.follow(hand.model.id, (event) => {
      if (event.stage === "training" && event.best !== null) {
        course.seconds.push(event.seconds);
        course.best.push(event.best);
        course.gaussian = event.gaussian ?? course.gaussian;
      }
    }).then(picture.redraw);
  }
  const leave = hand.on((what) => { if (what === "model") done(); });
  done();
  return { elements: [choice, why, h("p", { class: "row" }, more, go1, goOn), work.element, picture.element, result, onward, away], leave };
}

// A dense covariance where that is a matter of seconds; beyond, one of few numbers.
function structure(hand) {
  if (entries(hand) <= DENSE) return {};
  return { structure: channels(hand) > 1 && Math.max(channels(hand), length(hand)) <= DENSE ? "kronecker" : "stationary" };
}

function verdict(model) {
  if (!model) return "";
  const { best, gaussian } = model.training.held_out !== undefined ? { best: model.training.held_out, gaussian: model.training.gaussian } : {};
  const name = say(`bench.recipe.${model.asked.recipe}`), n = number(model.cases, 0);
  if (best !== undefined && best !== null) {
    const key = best < gaussian ? "bench.beats" : "bench.loses";
    return say(key, { best: number(best, 4), gaussian: number(gaussian, 4) });
  }
  const mean = model.newest.held_out;
  return mean === null || mean === undefined ? say("bench.fitted", { name, n }) : say("bench.fitted-scored", { name, n, nats: number(mean, 1) });
}
