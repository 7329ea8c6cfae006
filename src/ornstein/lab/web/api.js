// What the pages ask of Python. Every answer is JSON or arrays behind a header; what is refused is an Error with a sentence.
import { language } from "./frame/frame.js";

const heads = () => ({ "Accept-Language": language() });

async function asked(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...heads(), ...options.headers } });
  } catch {
    throw new Error(""); // the server is gone: the frame says so
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(told.error ?? answer.statusText), { status: answer.status });
}

export const get = async (path) => (await asked(path)).json();

export async function post(path, question = {}) {
  const options = { method: "POST", body: JSON.stringify(question), headers: { "Content-Type": "application/json" } };
  return (await asked(path, options)).json();
}

export const remove = (path) => asked(path, { method: "DELETE" });

// Arrays: { name: Float32Array, or a matrix { values, rows, columns }, or { values, shape } beyond two axes } and what was told beside them.
export async function arrays(path) {
  return unpacked(await (await asked(path)).arrayBuffer());
}

export function unpacked(buffer) {
  const size = new DataView(buffer).getUint32(0, true), told = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const named = Object.entries(told.arrays).map(([name, { shape, at }]) => {
    const values = new Float32Array(buffer, 4 + size + 4 * at, shape.reduce((n, k) => n * k, 1));
    if (shape.length < 2) return [name, values];
    return [name, shape.length === 2 ? { values, rows: shape[0], columns: shape[1] } : { values, shape }];
  });
  delete told.arrays;
  return { ...told, arrays: Object.fromEntries(named) };
}

// Send a file; onShare is told the part that is sent. (fetch does not say how far an upload is.)
export function upload(file, onShare = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/files?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Accept-Language", language());
    request.responseType = "json";
    request.upload.onprogress = (e) => { if (e.lengthComputable) onShare(e.loaded / e.total); };
    request.onload = () => (request.status === 201 ? resolve(request.response) : reject(new Error(request.response?.error ?? request.statusText)));
    request.onerror = () => reject(new Error(""));
    request.send(file);
  });
}

// Follow a job: onEvent is told every event from the first (or behind number ``after``), and the promise resolves with the last.
// ``until`` (an AbortSignal) stops following, not the job.
export function follow(id, onEvent = () => {}, { after = 0, until = null } = {}) {
  return new Promise((resolve) => {
    const source = new EventSource(`/api/jobs/${id}/events?after=${after}&lang=${language()}`);
    const stop = () => source.close();
    until?.addEventListener("abort", stop);
    source.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      onEvent(event);
      if (["done", "failed", "cancelled"].includes(event.is)) {
        stop();
        until?.removeEventListener("abort", stop);
        resolve(event);
      }
    };
  });
}

// The newest job of this version of the library that was asked the same and has not failed; undefined where there is none.
async function known({ kind, ...question }) {
  const written = (asked) => JSON.stringify(Object.entries(asked).sort()), { jobs, version } = await get("/api/jobs");
  return jobs.findLast((job) => job.version === version && job.kind === kind && written(job.asked) === written(question) && !["failed", "cancelled"].includes(job.newest.is));
}

// Begin a job and follow it to its end; what failed becomes an Error with its sentence, and null is one that was cancelled. Where
// ``again`` is false, one that was begun before will do.
export async function job(question, onEvent = () => {}, onStart = () => {}, again = true) {
  const before = again ? null : await known(question);
  if (before?.newest.is === "done") return { id: before.id, ...before.newest };
  const { id } = before ?? (await post("/api/jobs", question));
  onStart(id);
  const last = await follow(id, onEvent);
  if (last.is === "failed") throw new Error(last.why);
  return last.is === "done" ? { id, ...last } : null;
}

export const part = (id, name = "result") => arrays(`/api/jobs/${id}/parts/${name}`);
