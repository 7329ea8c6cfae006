// A curve as a small picture beside words: SVG, drawn from a surface of the views.
const WIDE = 64, HIGH = 24, NS = "http://www.w3.org/2000/svg";

export function thumbnail(values) {
  const low = Math.min(...values), high = Math.max(...values), svg = document.createElementNS(NS, "svg"), path = document.createElementNS(NS, "path");
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  svg.setAttribute("class", "thumbnail");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", Array.from(values, (v, i) => `${i ? "L" : "M"}${((WIDE * i) / (values.length - 1)).toFixed(1)} ${(2 + (HIGH - 4) * (1 - (v - low) / (high - low))).toFixed(1)}`).join(""));
  svg.append(path);
  return svg;
}
