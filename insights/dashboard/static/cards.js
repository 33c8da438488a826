// Cards: each asks for its own content when it comes into view, and shows its own problem.

import { draw, forget } from "./charts.js";
import { ask, fill, showFresh, showProblem, showStale } from "./dom.js";
import { showTable } from "./tables.js";

const cards = [...document.querySelectorAll("[data-chart], [data-part]")];

async function loadCard(card) {
  const wasDrawn = card.dataset.state === "drawn";
  const place = card.querySelector(".plot") ?? card.querySelector(".table");
  place.setAttribute("aria-busy", "true");
  try {
    await (card.dataset.chart ? loadChart(card) : loadPart(card));
    card.dataset.state = "drawn";
    showFresh(card);
  } catch (error) {
    if (wasDrawn) {
      showStale(card, error); // the last numbers stay
    } else {
      card.dataset.state = "failed";
      forget(place);
      showProblem(place, error, () => loadCard(card));
    }
  }
  place.setAttribute("aria-busy", "false");
}

async function loadChart(card) {
  const name = card.dataset.chart;
  const answer = await (await ask(`/charts/${name}`)).json();
  card.querySelector("h3").textContent = answer.sentence;
  card.querySelector("[data-picture]").hidden = !answer.spec;
  showTable(card.querySelector(".table"), answer.table, `/tables/${name}`);
  await draw(card.querySelector(".plot"), answer.spec, answer.sentence);
}

async function loadPart(card) {
  const path = card.dataset.part;
  showTable(card.querySelector(".table"), await (await ask(path, { plain: "" })).text(), path);
}

const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting && !entry.target.dataset.state) {
      entry.target.dataset.state = "loading";
      loadCard(entry.target);
    }
  }
}, { rootMargin: "400px" });
cards.forEach((card) => waiting.observe(card));

document.querySelectorAll("[data-toggle]").forEach((button) => {
  button.addEventListener("click", () => {
    const table = button.closest("article").querySelector(".table");
    table.hidden = !table.hidden;
    button.setAttribute("aria-expanded", String(!table.hidden));
  });
});

const summary = document.getElementById("summary");
export async function loadSummary() {
  try {
    fill(summary, await (await ask("/summary")).text());
    summary.dataset.state = "drawn";
    showFresh(summary);
  } catch (error) {
    if (summary.dataset.state === "drawn") showStale(summary, error);
    else showProblem(summary, error, loadSummary);
  }
  summary.setAttribute("aria-busy", "false");
}

// There are new calls. Cards that have failed are tried again, too.
export function refreshAll() {
  loadSummary();
  cards.filter((card) => ["drawn", "failed"].includes(card.dataset.state)).forEach(loadCard);
}
