// A lesson on a page of its own: what the lab would have sent is in the page, and answered here in place of the server.
(async () => {
  // bytes that stand in planes, the first of every word, the second and so on, one word after another
  function joined(planes, word) {
    const out = new Uint8Array(planes.length), words = planes.length / word;
    for (let k = 0, at = 0; k < word; k++) for (let i = 0; i < words; i++, at++) out[i * word + k] = planes[at];
    return out;
  }

  const bytes = Uint8Array.from(atob(document.getElementById("packed").textContent), (c) => c.charCodeAt(0));
  const whole = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const long = new DataView(whole).getUint32(0, true), { modules, answers, lang } = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, long)));
  const known = new Map(answers.map(([address, from, to, word]) => [address, joined(new Uint8Array(whole, 4 + long + from, to - from), word)]));

  globalThis.fetch = async (path) => {
    const content = known.get(String(path).split("?")[0]);
    return content === undefined ? new Response("{}", { status: 404 }) : new Response(content);
  };
  // a training that is over is told again at once
  globalThis.EventSource = class {
    constructor(path) {
      const events = JSON.parse(new TextDecoder().decode(known.get(path.split("?")[0])));
      setTimeout(() => events.forEach((event) => this.onmessage({ data: JSON.stringify(event) })));
    }
    close() {}
  };
  // the page of a file has one address; what is asked after it may change, and a chapter that is turned to stands behind #
  for (const [name, place] of [["pushState", (path) => `#${path.split("/").pop()}`], ["replaceState", () => location.hash]]) {
    const own = history[name].bind(history);
    history[name] = (state, title, address) => {
      const [path, query] = String(address).split("#")[0].split("?");
      try { own(state, title, `${location.pathname}?${query ?? ""}${place(path)}`); } catch { /* a viewer that keeps its address */ }
    };
  }
  const query = new URLSearchParams(location.search);
  if (!query.has("lang")) query.set("lang", lang);
  if (known.has("/api/jobs/alone/events")) query.set("job", "alone");
  if (known.has("/api/curves/alone")) query.set("curve", "alone");
  history.replaceState(null, "", `${location.pathname}?${query}`);

  const blob = (source) => URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const imports = Object.fromEntries(Object.entries(modules).map(([address, source]) => [`@${address}`, blob(source)]));
  const map = document.createElement("script");
  map.type = "importmap";
  map.textContent = JSON.stringify({ imports });
  document.head.append(map);
  const { begin } = await import("@/web/frame/frame.js"), { show } = await import("@/web/lesson/lesson.js");
  await begin(document.getElementById("frame"));
  await show(document.getElementById("main"));
  document.documentElement.dataset.ready = "alone";
})();
