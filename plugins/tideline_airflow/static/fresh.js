// Keeps regions fresh: <div data-fresh="address" data-every="seconds" data-tag="ETag">, while somebody sees the page.
// A region's children have a data-key, and a data-tag that tells whether they changed: only those are replaced.
import { tellAges } from "./ages.js";
import { ask } from "./told.js";

export function keepFresh(region) {
  const every = Number(region.dataset.every) * 1000;
  let timer = 0;
  let looking = false;
  let atOnce = false;
  const again = async () => {
    clearTimeout(timer);
    atOnce = looking;
    if (looking || document.hidden) return; // visibilitychange begins anew
    looking = true;
    try {
      await look(region);
    } finally {
      looking = false;
      timer = setTimeout(again, atOnce ? 0 : every);
    }
  };
  for (const event of ["visibilitychange", "acted"]) document.addEventListener(event, again);
  region.addEventListener("turned", again);
  timer = setTimeout(again, region.dataset.tag ? every : 0);
}

// Links with data-part="a region's id" turn that region to another address, in place.
export function turnRegions() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-part]");
    if (!link) return;
    event.preventDefault();
    const region = document.getElementById(link.dataset.part);
    Object.assign(region.dataset, { fresh: link.href, tag: "" });
    region.dispatchEvent(new Event("turned"));
  });
}

async function look(region) {
  const { fresh, tag, every } = region.dataset;
  const headers = tag ? { "If-None-Match": tag } : {};
  const patience = Math.max(10_000, Number(every) * 3000); // tables take longer than states
  const read = async (answer) => [answer, answer.status === 200 ? await answer.text() : ""];
  const [answer, html] = (await ask(region, fresh, read, { headers, patience })) ?? [];
  if (answer?.status !== 200 || region.dataset.fresh !== fresh) return; // nothing new, or turned meanwhile
  merge(region, html);
  region.dataset.tag = answer.headers.get("ETag") ?? "";
  document.dispatchEvent(new Event("refreshed"));
}

function merge(region, html) {
  const template = document.createElement("template");
  template.innerHTML = html; // escaped by the server; the policy lets no script in it run either
  const next = [...template.content.children];
  const known = new Map([...region.children].map((child) => [child.dataset.key, child]));
  const focusAgain = rememberFocus(region);
  next.forEach((child, index) => {
    const old = known.get(child.dataset.key);
    const node = old && old.dataset.tag === child.dataset.tag ? old : child;
    announce(old, child);
    if (old && node !== old) keepAsTurned(old, node);
    if (region.children[index] !== node) region.insertBefore(node, region.children[index] ?? null);
    if (old && node !== old) old.remove();
  });
  while (region.children.length > next.length) region.lastElementChild.remove();
  tellAges(region);
  focusAgain();
}

// What a person has opened stays open, and a wide table where it was scrolled to.
function keepAsTurned(old, node) {
  const both = (selector) => {
    const after = [...node.querySelectorAll(selector)];
    return [...old.querySelectorAll(selector)].map((each, index) => [each, after[index]]).filter((pair) => pair[1]);
  };
  for (const [before, after] of both("details")) after.open = before.open;
  const scrolled = both(".wide").filter(([before]) => before.scrollLeft || before.scrollTop);
  for (const [before, after] of scrolled) {
    const [left, top] = [before.scrollLeft, before.scrollTop];
    requestAnimationFrame(() => after.scrollTo(left, top));
  }
}

// Who was at a link or button of a row that is replaced, or takes another place, is there again afterwards.
function rememberFocus(region) {
  const focused = document.activeElement;
  const key = region.contains(focused) ? focused.closest("[data-key]")?.dataset.key : undefined;
  const number = key === undefined ? -1 : reachable(focused.closest("[data-key]")).indexOf(focused);
  return () => {
    if (number < 0 || document.activeElement === focused) return;
    const child = [...region.children].find((each) => each.dataset.key === key);
    if (child) reachable(child)[number]?.focus({ preventScroll: true });
  };
}

function reachable(element) {
  return [...element.querySelectorAll("a[href], button, input, select, summary")];
}

// Screen readers hear of another state, and of nothing else.
function announce(old, child) {
  const state = child.dataset.state;
  if (old && state && old.dataset.state !== state) {
    document.getElementById("news").textContent = `${child.dataset.name} is ${state}`;
  }
}
