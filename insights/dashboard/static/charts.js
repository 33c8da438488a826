// Draws Vega-Lite specifications, with tips under the pointer.

import { element } from "./dom.js";

const tip = document.getElementById("tip");

export function hideTip() {
  tip.hidden = true;
}

// Vega's own handler adds a style element, which the content security policy refuses.
function showTip(handler, event, item, value) {
  if (!value) {
    hideTip();
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

const drawn = new WeakMap(); // what each plot shows: its specification, and how to end it

// Draws `spec`, or nothing if there is none. What is drawn already stays as it is.
export async function draw(plot, spec, sentence) {
  const text = spec ? JSON.stringify(spec) : "";
  const before = drawn.get(plot);
  if (before?.text === text) return;
  if (spec) await loadVega();
  plot.style.minHeight = `${plot.offsetHeight}px`; // nothing jumps
  before?.end();
  plot.replaceChildren();
  drawn.set(plot, { text, end() {} });
  if (spec) {
    spec.config.axis.labelLimit = Math.max(90, Math.min(260, plot.clientWidth * 0.4));
    const options = { actions: false, ast: true, renderer: "svg", defaultStyle: false, tooltip: showTip };
    const { view } = await vegaEmbed(plot, spec, options);
    drawn.set(plot, { text, end: () => view.finalize() });
    const picture = plot.querySelector("svg");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", sentence);
  }
  plot.style.minHeight = "";
}

// What the plot shows now is not a chart.
export function forget(plot) {
  drawn.get(plot)?.end();
  drawn.delete(plot);
}
