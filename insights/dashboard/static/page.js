// The page works without a framework: it asks for each card's content, draws it, and listens for new calls.
"use strict";

const query = location.search;
const REFRESH_MS = 15000; // tiles and charts, when there are new calls
const tip = document.getElementById("tip");

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Fragments come from this server's templates, which escape everything that users wrote.
function fill(target, html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  target.replaceChildren(...parsed.body.childNodes);
}

async function ask(path) {
  let answer;
  try {
    answer = await fetch(path + query, { headers: { Accept: "application/json, text/html" } });
  } catch {
    throw new Error("slashspan dashboard does not answer. Is it still running?");
  }
  if (answer.redirected) location.reload(); // to the login
  if (answer.ok) return answer;
  let problem = `${answer.status} ${answer.statusText}`;
  try {
    problem = (await answer.json()).error || problem;
  } catch { /* not ours */ }
  throw new Error(problem);
}

function showProblem(target, error, retry) {
  const again = element("button", "Retry", { type: "button" });
  again.addEventListener("click", retry);
  target.replaceChildren(element("p", error.message, { class: "problem", role: "alert" }), again);
}

// Tips: Vega's own handler adds a style element, which the content security policy refuses.
function showTip(handler, event, item, value) {
  if (!value) {
    tip.hidden = true;
    return;
  }
  const list = element("dl");
  for (const [name, text] of Object.entries(value)) list.append(element("dt", name), element("dd", String(text)));
  tip.replaceChildren(list);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 4))}px`;
}

let vega;
function loadVega() {
  vega ??= new Promise((resolve, reject) => {
    const script = element("script", undefined, { src: "/static/vega.js" });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      vega = undefined;
      reject(new Error("the charts' script could not be loaded"));
    });
    document.head.append(script);
  });
  return vega;
}

async function draw(plot, spec, sentence) {
  await loadVega();
  const options = { actions: false, ast: true, renderer: "svg", defaultStyle: false, tooltip: showTip };
  const view = (await vegaEmbed(plot, spec, options)).view;
  plot.finalize = () => view.finalize();
  const picture = plot.querySelector("svg");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", sentence);
}

async function loadCard(card) {
  const plot = card.querySelector(".plot");
  const name = card.dataset.chart;
  plot.setAttribute("aria-busy", "true");
  try {
    const answer = await (await ask(`/charts/${name}`)).json();
    card.querySelector("h3").textContent = answer.sentence;
    fill(card.querySelector(".table"), answer.table);
    sortable(card.querySelector("table"));
    plot.finalize?.();
    plot.replaceChildren();
    plot.classList.toggle("none", !answer.spec);
    if (answer.spec) await draw(plot, answer.spec, answer.sentence);
    card.dataset.state = "drawn";
  } catch (error) {
    card.dataset.state = "failed";
    showProblem(plot, error, () => loadCard(card));
  }
  plot.setAttribute("aria-busy", "false");
}

function sortable(table) {
  if (!table) return;
  table.querySelectorAll("th button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const down = head.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const numeric = head.classList.contains("number");
      const rows = [...table.tBodies[0].rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (numeric) return (a === "" ? -Infinity : Number(a)) - (b === "" ? -Infinity : Number(b));
        return a.localeCompare(b);
      });
      table.tBodies[0].append(...(down ? rows.reverse() : rows));
    });
  });
}

const summary = document.getElementById("summary");
async function loadSummary() {
  try {
    fill(summary, await (await ask("/summary")).text());
    summary.dataset.state = "drawn";
  } catch (error) {
    if (summary.dataset.state === "drawn") {
      stale(error); // the last numbers stay
    } else {
      showProblem(summary, error, loadSummary);
    }
  }
  summary.setAttribute("aria-busy", "false");
}

function stale(error) {
  const asOf = summary.querySelector("[data-moment]")?.dataset.moment ?? "";
  document.getElementById("state").textContent = `as of ${asOf}: ${error.message}`;
}

const cards = [...document.querySelectorAll("[data-chart]")];
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

const state = document.getElementById("live");
const calls = document.getElementById("latest");
let paused = false;
let held;
function showCalls(html) {
  if (paused) {
    held = html;
  } else {
    fill(calls, html);
  }
}
document.getElementById("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.target.textContent = paused ? "Go on" : "Pause";
  event.target.setAttribute("aria-pressed", String(paused));
  if (!paused && held) fill(calls, held);
});

let lastRefresh = performance.now();
let refresh;
function refreshSoon() {
  const now = performance.now();
  refresh ??= setTimeout(() => {
    refresh = undefined;
    lastRefresh = performance.now();
    if (document.hidden) return;
    loadSummary();
    cards.filter((card) => card.dataset.state === "drawn").forEach(loadCard);
  }, Math.max(0, lastRefresh + REFRESH_MS - now));
}

function listen() {
  const events = new EventSource(`/live${query}`);
  let first = true;
  events.addEventListener("calls", (event) => {
    state.className = "live";
    state.textContent = "live";
    document.getElementById("state").textContent = "";
    showCalls(event.data);
    if (!first) refreshSoon();
    first = false;
  });
  events.addEventListener("problem", (event) => {
    state.className = "live off";
    state.textContent = "not live";
    stale(new Error(event.data));
  });
  events.addEventListener("error", () => {
    state.className = "live off";
    state.textContent = "reconnecting";
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  tip.hidden = true;
  const last = document.querySelector(".chips li:last-child a");
  if (last && !["INPUT", "SELECT"].includes(document.activeElement.tagName)) last.click();
});
document.getElementById("zone").addEventListener("change", (event) => event.target.form.requestSubmit());

loadSummary();
listen();
