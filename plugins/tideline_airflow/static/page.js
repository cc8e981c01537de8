// What the pages do beside being read; without it they are whole, and stand still.
import { tellAges } from "./ages.js";
import { drawCharts } from "./charts.js";
import { keepFresh, turnRegions } from "./fresh.js";

for (const region of document.querySelectorAll("[data-fresh]")) keepFresh(region);
setInterval(() => tellAges(), 1000);
turnRegions();
drawCharts();

const counts = document.querySelectorAll("#counts [data-tone]");
document.addEventListener("refreshed", () => {
  for (const each of counts) {
    const count = document.querySelectorAll(`#streams > tr[data-tone="${each.dataset.tone}"]`).length;
    each.querySelector("b").textContent = count;
    each.hidden = !count;
  }
});

// The table of all streams can be narrowed by any word of its rows.
const filter = document.getElementById("filter");
if (filter) {
  const narrow = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of document.querySelectorAll("#streams > tr")) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  };
  filter.addEventListener("input", narrow);
  document.addEventListener("refreshed", narrow);
}
