// "Show the Python": a short program for each figure, with the reader's curve and the present state written into its first lines.

const sources = {};

async function source(name) {
  sources[name] ??= await (await fetch(`/web/lesson/python/${name}.py.txt`)).text();
  return sources[name];
}

const list = (values) => `[${Array.from(values, (v) => Number(v.toPrecision(7))).join(", ")}]`;

// Lines ``name = ...`` at the start of a program take the present value; everything else stays as it is tested.
export async function program(name, { scene, state, raw }) {
  const gaps = state.gaps.map(([a, b]) => `(${a}, ${b})`).join(", ");
  const values = {
    curve: scene.own ? list(raw) : "None", seed: String(scene.seed), t: String(Math.round(state.t)), n: String(state.n), calls: String(state.call),
    law: `"${state.law}"`, gaps: `[${gaps}]`, noise: String(state.noise), dimension: String(state.dimension),
    pulled: state.pulled === null ? "None" : String(Number(state.pulled.toPrecision(7))), bend: state.bend ? list(state.bend) : "None",
    training: "1000",
  };
  return (await source(name)).replace(/^(\w+) = (.*?)(\s+# .*)?$/gm, (line, key, _, remark) => (key in values ? `${key} = ${values[key]}${remark ?? ""}` : line));
}
