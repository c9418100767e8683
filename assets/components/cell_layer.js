// A step of a whole layer: each wire of the circuit is a strip with a colour for each unit.

import { CIRCUITS } from "./cell_circuit.js";
import { symbol } from "./cell_equations.js";
import { clamp, digits, element, floatBeside, hidden } from "./dom.js";
import { paintedCanvas, valueAt } from "./heatmaps_colors.js";

// `codes`: of all models. `onChoose(unit)`: a click chose a unit.
export function layerView(model, codes, tables, onChoose) {
  const block = element("div", "strips");
  const rows = CIRCUITS[model.kind].strips.map(([sign, name]) => strip(sign, name));
  const tip = hidden("div", "tip");
  const lines = ["over", "own"].map((name) => hidden("div", name));
  const wells = element("div", "marks");
  wells.append(...lines);
  rows.forEach(({ cells }, n) => {
    cells.forEach((cell, k) => {
      cell.style.gridArea = `${n + 1} / ${k + 1}`;
    });
  });
  wells.style.gridArea = `1 / 3 / span ${rows.length}`;
  const own = `Each column is a unit; dashed: unit ${model.unit}. `;
  const reads = element("p", "reads", own + CIRCUITS[model.kind].reads);
  block.append(...rows.flatMap(({ cells }) => cells), wells, tip, reads);
  const [over, chosen] = lines;
  markUnit(chosen, model.units.indexOf(model.unit), model.units.length);
  const parts = { model, codes, tables, rows, wells, over, tip, t: 0 };
  followUnits(parts, onChoose);
  const show = (t) => {
    parts.t = t;
    for (const row of rows) paint(parts, row);
  };
  return { block, tip, show };
}

function strip(sign, name) {
  const well = element("div", "strip");
  const label = element("span", "name");
  label.append(symbol(name));
  return { name, well, cells: [element("span", "sign", sign), label, well] };
}

function markUnit(line, place, count) {
  line.hidden = place < 0;
  line.style.left = `${(100 * place) / count}%`;
  line.style.width = `${100 / count}%`;
}

// The panel of a name at token t: one row of codes. Before the first token all states are 0.
function panelAt({ model, t }, name) {
  const before = name.endsWith("_prev");
  const panel = model.strips[name === "not_z" ? "z" : name.replace("_prev", "")];
  const row = before ? t - 1 : t;
  const ends = name === "not_z" ? { lo: panel.hi, hi: panel.lo } : {};
  return { ...panel, ...ends, offset: row < 0 ? null : panel.offset + row * model.units.length };
}

function paint(parts, { name, well }) {
  const { model, codes, tables } = parts;
  const panel = panelAt(parts, name);
  const count = model.units.length;
  well.classList.toggle("empty", panel.offset === null);
  if (panel.offset === null) well.replaceChildren();
  else well.replaceChildren(paintedCanvas(panel, count, 1, codes, tables[panel.scale]));
}

// The unit under the pointer, and what a click does

function followUnits(parts, onChoose) {
  const { model, wells, over, tip } = parts;
  const place = ({ clientX }) => {
    const { left, width } = wells.getBoundingClientRect();
    return clamp(Math.floor(((clientX - left) / width) * model.units.length), model.units.length);
  };
  wells.onpointermove = (event) => {
    const at = place(event);
    markUnit(over, at, model.units.length);
    tip.replaceChildren(element("div", "muted", `unit ${model.units[at]}`), ...lines(parts, at));
    tip.hidden = false;
    floatBeside(tip, event);
  };
  wells.onpointerleave = () => {
    over.hidden = true;
    tip.hidden = true;
  };
  wells.onclick = (event) => onChoose(model.units[place(event)]);
}

function lines(parts, at) {
  return parts.rows.map(({ name }) => {
    const panel = panelAt(parts, name);
    const value = panel.offset === null ? 0 : valueAt(panel, parts.codes[panel.offset + at]);
    const line = element("div", "value");
    line.append(symbol(name), ` = ${digits(name === "not_z" ? 1 - value : value)}`);
    return line;
  });
}
