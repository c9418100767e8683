// The cursor of heatmaps: a place in the raw text, which every text and heatmap marks at its own
// token, and perhaps a row and panel of one model. A tip beside it says what is there.

import { announce, digits, element, floatBeside, speak } from "./dom.js";
import { tintByLoss, valueAt, ZERO } from "./heatmaps_colors.js";
import { markToken, tokenAt } from "./tokens.js";

export const NO_CELL = { model: null, row: null, panel: null };
export const NOWHERE = { place: null, ...NO_CELL };

export function cursorOf(parts) {
  const at = keptCursor(parts);
  const { root } = parts;
  let anchor = null; // where the tip goes: to a pointer event, to the cursor's own "cell", nowhere
  let waiting = false;
  const draw = () => {
    waiting = false;
    drawCursor(parts, at);
    drawTip(parts, at, anchor);
  };
  const move = (change, to) => {
    Object.assign(at, change); // before the frame: two keys may come within one
    anchor = to;
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
  // As `move`, and the other components of the page mark the same place
  const show = (change, to) => {
    move(change, to);
    announce("place", { root, place: at.place });
  };
  const leave = () => show({ ...NOWHERE, place: root.pinned }, null);
  return { at, move, show, leave };
}

// The root keeps the cursor and the pinned place while new data has the same text
function keptCursor({ root, view }) {
  const written = JSON.stringify(view.texts.map((text) => text.tokens));
  if (root.written !== written) {
    Object.assign(root, { written, pinned: null, cursor: { ...NOWHERE } });
  }
  const { cursor } = root;
  if (!(cursor.row < view.models[cursor.model]?.units.length)) Object.assign(cursor, NO_CELL);
  return cursor;
}

function drawCursor({ root, view, texts, models, tables }, at) {
  view.texts.forEach((text, k) => {
    markToken(texts[k], text, at.place, root.pinned);
  });
  view.models.forEach((model, m) => {
    const text = view.texts[model.text];
    const token = tokenAt(text, at.place);
    for (const panel of models[m].panels) {
      mark(panel.column, token, text.tokens.length, true);
      mark(panel.row, m === at.model ? at.row : null, model.units.length);
    }
    if (model.row !== "unit" && m === (at.model ?? 0)) {
      tintByLoss(texts[model.text], model, view.codes, at.row, tables[model.panels[0].scale]);
    }
  });
}

// Put a line over row (or column) n of `count`, or hide it
export function mark(line, n, count, across = false) {
  line.hidden = n === null || n < 0;
  if (line.hidden) return;
  line.style[across ? "left" : "top"] = `${(100 * n) / count}%`;
  line.style[across ? "width" : "height"] = `${100 / count}%`;
}

// The tip beside the pointer or the keyboard's cursor

function drawTip({ view, texts, models, tip, spoken }, at, anchor) {
  const lines = anchor ? describe(at, view) : [];
  const byKey = anchor === "cell";
  tip.hidden = !lines.length;
  if (lines.length) {
    tip.replaceChildren(...lines);
    floatBeside(tip, byKey ? corner(texts[at.text], models[at.model]) : anchor);
  }
  if (byKey) speak(spoken, lines);
}

// Where the keyboard's cursor is: the cell in a model's first panel, or the token in the text
function corner(text, model) {
  const across = (model?.panels[0]?.column ?? text.marked).getBoundingClientRect();
  const down = model?.panels[0]?.row.getBoundingClientRect() ?? across;
  return { clientX: across.right, clientY: down.bottom };
}

function describe(at, view) {
  const text = view.texts[at.text];
  const i = tokenAt(text, at.place);
  const first = element("div", "", `token ${i + 1} of ${text.tokens.length}: `);
  first.append(element("bdi", "quoted", text.tokens[i]));
  const model = view.models[at.model];
  if (model && !counts(model, at.row, text, view)) {
    return [
      first,
      rowLine(model, at.row, text),
      element("div", "muted", "This loss does not count."),
    ];
  }
  if (model) return [first, rowLine(model, at.row, text), ...valueLines(model, at, i, text, view)];
  const value = text.values?.[i] ?? null;
  if (value !== null) return [first, element("div", "", `value ${digits(value)}`)];
  return text.values ? [first, element("div", "muted", "This token does not count.")] : [first];
}

// Whether a row is that of a unit, or of a loss that the model is judged by: others are left empty
function counts({ row: kind, panels: [panel] }, row, { tokens }, view) {
  const start = panel.offset + row * tokens.length;
  return (
    kind === "unit" ||
    view.codes.subarray(start, start + tokens.length).some((code) => code !== ZERO)
  );
}

function rowLine(model, row, text) {
  const line = element("div", "muted", `${model.label}, ${model.row} ${model.units[row]}`);
  if (model.row !== "unit") line.append(": ", element("bdi", "", text.tokens[row]));
  return line;
}

// The value of each panel of a model in one cell
function valueLines(model, { row, panel: under }, i, text, view) {
  return model.panels.map((panel, p) => {
    const code = view.codes[panel.offset + row * text.tokens.length + i];
    const line = element("div", p === under ? "value here" : "value");
    line.append(element("em", "", panel.symbol));
    const nothing = panel.scale === "log" && code === ZERO;
    const small = i > row ? " = 0, it comes later" : ` < ${digits(valueAt(panel, ZERO + 1))}`;
    line.append(nothing ? small : ` = ${digits(valueAt(panel, code))}`);
    return line;
  });
}
