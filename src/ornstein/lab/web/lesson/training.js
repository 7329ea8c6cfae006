// The training of the lesson's network: a job of the lab, its losses and its reverse runs as they come.
import { h } from "../dom.js";
import { follow, job, part, post } from "../api.js";
import { number, say, state as address } from "../frame/frame.js";

// What is known of a training so far; ``run`` is the reverse run at a kept moment.
export function record() {
  const losses = [], moments = [], runs = [];
  return {
    began: null, seconds: 0,
    moments, result: null, get losses() { return this.result?.arrays.losses ?? losses; },
    // the clock of the lab, so that a training that is told again is no faster
    time({ at }) { this.began ??= at; this.seconds = at - this.began; },
    add({ step, loss }) { if (step) { while (losses.length < step - 1) losses.push(losses[losses.length - 1] ?? loss); losses[step - 1] = loss; } },
    // runs may arrive out of turn
    look(moment, run) {
      const place = moments.findIndex(({ step }) => step > moment.step), k = place < 0 ? moments.length : place;
      moments.splice(k, 0, moment);
      runs.splice(k, 0, run);
    },
    run: (k) => runs[Math.min(k, runs.length - 1)],
  };
}

// A button that trains, and what it says while it does. ``of`` gives the curve's id and seed; ``told`` is called with each new record.
export function trainer(of, told) {
  let current = null, known = record();
  const status = h("span", { class: "status", role: "status" }), bar = h("progress", { max: "1", value: "0", hidden: true, "data-aria": "train.progress", "aria-label": say("train.progress") });
  const stop = h("button", { type: "button", class: "quiet", hidden: true, "data-say": "train.stop", onclick: () => current && post(`/api/jobs/${current}/cancel`) }, say("train.stop"));
  const start = h("button", { type: "button", class: "main", id: "train", "data-say": "train.start", onclick: begin }, say("train.start"));
  const element = h("div", { class: "training" }, start, stop, bar, status);

  function begin() {
    return run((mine) => {
      const { curve, seed } = of();
      return job({ kind: "train-reversal", ...(curve ? { curve } : {}), seed }, (event) => heard(mine, event), (id) => { current = id; address.set("job", id); });
    });
  }

  // A training that an earlier visit or another tab began is told from its first event.
  const resume = (id) => run(async (mine) => {
    current = id;
    const last = await follow(id, (event) => heard(mine, event));
    return last.is === "done" ? { id } : null;
  });

  async function run(work) {
    const mine = (known = record());
    show(true);
    try {
      const ended = await work(mine);
      if (ended) await finished(mine, ended.id);
      status.textContent = ended ? say("train.done", { seconds: number(mine.seconds, 0) }) : say("train.stopped");
    } catch (error) {
      status.textContent = error.message || say("frame.gone");
    }
    show(false);
  }

  function heard(mine, event) {
    mine.time(event);
    if (event.share !== undefined) bar.value = event.share;
    if (event.stage !== "training") return;
    mine.add(event);
    const left = event.share > 0.05 ? mine.seconds * (1 / event.share - 1) : null;
    status.textContent = say("train.now", { step: number(event.step, 0), loss: number(event.loss, 3) }) + (left === null ? "" : ` ${say("train.left", { seconds: number(Math.ceil(left), 0) })}`);
    if (event.part) part(current, event.part).then(({ arrays }) => { mine.look({ step: event.step, loss: event.loss, rms: event.rms }, arrays.run); if (mine === known) told(mine); });
    else if (mine.moments.length) told(mine);
  }

  async function finished(mine, id) {
    mine.result = await part(id, "result");
    told(mine);
  }

  function show(busy) {
    start.disabled = busy;
    bar.hidden = stop.hidden = !busy;
    element.dataset.busy = busy;
  }

  return { element, resume, forget: () => { known = record(); status.textContent = ""; } };
}
