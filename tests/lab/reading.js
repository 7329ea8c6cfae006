// What can be read on a page, for the tests that look at every one: notes what is written on canvases, and answers window.readable().
(() => {
  const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    this.canvas.texts = [];
    return clearRect.apply(this, box);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const m = this.measureText(text), at = this.getTransform();
    const ends = [[-m.actualBoundingBoxLeft, -m.actualBoundingBoxAscent], [m.actualBoundingBoxRight, m.actualBoundingBoxDescent]]
      .map(([right, down]) => at.transformPoint({ x: x + right, y: y + down }));
    const [xs, ys] = [ends.map((end) => end.x), ends.map((end) => end.y)];
    if (text.trim()) (this.canvas.texts ??= []).push({ text, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) });
    return fillText.call(this, text, x, y);
  };

  const LEFT_OUT = "script, style, noscript, math, pre, code, svg, select, .skip", OF_ANOTHER = "[lang]:not(html)", STAYS = "#frame, #clock";
  const NAMES = ["aria-label", "title", "alt", "placeholder"];
  const plain = ({ left, right, top, bottom }) => ({ left, right, top, bottom });

  // page: text and its places, and whether it stays above what scrolls; canvases: text and its places in pixels of each; names: what a screen reader hears.
  window.readable = () => {
    const found = { page: [], canvases: [], names: [] }, above = document.querySelector("dialog[open]") ?? document.body;
    const walk = document.createTreeWalker(above, NodeFilter.SHOW_TEXT), range = document.createRange();
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const holder = node.parentElement, text = node.data.trim();
      if (!text || holder.closest(LEFT_OUT) || !holder.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      range.selectNodeContents(node);
      const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1).map(plain);
      if (boxes.length) found.page.push({ text, boxes, foreign: Boolean(holder.closest(OF_ANOTHER)), above: Boolean(holder.closest(STAYS)) });
    }
    for (const canvas of above.querySelectorAll("canvas")) {
      const { top, bottom } = canvas.getBoundingClientRect(), { view, figure } = canvas.dataset;
      if (!canvas.clientWidth || !canvas.texts || top > innerHeight || bottom < 0) continue;
      found.canvases.push({ name: view ?? figure ?? canvas.id, width: canvas.width, height: canvas.height, texts: canvas.texts });
    }
    for (const e of above.querySelectorAll(NAMES.map((name) => `[${name}]`).join())) {
      if (!e.closest(OF_ANOTHER)) found.names.push(...NAMES.map((name) => e.getAttribute(name)).filter(Boolean));
    }
    return found;
  };
})();
