// Sets the theme before the first paint. A file of its own because the content policy forbids inline scripts.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("charon.theme");
  } catch {
    // Storage may be blocked; the system's wish decides then.
  }
  var light = window.matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme =
    stored === "dark" || stored === "light" ? stored : light ? "light" : "dark";
})();
