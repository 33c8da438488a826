// The page works without a framework. This part is its head: filters, menus and keys.

import { hideTip } from "./charts.js";
import { ask, element } from "./dom.js";
import "./live.js";

const menus = [...document.querySelectorAll("details.menu")];

for (const menu of menus) {
  menu.addEventListener("toggle", () => {
    const form = menu.querySelector("form");
    form.style.translate = "";
    const over = form.getBoundingClientRect().right - (document.documentElement.clientWidth - 16);
    if (menu.open && over > 0) form.style.translate = `${-over}px`;
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  hideTip();
  const open = menus.find((menu) => menu.open);
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
    return;
  }
  const last = document.querySelector(".chips li:last-child a");
  if (last && !["INPUT", "SELECT"].includes(document.activeElement.tagName)) last.click();
});
document.addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// What can be chosen is asked for when somebody is about to choose.
const filter = document.getElementById("filter");
filter.addEventListener("toggle", async () => {
  if (!filter.open) return;
  filter.querySelector("input:not([type=hidden])").focus();
  if (filter.dataset.filled) return;
  filter.dataset.filled = "true";
  try {
    const choices = await (await ask("/choices")).json();
    for (const [name, values] of Object.entries(choices)) {
      const list = document.getElementById(`${name}-choices`);
      list.replaceChildren(...values.map((value) => element("option", undefined, { value })));
    }
  } catch {
    delete filter.dataset.filled; // they can be typed, too
  }
});
