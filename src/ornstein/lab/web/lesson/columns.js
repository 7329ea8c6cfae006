// The numbers of a figure as a table: of what a view was given, every vector is a column, and every row of a matrix.

const WHOLE = ["curve", "alpha", "sigma", "noise"]; // what is kept where a view was given a whole scene to pick from

export function columnsOf(data, prefix = "") {
  const kept = data && "laws" in data && "path" in data ? Object.fromEntries(WHOLE.map((name) => [name, data[name]])) : data;
  return Object.entries(kept ?? {}).flatMap(([name, value]) => columnsIn(`${prefix}${name}`, value));
}

const isVector = (value) => ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] === "number");

function columnsIn(name, value) {
  if (isVector(value)) return [[name, value]];
  if (Array.isArray(value)) return value.flatMap((entry, k) => (typeof entry === "object" ? (isVector(entry) ? [[`${name}[${k}]`, entry]] : columnsOf(entry, `${name}[${k}].`)) : []));
  if (value?.values && value.rows) {
    return Array.from({ length: value.rows }, (_, r) => [`${name}[${r}]`, value.values.subarray(r * value.columns, (r + 1) * value.columns)]);
  }
  return typeof value === "number" ? [[name, [value]]] : [];
}

export function table(columns) {
  const longest = Math.max(0, ...columns.map(([, values]) => values.length));
  const lines = Array.from({ length: longest }, (_, i) => columns.map(([, values]) => (i < values.length ? String(values[i]) : "")).join(","));
  return [columns.map(([name]) => `"${name}"`).join(","), ...lines].join("\n") + "\n";
}
