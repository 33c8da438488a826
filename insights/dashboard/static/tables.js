// Tables that are sorted and searched: here if all their rows are, otherwise by the server.

import { ask, fill, parse } from "./dom.js";

const chosen = new WeakMap(); // what each place of a table was last asked for: {find, sort, down}

// Shows the fragment in `place`, as it was sorted and searched before. `path` has the rows that are left out.
export function showTable(place, html, path) {
  const choice = chosen.get(place) ?? { find: "", sort: "", down: false };
  chosen.set(place, choice);
  fill(place, html);
  const find = place.querySelector(".find input");
  if (find) {
    find.value = choice.find;
    find.addEventListener("input", () => {
      choice.find = find.value;
      refine(place, choice, path);
    });
  }
  wire(place, choice, path);
  if (choice.find || choice.sort) refine(place, choice, path);
}

function wire(place, choice, path) {
  place.querySelectorAll(".rows th button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const column = head.dataset.column;
      // First the largest numbers, the latest times and the first names.
      const first = head.dataset.down === "true";
      choice.down = choice.sort === column ? !choice.down : first;
      choice.sort = column;
      refine(place, choice, path);
    });
  });
}

let asked = 0;
async function refine(place, choice, path) {
  if (place.querySelector("[data-left-out]")) {
    const turn = ++asked;
    const answer = await ask(path, { find: choice.find, sort: choice.sort, down: choice.down }).catch(() => null);
    if (!answer || turn !== asked) return; // the rows stay, or somebody has typed on
    const focused = document.activeElement?.closest("th")?.dataset.column;
    const rows = parse(await answer.text()).querySelector(".rows");
    place.querySelector(".rows").replaceWith(rows);
    wire(place, choice, path);
    if (focused) rows.querySelector(`th[data-column="${CSS.escape(focused)}"] button`)?.focus();
  } else {
    search(place, choice);
    sort(place, choice);
  }
  mark(place, choice);
}

function search(place, { find }) {
  const wanted = find.trim().toLowerCase();
  for (const row of place.querySelectorAll(".rows tbody tr")) {
    const texts = [...row.cells].filter((each) => !each.classList.contains("number"));
    row.hidden = !texts.some((each) => each.textContent.toLowerCase().includes(wanted));
  }
}

function sort(place, { sort: column, down }) {
  const heads = [...place.querySelectorAll(".rows th")];
  const at = heads.findIndex((head) => head.dataset.column === column);
  if (at < 0) return;
  const numeric = heads[at].classList.contains("number");
  const value = (row) => row.cells[at].dataset.value ?? row.cells[at].textContent;
  const compare = numeric ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b);
  const body = place.querySelector(".rows tbody");
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === "" || b === "") return (a === "") - (b === ""); // what is not known comes last
    return down ? compare(b, a) : compare(a, b);
  });
  body.append(...rows);
}

function mark(place, { sort: column, down }) {
  for (const head of place.querySelectorAll(".rows th")) {
    if (head.dataset.column === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}
