// Hands: what a reader does on a figure itself, by pointer or by keys. Each takes the canvas, the frame of its last drawing, the scene
// and a way to change the state; the lesson's words say below each figure what its hand does.
import { dragged, heightAt, placeAt } from "/views/pointer.js";
import { spot } from "/views/surface.js";

function keys(canvas, moves, act) {
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    act(move, event.shiftKey);
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export const HANDS = {
  // Hide a stretch of the curve. Keys move it, with Shift its end.
  brush(canvas, of, set) {
    let from = 0;
    const place = (event) => placeAt(of.plot(), spot(canvas, event)[0], of.scene().d);
    const cover = (to) => set({ gaps: [[Math.min(from, to), Math.max(from, to)]] });
    dragged(canvas, (event) => { from = place(event); cover(from); }, (event) => cover(place(event)));
    keys(canvas, ARROWS, ([x], grow) => {
      const d = of.scene().d, [a, b] = of.state.gaps[0] ?? [0, 0];
      const [first, last] = grow ? [a, Math.max(a, b + x)] : [a + x, b + x];
      if (first >= 0 && last < d) set({ gaps: [[first, last]] });
    });
  },
  // Bend the curve: a bump as wide as a tenth of it follows the hand. Keys choose a place and push.
  bend(canvas, of, set) {
    let at = null, held = null;
    const push = (height) => {
      const { curve, d } = of.scene(), width = d / 20, start = held ?? Float32Array.from(of.state.bend ?? curve), step = height - start[at];
      set({ bend: start.map((v, i) => v + step * Math.exp(-0.5 * ((i - at) / width) ** 2)) });
    };
    const { signalAt } = of;
    dragged(canvas, (event) => {
      at = placeAt(of.plot(), spot(canvas, event)[0], of.scene().d);
      held = Float32Array.from(of.state.bend ?? of.scene().curve);
    }, (event) => push(signalAt(heightAt(of.plot(), spot(canvas, event)[1]), at)), () => { held = null; });
    keys(canvas, ARROWS, ([x, y], far) => {
      const { curve, d } = of.scene();
      at = Math.min(Math.max((at ?? Math.round(d / 2)) + x * (far ? 10 : 1), 0), d - 1);
      if (y) push((of.state.bend ?? curve)[at] + 0.1 * y);
    });
  },
  // Pull x_t: the product of the two bells follows.
  bells(canvas, of, set) {
    const pull = (event) => {
      const { box } = of.plot(), [x] = spot(canvas, event);
      set({ pulled: Math.min(Math.max(((x - box.left) / (box.right - box.left)) * 8 - 4, -4), 4) });
    };
    dragged(canvas, pull, pull);
    keys(canvas, ARROWS, ([x, y]) => set({ pulled: Math.min(Math.max((of.state.pulled ?? of.x_t()) + 0.1 * (x + y), -4), 4) }));
  },
};
