// Airflow's pages have a theme of their own: this page is shown in the same one, in their frame or beside them.
// It runs before anything is drawn.
(() => {
  const root = document.documentElement;
  const around = (() => {
    try {
      return window.parent === window ? null : window.parent.document.documentElement;
    } catch {
      return null; // another origin frames us
    }
  })();
  const follow = () => {
    const kept = localStorage.getItem("theme");
    const theme = around ? (around.classList.contains("dark") ? "dark" : "light") : kept;
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.dispatchEvent(new Event("themed"));
  };
  follow();
  if (around) new MutationObserver(follow).observe(around, { attributes: true, attributeFilter: ["class"] });
  window.addEventListener("storage", follow);
})();
