// What leaves a cell: the likeliest next tokens, and the unit's states along the text. While a unit
// is held, what would be without that stands beside it.

import { symbol } from "./cell_equations.js";
import { clamp, element, hidden, minus, percentText, svgElement } from "./dom.js";

// The likeliest next tokens

export function nextTokens(model) {
  const block = element("div", "next");
  const title = element("p", "title");
  const above = model.layer < model.layers ? " through the layers above" : "";
  const truly = element("span", "truly");
  title.append(symbol("h"), ` →${above} the likeliest next tokens`, truly);
  const [held, truth] = [fiveBars(model, "held"), fiveBars(model, "not held")];
  block.append(title, held.block, truth.block);
  const show = (t, predicted, isHeld, following) => {
    const shown = isHeld ? predicted : model;
    held.show(shown, t, following, isHeld);
    truth.block.hidden = !isHeld;
    if (isHeld) truth.show(model, t, following, true);
    truly.textContent = following === null ? "" : inText(shown.next[t], following);
  };
  return { block, show };
}

function inText(logP, following) {
  const chance = logP === null ? "does not count" : `${percentText(Math.exp(logP))}`;
  return `in the text: ${following} ${chance}`;
}

function fiveBars(model, name) {
  const block = element("div", "five");
  const label = element("span", "which", name);
  const bars = model.probs[0].map(() => {
    const bar = element("span", "bar-of");
    const [word, fill, number] = [element("bdi"), element("i"), element("span", "share")];
    fill.style.backgroundColor = model.color;
    bar.append(word, fill, number);
    return { bar, word, fill, number };
  });
  block.append(label, ...bars.map(({ bar }) => bar));
  const show = ({ words, likeliest, probs }, t, following, isHeld) => {
    label.hidden = !isHeld;
    bars.forEach(({ bar, word, fill, number }, n) => {
      word.textContent = words[likeliest[t][n]];
      fill.style.transform = `scaleX(${probs[t][n]})`;
      number.textContent = percentText(probs[t][n]);
      bar.classList.toggle("follows", word.textContent === following);
    });
  };
  return { block, show };
}

// The states along the text

export function stateLines(model, onMove) {
  const block = element("div", "lines");
  const steps = model.series.h.length - 1;
  const names = model.series.c ? ["c", "h"] : ["h"];
  const charts = names.map((name) => stateLine(model, name, steps));
  block.append(...charts.map((chart) => chart.block));
  const follow = (event) => {
    const well = event.composedPath()[0].closest?.(".well");
    if (!well || (event.type === "pointermove" && !event.buttons)) return;
    const { left, width } = well.getBoundingClientRect();
    onMove(clamp(Math.floor(((event.clientX - left) / width) * steps), steps));
  };
  block.onpointerdown = follow;
  block.onpointermove = follow;
  const hold = (answer) => {
    for (const chart of charts) chart.hold(answer);
  };
  const show = (t) => {
    for (const chart of charts) chart.show(t);
  };
  return { block, hold, show };
}

function stateLine(model, name, steps) {
  const block = element("div", "line");
  const well = element("div", "well");
  const [here, from] = [hidden("div", "here"), hidden("div", "from")];
  const most = element("span", "most");
  const box = { viewBox: `0 -1 ${steps} 2`, preserveAspectRatio: "none", "aria-hidden": "true" };
  const svg = svgElement("svg", box);
  const [zero, truth, held] = ["zero", "truth", "held"].map((kind) => {
    const path = svgElement("path", { class: kind });
    svg.append(path);
    return path;
  });
  zero.setAttribute("d", `M0 0H${steps}`);
  held.style.stroke = model.color;
  well.append(svg, from, here);
  const label = element("span", "name");
  label.append(symbol(name));
  block.append(label, well, most);
  const hold = (answer) => {
    const all = answer ? [...model.series[name], ...answer.series[name]] : model.series[name];
    const limit = all.reduce((best, value) => Math.max(best, Math.abs(value)), 1e-9);
    truth.setAttribute("d", pathOf(model.series[name], limit, 0));
    held.setAttribute("d", answer ? pathOf(answer.series[name], limit, answer.start) : "");
    truth.classList.toggle("behind", answer !== null);
    truth.style.stroke = answer ? "" : model.color;
    most.textContent = minus(`±${Number(limit.toPrecision(2))}`);
    mark(from, answer && Math.max(0, answer.start), steps);
  };
  return { block, hold, show: (t) => mark(here, t, steps) };
}

function mark(line, t, steps) {
  line.hidden = t === null;
  if (t !== null)
    Object.assign(line.style, { left: `${(100 * t) / steps}%`, width: `${100 / steps}%` });
}

// States after token t stand at its middle
function pathOf(states, limit, start) {
  const points = [];
  for (let t = Math.max(0, start); t < states.length - 1; t++) {
    points.push(`${t + 0.5} ${-states[t + 1] / limit}`);
  }
  return points.length > 1 ? `M${points.join("L")}` : `M${points}h.5`;
}
