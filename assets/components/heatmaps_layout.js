// What stands on the page for a message of heatmaps: texts, a legend of the colours, and for each
// model its panels.

import { element, hidden, makeFocusable, minus, modelHeader, spokenLine } from "./dom.js";
import { colorTables, css, paintedCanvas } from "./heatmaps_colors.js";
import { textBlock } from "./tokens.js";

// Draws everything into `root` and returns the parts that the cursor moves on
export function layOut(root, view) {
  const tables = colorTables(view.scales, root);
  const legend = legendOf(view);
  const keys = "arrow keys move the cursor, Enter pins it, Escape clears";
  const texts = view.texts.map((text, k) => textBlock(text, k, tables[text.scale], keys));
  const models = view.models.map((model, m) => modelBlock(model, m, view, tables, legend));
  const sections = element("div", "models");
  sections.append(...models.map((model) => model.block));
  const body = element("div", "body");
  body.append(...texts, legendRow(legend, tables), sections);
  const tip = hidden("div", "tip");
  const spoken = spokenLine();
  root.onfocusout = null; // removing the old children must not count as leaving
  root.replaceChildren(body, tip, spoken);
  return { texts, models, tables, tip, spoken };
}

// An end of a scale, as short as it can be
const end = (scale, value) =>
  minus(scale === "log" ? (10 ** value).toExponential(0) : String(Number(value.toPrecision(3))));

// The legend

// For each scale in use its ends and the symbols it colours; mixed: panels differ in their ends
function legendOf(view) {
  const found = new Map();
  const coloured = view.texts.filter((text) => text.values);
  const panels = view.models.flatMap((model) => model.panels);
  for (const { scale, lo, hi, symbol, name, by_tanh: byTanh } of [...coloured, ...panels]) {
    if (!found.has(scale)) found.set(scale, { lo, hi, mixed: false, symbols: new Map() });
    const entry = found.get(scale);
    entry.mixed ||= lo !== entry.lo || hi !== entry.hi;
    if (symbol) entry.symbols.set(byTanh ? `tanh(${symbol})` : symbol, name);
  }
  return found;
}

function legendRow(legend, tables) {
  const row = element("div", "legend");
  for (const [scale, { lo, hi, mixed, symbols }] of legend) {
    const entry = element("span", "scale");
    const bar = element("i", "bar");
    bar.style.backgroundImage = `linear-gradient(to right, ${tables[scale].map(css)})`;
    for (const [name, those] of byName(symbols)) {
      const meaning = element("span", "meaning", name);
      meaning.prepend(element("em", "", those.join(" ")));
      entry.append(meaning);
    }
    const colours = element("span", "colours", mixed ? "low" : end(scale, lo));
    colours.append(bar, mixed ? "high" : end(scale, hi));
    entry.append(colours);
    row.append(entry);
  }
  return row;
}

// The symbols of each name: both candidates, of LSTM and GRU, share theirs
function byName(symbols) {
  const found = new Map();
  for (const [symbol, name] of symbols) found.set(name, [...(found.get(name) ?? []), symbol]);
  return found;
}

// The models. Each takes the share of a row that its panels take; what is left of the row is divided.

function modelBlock(model, m, view, tables, legend) {
  const block = element("section", "model");
  const grid = element("div", "grid");
  const count = model.panels.length;
  const rowOf = (columns) => Math.min(1, count / (columns * view.beside));
  const sizes = {
    "--columns": Math.min(count, view.columns),
    "--share": rowOf(view.columns),
    "--narrow-columns": Math.min(count, 2),
    "--narrow-share": rowOf(Math.min(2, view.columns)),
  };
  for (const [name, size] of Object.entries(sizes)) block.style.setProperty(name, size);
  const names = model.panels.map((panel) => `${panel.symbol} ${panel.name}`).join(", ");
  const keys = "arrow keys move over tokens and units, Enter selects the unit, Escape clears";
  makeFocusable(grid, `${model.label}, heatmaps of ${names}; ${keys}`);
  const panels = model.panels.map((panel, p) => {
    const { mixed } = legend.get(panel.scale);
    const drawn = panelBlock(panel, model, view, tables[panel.scale], mixed);
    Object.assign(drawn.area, { model: m, panel: p }); // what the pointer is over: see `hit`
    return drawn;
  });
  grid.append(...panels.map((panel) => panel.figure));
  block.append(modelHeader(model), grid);
  return { block, grid, panels };
}

// A panel with its axes. Lines over its area mark the cursor's column and row and the chosen row.
function panelBlock(panel, model, view, table, withRange) {
  const { units } = model;
  const { tokens } = view.texts[model.text];
  const losses = model.row !== "unit"; // a row is the loss after a token
  const figure = element("figure");
  figure.style.setProperty("--rows", units.length);
  figure.classList.toggle("pairs", losses);
  const caption = element("figcaption");
  caption.append(element("em", "", panel.symbol), element("span", "name", panel.name));
  const range = `${end(panel.scale, panel.lo)} … ${end(panel.scale, panel.hi)}`;
  const coloured = panel.by_tanh ? `colour: tanh(${panel.symbol})` : "";
  const note = [coloured, withRange ? range : ""].filter(Boolean).join(", ");
  if (note) caption.append(element("span", "range", note));
  const area = element("div", "area");
  const [column, row, chosen] = ["column", "row", "chosen"].map((name) => hidden("div", name));
  const canvas = paintedCanvas(panel, tokens.length, units.length, view.codes, table);
  area.append(canvas, column, row, chosen);
  const down = losses ? someOf(tokens) : [units[0], units.at(-1)];
  const along = losses ? someOf(tokens) : [1, tokens.length];
  figure.append(caption, axis("units", down, `${model.row.split(" ")[0]} →`), area);
  figure.append(axis("tokens", along, "token →"));
  return { figure, area, column, row, chosen };
}

// Ticks evenly from one end to the other, the title behind the first
function axis(name, [first, ...others], title) {
  const line = element("div", `axis ${name}`);
  line.setAttribute("aria-hidden", "true");
  const start = element("span", "", first);
  start.append(element("span", "axis-title", title));
  const more = others.at(-1) === first ? [] : others;
  line.append(start, ...more.map((text) => element("span", "", text)));
  return line;
}

// At most five tokens with their numbers, evenly from the first to the last
function someOf(tokens) {
  const count = Math.min(tokens.length, 5);
  const places = Array.from({ length: count }, (_, n) =>
    Math.round((n * (tokens.length - 1)) / Math.max(1, count - 1)),
  );
  return places.map((i) => `${i + 1} ${[...tokens[i]].slice(0, 6).join("")}`);
}
