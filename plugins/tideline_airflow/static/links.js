// Airflow shows this page in a sandboxed frame, which may neither open windows nor leave. Links with data-out lead out of
// it, to Airflow's own pages or a driver's: they are followed by the page around, which has the same origin.
// Bound before there is a page, as the buttons are.
(() => {
  if (window.parent === window) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-out]");
    if (!link || event.defaultPrevented) return;
    let around;
    try {
      around = window.parent.document;
    } catch {
      return; // another origin frames us: its sandbox decides
    }
    event.preventDefault();
    const copy = around.createElement("a");
    copy.href = link.href;
    if (link.dataset.out === "window") Object.assign(copy, { target: "_blank", rel: "noopener" });
    copy.click();
  });
})();
