// The workbench: open, explore, fit, use.
export async function show(root) {
  root.replaceChildren();
}
