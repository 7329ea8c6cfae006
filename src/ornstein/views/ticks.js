// Ticks: where they stand on an axis, and what is written beside them.

// At most ``count`` steps of 1, 2 or 5 times a power of ten: [[place, label], ...].
export function ticks([low, high], count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw) + 1e-9);
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw * (1 - 1e-9)), found = [];
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push([k * step, readable(k * step, digits)]);
  return found;
}

// The same where low and high are logarithms to base ten: whole powers, or 1, 2 and 5 times them where the range is short.
export function logTicks([low, high], count) {
  const found = [], every = Math.max(1, Math.ceil((high - low) / count));
  const between = high - low < 2.5 ? [1, 2, 5] : [1];
  for (let k = Math.floor(low); k <= Math.ceil(high); k++) {
    if (k % every) continue;
    for (const m of between) {
      const place = k + Math.log10(m);
      if (place >= low - 1e-9 && place <= high + 1e-9) found.push([place, between.length > 1 ? readable(m * 10 ** k, Math.max(0, -k)) : power(k)]);
    }
  }
  return found;
}

export const readable = (v, digits) => v.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

export const power = (k) => (k === 0 ? "1" : `10${String(k).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)])}`);
