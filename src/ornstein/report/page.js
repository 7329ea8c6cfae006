const root = document.documentElement;
document.getElementById("language").addEventListener("click", () => {
  const other = root.dataset.language === "en" ? "zh-CN" : "en";
  root.dataset.language = root.lang = other;
});
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
