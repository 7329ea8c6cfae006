// What the workbench has in hand: signals, a model, marks; and everything that asks Python about them. The address holds the ids, so a
// link or a reload brings all of it back.
import * as api from "../api.js";
import { state as address } from "../frame/frame.js";
import { gaussianLaw } from "/views/gaussian.js";

export const COMPUTED = 512; // entries of a signal up to which the page computes with a Gaussian law itself

export function hand() {
  const listeners = new Set();
  return {
    signals: null, model: null, case: 0, channel: 0, badChannels: new Set(), badCases: new Set(), marks: [], kept: new Map(),
    on(listener) { listeners.add(listener); return () => listeners.delete(listener); },
    tell(what) { listeners.forEach((listener) => listener(what)); },
  };
}

// Open a file (its id) or an example, read as ``question`` says. Tells "signals". What was opened before is not read ``again``.
export async function open(hand, question, onEvent, onStart, again = true) {
  const job = await api.job({ kind: "open", ...question }, onEvent, onStart, again);
  if (job) await take(hand, job.id, cut(hand, question));
  return job;
}

// What was marked in a recording, of its windows: the same channels, and every window that a marked stretch touches.
function cut({ signals, marks, badChannels }, { window, file }) {
  if (!window || !signals || signals.asked.file !== file || signals.shape[0] > 1) return {};
  const touched = marks.flatMap(([from, to]) => Array.from({ length: Math.ceil(to / window) - Math.floor(from / window) }, (_, k) => Math.floor(from / window) + k));
  return { badChannels, badCases: new Set(touched.filter((k) => (k + 1) * window <= signals.shape[2])) };
}

// Signals that were opened before; ``marked`` says which of their channels and cases are bad.
export async function take(hand, id, marked = {}) {
  const notes = [], told = api.follow(id, (event) => { if (event.is === "note") notes.push(event.why); });
  const [{ asked }, result] = await Promise.all([api.get(`/api/jobs/${id}`), api.part(id), told]);
  const files = asked.file ? (await api.get("/api/files")).files : [];
  hand.signals = { id, asked, ...result, notes, name: asked.example ?? files.find((file) => file.id === asked.file)?.name ?? "" };
  Object.assign(hand, { model: null, case: 0, channel: 0, badChannels: new Set(), badCases: new Set(), marks: [], kept: new Map(), ...marked });
  address.set("signals", id);
  address.set("model", null);
  hand.tell("signals");
}

export const cases = ({ signals }) => signals.shape[0];
export const channels = ({ signals }) => signals.shape[1];
export const length = ({ signals }) => signals.shape[2];
export const entries = (hand) => channels(hand) * length(hand);
export const single = (hand) => cases(hand) === 1;

// One signal whole, (channel, time), remembered.
export async function signal(hand, k) {
  if (!hand.kept.has(k)) {
    const { id, shape } = hand.signals;
    hand.kept.set(k, api.arrays(`/api/jobs/${id}/stretch?case=${k}&start=0&stop=${shape[2]}&points=2000`).then(({ arrays }) => arrays.values ?? arrays.low));
  }
  return hand.kept.get(k);
}

// The pictures of the first signals of a channel, low and high as one zigzag where they differ.
export function pictures({ signals }, channel, most = 80) {
  const { low, high } = signals.arrays, [n, c, m] = low.shape, found = [];
  for (let k = 0; k < Math.min(n, most); k++) {
    const at = (k * c + channel) * m, a = low.values.subarray(at, at + m), b = high.values.subarray(at, at + m);
    found.push(m === signals.shape[2] ? a : Float32Array.from({ length: 2 * m }, (_, i) => (i % 2 ? b : a)[i >> 1]));
  }
  return found;
}

// What was marked as bad, as jobs are told it.
export const leftOut = ({ signals, badChannels, badCases }) => ({
  ...(badChannels.size ? { without_channels: [...badChannels].map((k) => signals.channels[k]) } : {}),
  ...(badCases.size ? { without_cases: [...badCases] } : {}),
});

// Fit a law. Tells "model". One that was fitted before is not fitted ``again``.
export async function fit(hand, question, onEvent, onStart, again = true) {
  const job = await api.job({ kind: "fit", signals: hand.signals.id, ...leftOut(hand), ...question }, onEvent, onStart, again);
  if (job) await taught(hand, job.id);
  return job;
}

// A model that was fitted before.
export async function taught(hand, id) {
  const [record, result] = await Promise.all([api.get(`/api/jobs/${id}`), api.part(id)]);
  hand.model = { id, asked: record.asked, newest: record.newest, ...result, exact: result.gaussian ? lawOf(result.arrays) : null };
  address.set("model", id);
  hand.tell("model");
}

// What is left out of jobs on one signal: the channels that the model does not know.
export const without = ({ model }) => (model.asked.without_channels ? { without_channels: model.asked.without_channels } : {});

// Channels that the model knows, by their number in the file.
export function known({ signals, model }) {
  const gone = new Set(model?.asked.without_channels ?? []);
  return signals.channels.map((_, k) => k).filter((k) => !gone.has(signals.channels[k]));
}

function lawOf(arrays) {
  if (!arrays.basis) return null;
  const whole = (name) => {
    const of = (entry) => (ArrayBuffer.isView(entry) ? entry : entry.values), rest = of(arrays[`${name}_rest`]);
    return Float64Array.from(of(arrays[name]), (v, i) => v + rest[i]);
  };
  const { rows, columns } = arrays.basis;
  return gaussianLaw(whole("mean"), { values: whole("basis"), rows, columns }, whole("eigenvalues"));
}
