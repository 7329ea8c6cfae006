// A pointer on a drawing: what its place means in the drawing's own numbers, and a drag from down to up.

// The nearest of ``count`` places along the frame of a plot, and the value at a height of it.
export function placeAt({ box }, x, count) {
  const share = (x - box.left) / (box.right - box.left);
  return Math.min(Math.max(Math.round(share * (count - 1)), 0), count - 1);
}

export const heightAt = ({ Y }, y) => (y - Y(0)) / (Y(1) - Y(0));

// Follow a pointer from where it comes down until it is lifted; ``begin`` may refuse it by answering false.
export function dragged(canvas, begin, move, end = () => {}) {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || begin(event) === false) return;
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    const lift = () => {
      canvas.removeEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) canvas.removeEventListener(name, lift);
      end();
    };
    canvas.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, lift);
  });
}
