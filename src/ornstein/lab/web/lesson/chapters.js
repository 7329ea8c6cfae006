// The chapters: what stands on each page, in its order. Texts are keys of the dictionaries; panels are names of figures.js.
// A ``still`` chapter opens at t = 0 with the clock at rest: there the reader moves something else.
const text = (key) => ({ is: "text", key });
const title = (key) => ({ is: "title", key });
const slip = (k, formula) => ({ is: "slip", key: `slip.${k}`, id: `slip-${k}`, formula });
const figure = (id, panels, { formulas = [], caption = `${id}.caption`, python, control, layout = "", mark = id } = {}) => ({
  is: "figure", id, mark, panels: panels.map((p) => (typeof p === "string" ? { view: p } : p)), formulas, caption, python, control, layout,
});
const pair = (...figures) => ({ is: "pair", figures });
const tall = (view, alt, hand) => ({ view, alt, hand, tall: true });
const flat = (view, alt, hand) => ({ view, alt, hand });

export const CHAPTERS = [
  { id: "diffusion", items: [
    text("one.text"),
    figure("1c", [tall("live", "1c.alt")], { formulas: ["mix", "moments"], python: "diffusion" }),
    pair(figure("1a", [flat("early", "1a.alt")], { control: "jump20", caption: "1a.live" }), figure("1b", [flat("late", "1b.alt")], { control: "jump100", caption: "1b.live" })),
    slip(2, "slip2"),
  ] },
  { id: "signals", items: [
    text("two.text"),
    figure("2a", [flat("image", "2a.alt.image"), flat("vector", "2a.alt.vector")], { formulas: ["image"], layout: "narrow-first" }),
    figure("2b", [tall("copies", "2b.alt")], { formulas: ["copies"], python: "signals" }),
  ] },
  { id: "views", items: [
    title("two.mean"), text("two.mean.text"),
    figure("2c", [flat("strip1", "2c.alt.1"), flat("strip2", "2c.alt.2"), flat("strip3", "2c.alt.3")], { formulas: ["shrink"], caption: "2c.above", layout: "three" }),
    figure("2c-mean", [flat("mean", "2c.alt.mean"), flat("remaining", "2c.alt.variance")], { formulas: ["average"], caption: "2c.below", control: "copies", layout: "wide-first", mark: "2c", python: "averages" }),
    title("two.zero"), text("two.zero.text"),
    figure("2d", [tall("white", "2d.alt")], { formulas: ["zero_now"], caption: "2d.live", python: "views" }),
    text("three.text"),
    pair(figure("3a", [flat("strip1", "3a.alt")], { formulas: ["two"], caption: "3a.live" }), figure("3b", [flat("white", "3b.alt")], { formulas: ["both_now", "both_sigma"], caption: "3b.live" })),
    text("three.density"),
  ] },
  { id: "covariance", items: [
    text("three.simple.text"),
    figure("3c", [flat("kernel", "3c.alt.kernel"), flat("ensemble", "3c.alt.ensemble"), flat("kernelSpectrum", "3c.alt.spectrum")], { formulas: ["similar"], caption: "3c.live", layout: "three", python: "covariance" }),
    slip(3),
    figure("3d", [flat("source", "3d.alt.matrix"), flat("sourceSpectrum", "3d.alt.spectrum")], { formulas: ["sample_now"], caption: "3d.live", layout: "two" }),
    slip(4, "slip4"),
    figure("3e", [tall("ratio", "3e.alt")], { formulas: ["psi_now"], caption: "3e.live" }),
    slip(7, "slip7"),
  ] },
  { id: "reshaping", items: [
    text("three.recolour.text"),
    figure("3f", [flat("paired", "3f.alt.paired"), flat("exact", "3f.alt.exact"), flat("pairedSpectrum", "3f.alt.spectrum")], { formulas: ["recolour", "exact"], caption: "3f.live", layout: "three" }),
    figure("3g", [flat("pairedDraws", "3g.alt.paired"), flat("exactDraws", "3g.alt.exact")], { formulas: ["nearest_now", "coloured"], caption: "3g.live", layout: "two", python: "reshaping" }),
    slip(5), slip(6),
  ] },
  { id: "recursion", items: [
    text("four.text"),
    figure("4-spectrum", [tall("motion", "4s.alt")], { formulas: ["recursion", "jump"], caption: "4s.caption", mark: "", python: "recursion" }),
    slip(1, "slip1"),
    figure("5a", [tall("factors", "5a.alt")], { formulas: ["betas", "factors"] }),
    figure("5c", [flat("chain", "5c.alt.curves"), flat("ends", "5c.alt.counts")], { formulas: ["chain"], layout: "wide-first" }),
  ] },
  { id: "learning", items: [
    figure("5f", [tall("components", "5f.alt")], { formulas: ["cosines"], caption: "5f.now" }),
    text("learn.text"),
    { is: "training" },
    figure("5d", [flat("losses", "5d.alt.losses"), tall("learnedThreads", "5d.alt.threads"), flat("result", "5d.alt.result")], { formulas: ["learn"], caption: "learn.moment", control: "moment", mark: "5d 5e", python: "learning" }),
    figure("5b", [tall("exactBack", "5b.alt.exact"), tall("learnedBack", "5b.alt.learned")], { formulas: ["guess"], caption: "learn.beside", layout: "two" }),
    figure("5-error", [tall("mistakes", "5error.alt")], { formulas: ["magnify"], caption: "learn.errors", mark: "" }),
  ] },
  { id: "derivation", items: [
    text("derive.text"),
    figure("6a", [tall("bells", "derive.alt", "bells")], { formulas: ["bayes", "precision", "step"], caption: "derive.caption", control: "dimension", mark: "", python: "derivation" }),
    slip(8, "slip8"),
    text("derive.more"),
    figure("6b", [flat("exactBack", "5b.alt.exact")], { formulas: ["reverse"], caption: "derive.whole", mark: "" }),
  ] },
  { id: "swap", advantage: 1, items: [
    text("swap.text"),
    figure("4a", [tall("back", "4a.alt.curves"), tall("threads", "4a.alt.threads")], { formulas: ["denoiser"], caption: "swap.caption", control: "law", python: "swap" }),
  ] },
  { id: "sampling", advantage: 2, items: [
    text("sampling.text"),
    figure("7a", [tall("flow", "sampling.alt.flow")], { formulas: ["modes"], caption: "sampling.flow", control: "gaussian", mark: "" }),
    figure("7b", [flat("made", "sampling.alt.made"), flat("price", "sampling.alt.price")], { formulas: ["distance"], caption: "sampling.caption", control: "calls", layout: "two", mark: "", python: "sampling" }),
  ] },
  { id: "measurement", advantage: 3, still: true, items: [
    text("measure.text"),
    figure("8a", [tall("posterior", "measure.alt", "brush")], { formulas: ["posterior", "evidence"], caption: "measure.caption", control: "measurement", mark: "", python: "measurement" }),
  ] },
  { id: "likelihood", advantage: 4, still: true, items: [
    text("odds.text"),
    figure("9a", [tall("bend", "odds.alt.bend", "bend"), flat("verdicts", "odds.alt.verdicts"), flat("excess", "odds.alt.excess")], { formulas: ["density"], caption: "odds.caption", control: "straighten", layout: "odds", mark: "", python: "likelihood" }),
  ] },
];

// The chapter of an address: its path in the lab, what is behind # where the lesson is a file.
export const chapterAt = ({ pathname, hash }) => CHAPTERS.find(({ id }) => pathname === `/lesson/${id}` || hash === `#${id}`) ?? CHAPTERS[0];
