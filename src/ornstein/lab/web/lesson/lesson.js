// The lesson: the tutorial's chapters on the reader's own curve.
export async function show(root) {
  root.replaceChildren();
}
