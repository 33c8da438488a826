// Listens for new calls, and for what else the server has to say.

import { loadSummary, refreshAll } from "./cards.js";
import { fill, query, showFresh, showStale } from "./dom.js";

const REFRESH_MS = 15000; // tiles and charts, when there are new calls
const AGAIN_MS = 5000; // after the server refused to be listened to

const light = document.getElementById("live");
const building = document.getElementById("building");
const latest = document.getElementById("latest");
const pause = document.getElementById("pause");

let held; // the newest list, while it is not shown
function isPaused() {
  return pause.getAttribute("aria-pressed") === "true" || latest.matches(":hover");
}
function showCalls(html) {
  held = html;
  if (!isPaused()) showHeld();
}
function showHeld() {
  if (held !== undefined) fill(latest, held);
  held = undefined;
}
pause.addEventListener("click", () => {
  const pressed = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(pressed));
  pause.textContent = pressed ? "Go on" : "Pause";
  if (!pressed) showHeld();
});
latest.addEventListener("mouseleave", () => {
  if (!isPaused()) showHeld();
});

function show(text, on) {
  light.className = on ? "live" : "live off";
  light.textContent = text;
}

let lastRefresh = performance.now();
let refresh;
function refreshSoon() {
  refresh ??= setTimeout(() => {
    refresh = undefined;
    lastRefresh = performance.now();
    if (document.hidden) missed = true;
    else refreshAll();
  }, Math.max(0, lastRefresh + REFRESH_MS - performance.now()));
}
let missed = false;
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !missed) return;
  missed = false;
  refreshAll();
});

let heard = false; // the first list comes with the page
let trouble = false;
function listen() {
  const events = new EventSource(`/live${query}`);
  events.addEventListener("calls", (event) => {
    show("live", true);
    showFresh(light);
    showCalls(event.data);
    if (trouble) refreshAll();
    else if (heard) refreshSoon();
    heard = true;
    trouble = false;
  });
  events.addEventListener("problem", (event) => {
    trouble = true;
    show("not live", false);
    showStale(light, new Error(event.data));
  });
  events.addEventListener("building", (event) => {
    building.hidden = !event.data;
    building.textContent = event.data;
  });
  events.addEventListener("error", () => {
    trouble = true;
    show("reconnecting", false);
    showStale(light, new Error("slashspan dashboard does not answer. Is it still running?"));
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

loadSummary();
listen();
