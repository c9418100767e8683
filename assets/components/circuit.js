// The circuit of one unit at one token, with what is held. Python packs the data in
// rnnviz/figures/circuit_message.py.
// Tokens are other people's text: they reach the page through textContent alone.

import { choosePart } from "./cell_keys.js";
import { unitView } from "./cell_unit.js";
import {
  element,
  hasModifier,
  makeFocusable,
  modelHeader,
  readHeader,
  redraw,
  spokenLine,
} from "./dom.js";
import { colorTables } from "./heatmaps_colors.js";

const WORDS = {
  touch: "Touch a part of the circuit to see what it does.",
  keys: "Up and down move over the parts.",
};

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const [model] = readHeader(data.slice().buffer); // a copy, because the message may be unaligned
  return redraw(root, "[tabindex]", () => build(root, model));
}

function build(root, model) {
  const unit = unitView(model, colorTables(model.scales, root), WORDS);
  const spoken = spokenLine();
  makeFocusable(unit.svg, "");
  unit.svg.onkeydown = (event) => {
    if (!hasModifier(event) && choosePart(unit, event.key, spoken)) event.preventDefault();
  };
  const note = element("span", "note", `unit ${model.unit}, token ${model.place}`);
  root.replaceChildren(modelHeader(model, note), unit.svg, unit.says, spoken);
  unit.show(0, model.token, model.held_series, new Map(model.held));
}
