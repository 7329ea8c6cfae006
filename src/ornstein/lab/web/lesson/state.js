// The state of a lesson: what the address says, and where a lesson begins where it says nothing.
import { state as address } from "../frame/frame.js";
import { CALLS } from "./scene.js";

const FIRST = 30;
const KEPT = ["law", "n", "calls", "noise", "dimension"];

function read(name, fallback, least, most) {
  const value = Number(address.get(name) ?? NaN);
  return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : fallback;
}

const whole = (...asked) => Math.round(read(...asked));

export function initial() {
  const gap = (address.get("gap") ?? "").match(/^(\d{1,3})-(\d{1,3})$/), law = address.get("law");
  return {
    t: read("t", FIRST, 0, 100), n: whole("n", 10, 1, 50), calls: whole("calls", 4, 0, CALLS.length - 1), dimension: whole("dimension", 25, 0, 199),
    law: ["one", "kernel", "ensemble"].includes(law) ? law : "ensemble", noise: read("noise", 0.1, 0.05, 1),
    gaps: gap && Number(gap[1]) <= Number(gap[2]) ? [[Number(gap[1]), Number(gap[2])]] : null, moment: 0, pulled: null, bend: null,
  };
}

// What belongs to a curve begins anew with another one.
export function fitted(state, d) {
  Object.assign(state, { moment: 0, pulled: null, bend: null, dimension: Math.min(state.dimension, d - 1) });
  if (!state.gaps || state.gaps.some(([, b]) => b >= d)) state.gaps = [[Math.round(0.4 * d), Math.round(0.6 * d)]];
}

export function remember(state, change) {
  for (const name of Object.keys(change)) if (KEPT.includes(name)) address.set(name, String(state[name]));
  if (change.gaps) address.set("gap", change.gaps.map(([a, b]) => `${a}-${b}`).join());
}
