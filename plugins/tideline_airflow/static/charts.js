// Draws what was seen of a stream in the last day: <div class="chart" data-series="backlog" data-unit="">.
import { now } from "./ages.js";
import { ask } from "./told.js";

const drawn = new Map();
let seen;

export async function drawCharts() {
  const area = document.querySelector("[data-samples]");
  if (!area) return;
  const load = async () => {
    if (document.hidden) return;
    const found = await ask(area, area.dataset.samples, (answer) => answer.json());
    if (!found) return;
    seen = found;
    for (const chart of area.querySelectorAll("[data-series]")) draw(chart);
  };
  document.addEventListener("themed", () => {
    // Over a copy: what is drawn anew is put at the end of the map, and would be met again for ever.
    for (const [chart, plot] of [...drawn]) plot.destroy(), drawn.delete(chart), draw(chart);
  });
  window.addEventListener("resize", () => {
    for (const [chart, plot] of drawn) plot.setSize({ width: chart.clientWidth, height: 150 });
  });
  setInterval(load, 15_000);
  await load();
}

function draw(chart) {
  const { series, unit, label } = chart.dataset;
  const values = seen[series];
  const data = [seen.at.map((at) => at / 1000), values];
  chart.querySelector("p").textContent = told(label, values, unit);
  if (drawn.has(chart)) drawn.get(chart).setData(data);
  else drawn.set(chart, new uPlot(options(chart, label, unit), data, chart.querySelector(".plot")));
}

// What a screen reader is told in the chart's place.
function told(label, values, unit) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return `${label}: nothing seen yet`;
  return `${label}: now ${number(known.at(-1), unit)}, at most ${number(Math.max(...known), unit)} in the last day`;
}

function options(chart, label, unit) {
  const line = canvasColour(chart, "--line");
  const axis = { stroke: getComputedStyle(chart).color, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  return {
    width: chart.clientWidth,
    height: 150,
    legend: { show: false },
    cursor: { y: false },
    scales: { x: { range: (_, first) => [first ?? now() / 1000 - 3600, now() / 1000] }, y: { range: (_, __, most) => [0, most || 1] } },
    axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => number(tick, unit)) }],
    series: [{}, { label, stroke: canvasColour(chart, chart.dataset.colour), width: 1.5, points: { show: false } }],
  };
}

// A canvas knows no light-dark(): the browser works the colour out for an element.
function canvasColour(chart, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  chart.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function number(value, unit) {
  const digits = Math.abs(value) >= 10 || Number.isInteger(value) ? 0 : 1;
  return `${value.toLocaleString("en", { maximumFractionDigits: digits })}${unit}`;
}
