// One row of the chosen window: its inputs, below each its target, and the state that comes in and
// goes out.

import { element, svgElement } from "./dom.js";
import { firstOf, placeOf } from "./windows_cut.js";
import { scissors, stateArrow } from "./windows_stage.js";

const ARROW = { width: 76, height: 28, y: 14 };

export function drawPair({ pair, which, tokens, choice, cut }) {
  const { samples, length, rows } = cut;
  pair.hidden = !samples;
  which.replaceChildren();
  if (!samples) return;
  which.append(
    element("b", "", `Window ${choice.window} of ${samples}, row ${choice.row + 1} of ${rows}. `),
    cameFrom(choice),
  );
  const first = firstOf(cut, choice.window - 1, choice.row);
  const steps = Array.from({ length }, (_, step) => first + step);
  const lines = element("div", "lines");
  lines.style.setProperty("--steps", length);
  lines.append(...steps.map((i) => cellOf("input", i, tokens, cut)));
  lines.append(...steps.map((i) => cellOf("target", i + 1, tokens, cut)));
  lines.lastChild.classList.add("ahead");
  const names = element("div", "names");
  names.append(element("span", "", "input"), element("span", "", "target"));
  pair.replaceChildren(names, comesIn(choice), lines, goesOut(choice, samples));
}

function cellOf(name, i, tokens, cut) {
  const of = i < cut.used ? `of-${placeOf(cut, i).row}` : "aim";
  return element("bdi", `cell ${name} ${of}`, tokens[i]);
}

const cameFrom = ({ window }) =>
  window > 1
    ? `Its h is that after window ${window - 1}, detached: no gradient goes back through it.`
    : "An epoch begins: h is 0.";

const comesIn = ({ window }) =>
  window > 1 ? state(`from window ${window - 1}`, true) : state("h = 0", false);

const goesOut = ({ window }, samples) =>
  window < samples ? state(`to window ${window + 1}`, true) : state("epoch ends", false);

// What is said of a state, below its arrow; one that was handed on is detached
function state(said, isCut) {
  const block = element("div", "carried");
  const arrow = svgElement("svg", { width: ARROW.width, height: ARROW.height });
  arrow.append(stateArrow(2, ARROW.width - 4, ARROW.y));
  if (isCut) {
    const x = ARROW.width / 2 - 2;
    arrow.append(svgElement("path", { class: "border", d: `M${x} 8V28` }), scissors(x, 0));
  }
  block.append(arrow, element("span", "", said));
  return block;
}
