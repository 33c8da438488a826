// What all parts of the page need: elements, fragments from the server, and its answers.

export const query = location.search;

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Fragments come from this server's templates, which escape everything that users wrote.
export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

export function fill(target, html) {
  target.replaceChildren(...parse(html).childNodes);
}

// Asks with the page's own filters; `more` are further parts of the address. Throws an Error that can be shown.
export async function ask(path, more = {}) {
  const parts = new URLSearchParams(query);
  for (const [name, value] of Object.entries(more)) parts.set(name, value);
  const text = parts.toString();
  let answer;
  try {
    answer = await fetch(text ? `${path}?${text}` : path, { headers: { Accept: "application/json, text/html" } });
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

export function showProblem(target, error, retry) {
  const again = element("button", "Retry", { type: "button" });
  again.addEventListener("click", retry);
  target.replaceChildren(element("p", error.message, { class: "problem", role: "alert" }), again);
}

const state = document.getElementById("state");
const problems = new Map(); // of each part of the page whose last numbers stay

// The last numbers of `part` stay, and it is said of when they are, until this part has fresh ones: an answer that was
// still on its way when the server went says nothing about the rest.
export function showStale(part, error) {
  problems.set(part, error.message);
  showState();
}

export function showFresh(part) {
  problems.delete(part);
  showState();
}

function showState() {
  const [problem = ""] = problems.values();
  const asOf = problem && document.querySelector("[data-moment]")?.dataset.moment;
  const text = asOf ? `as of ${asOf}: ${problem}` : problem;
  if (state.textContent !== text) state.textContent = text; // each change is read out
}
