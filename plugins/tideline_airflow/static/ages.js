// Ages that go on while the page is open: <time data-age="epoch ms">, worded as the server words them.
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const skew = Date.now() - Number(document.body.dataset.now); // the server's clock counts

export function now() {
  return Date.now() - skew;
}

export function ageText(milliseconds) {
  let rest = Math.floor(Math.max(0, milliseconds) / 1000);
  const parts = [];
  for (const [size, unit] of STEPS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (unit === "s" && !parts.length)) parts.push(`${count} ${unit}`);
    else if (parts.length) break;
  }
  return parts.slice(0, 2).join(" ");
}

export function tellAges(within = document) {
  for (const each of within.querySelectorAll("[data-age]")) {
    const text = ageText(now() - Number(each.dataset.age));
    if (each.textContent !== text) each.textContent = text;
  }
}
