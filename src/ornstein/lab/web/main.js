// The page: which of its parts an address shows. Each is a module with show(root), loaded when it is asked for.
import { begin } from "./frame/frame.js";

const PARTS = { "/workbench": () => import("./bench/bench.js"), "/lesson": () => import("./lesson/lesson.js") };

const path = Object.keys(PARTS).find((part) => location.pathname.startsWith(part)) ?? "/lesson";

const part = PARTS[path]();
await begin(document.getElementById("frame"));
const { show } = await part;
await show(document.getElementById("main"));
document.documentElement.dataset.ready = path;
