// One unit of a cell: its circuit with a number on each wire, and its equations. What is touched in
// one lights up in the other.

import { CIRCUITS, valuesAt, written } from "./cell_circuit.js";
import { equation, symbol } from "./cell_equations.js";
import { digits, element, minus, svgElement } from "./dom.js";
import { colorAt } from "./heatmaps_colors.js";

const OTHER = { scale: "diverging", lo: -1, hi: 1, by_tanh: true }; // of numbers without a strip
const WIDE = 16; // of a pipe, and of a valve that is open

// What it says when nothing is touched, and what its keys do
const ON_PAGE = {
  touch: "Touch a part of the circuit, or of an equation, to see both light up.",
  keys: "Left and right move over the tokens, up and down over the parts, Enter holds a part.",
};

export function unitView(model, tables, words = ON_PAGE) {
  const circuit = CIRCUITS[model.kind];
  const parts = { model, circuit, tables, words, colours: [], numbers: [], valves: [], lines: [] };
  const svg = drawCircuit(parts);
  const equations = element("div", "equations");
  equations.append(...circuit.equations.map((line) => equation(parts, line)));
  const says = element("p", "says");
  const light = (part) => lightUp(parts, svg, equations, says, part);
  svg.light = light;
  for (const area of [svg, equations]) followParts(area, svg, light);
  light(null);
  const show = (t, token, series, hold) => showNumbers(parts, svg, t, token, series, hold);
  return { svg, equations, says, show, parts: Object.keys(circuit.says) };
}

// The circuit

function drawCircuit(parts) {
  const { circuit } = parts;
  const [width, height] = circuit.box;
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, class: "circuit" });
  const add = (kind, part, attributes, words = "") => {
    const made = svgElement(kind, attributes);
    if (part) made.dataset.part = part;
    made.textContent = words;
    svg.append(made);
    return made;
  };
  for (const [part, d] of circuit.thin) add("path", part, { class: "thin", d });
  for (const [, part, d] of circuit.pipes) add("path", part, { class: "pipe", d });
  for (const [of, part, d] of circuit.pipes) {
    parts.colours.push([of, "stroke", add("path", part, { class: "flow", d })]);
  }
  for (const [of, x, y] of circuit.arrows) {
    const d = `M${x} ${y - 10}L${width} ${y}L${x} ${y + 10}Z`;
    parts.colours.push([of, "fill", add("path", of, { class: "arrow", d })]);
  }
  for (const valve of circuit.valves) parts.valves.push(drawValve(valve, add));
  for (const [part, x, y, name] of circuit.boxes) drawBox(part, x, y, name, add);
  for (const [part, x, y] of circuit.sums) {
    add("circle", part, { class: "node", cx: x, cy: y, r: 13 });
    add("path", part, { class: "sign", d: `M${x - 6} ${y}H${x + 6}M${x} ${y - 6}V${y + 6}` });
  }
  for (const [part, of, x, y] of circuit.labels) {
    const label = add("text", part, { class: "label", x, y });
    parts.numbers.push([of, labelled(of, label), short]);
  }
  for (const [part, of, x, y] of circuit.products) {
    parts.numbers.push([of, add("text", part, { class: "label product", x, y }), short]);
  }
  const [x, y] = circuit.input;
  parts.token = labelled("x", add("text", "x", { class: "label", x, y }));
  return svg;
}

function drawBox(part, x, y, name, add) {
  const width = name.length > 2 ? 46 : 28;
  add("rect", part, { class: "node", x: x - width / 2, y: y - 14, width, height: 28, rx: 6 });
  const label = add("text", part, { class: "function", x, y: y + 5 }, name);
  label.classList.toggle("matrix", name === "U" || name === "W");
}

// A valve: two jaws in a housing, and between them the opening, as wide as the gate's value
function drawValve({ of, share, from, at, upright }, add) {
  const transform = `translate(${at})${upright ? " rotate(90)" : ""}`;
  const box = { transform, x: -11, y: -19, width: 22, height: 38, rx: 5 };
  add("rect", of, { class: "housing", ...box });
  const opening = add("rect", of, { class: "opening", transform, x: -11, width: 22 });
  const jaws = [0, 1].map(() => add("rect", of, { class: "jaw", transform, x: -9, width: 18 }));
  add("rect", of, { class: "frame", ...box });
  return { of, share, from, opening, jaws };
}

function setValve({ opening, jaws: [upper, lower] }, value) {
  const open = WIDE * Math.min(1, Math.max(0, value));
  const set = (rect, y, height) => {
    rect.setAttribute("y", y);
    rect.setAttribute("height", height);
  };
  set(opening, -open / 2, open);
  set(upper, -17, 17 - open / 2);
  set(lower, open / 2, 17 - open / 2);
}

// Write a name in an SVG text, its indices below the line; the place of its number
function labelled(name, label) {
  let below = 0;
  const span = (className, text, shift, more = {}) => {
    const made = svgElement("tspan", { class: className, dy: shift - below, ...more });
    below = shift;
    made.textContent = text;
    label.append(made);
    return made;
  };
  written(name).forEach((text, n) => {
    if (text) span(n % 2 ? "index" : "letter", text, n % 2 ? 3 : 0);
  });
  return span("number", "", 0, { dx: 5 });
}

// Light

function followParts(area, svg, light) {
  const part = (event) => event.composedPath()[0].closest?.("[data-part]")?.dataset.part ?? null;
  area.onpointerover = (event) => light(part(event) ?? svg.chosen ?? null);
  area.onpointerleave = () => light(svg.chosen ?? null);
  area.onclick = (event) => {
    const touched = part(event);
    svg.chosen = touched === svg.chosen ? null : touched;
    light(svg.chosen);
  };
}

function lightUp({ circuit, words }, svg, equations, says, part) {
  svg.lit = part;
  svg.classList.toggle("dimmed", part !== null);
  for (const each of [
    ...svg.querySelectorAll("[data-part]"),
    ...equations.querySelectorAll("[data-part]"),
  ]) {
    each.classList.toggle("lit", each.dataset.part === part);
  }
  const lines = [...equations.children];
  const own = lines.filter((line) => line.dataset.defines === part);
  const using = lines.filter((line) => line.querySelector(".lit"));
  for (const line of lines) {
    line.classList.toggle("lit", part !== null && (own.length ? own : using).includes(line));
  }
  says.replaceChildren();
  if (part === null) {
    says.append(element("span", "muted", words.touch));
  } else says.append(symbol(part), " ", circuit.says[part]);
}

// The numbers

// A number in the circuit, where there is little room
function short(value) {
  const text = Math.abs(value) < 99.95 ? value.toFixed(2) : value.toPrecision(3);
  return text === "-0.00" ? "0.00" : minus(text);
}

// `hold`: what is held at this token, name -> value, and null where nothing is. Numbers that differ
// from those without it stand out.
function showNumbers(parts, svg, t, token, series, hold) {
  const { model, tables } = parts;
  const values = valuesAt(model, series, t);
  const others = hold && valuesAt(model, model.series, t);
  for (const [of, attribute, shape] of parts.colours) {
    shape.style[attribute] = colourOf(model, of, values[of], tables);
  }
  for (const valve of parts.valves) {
    setValve(valve, values[valve.share]);
    valve.opening.style.fill = colourOf(model, valve.from, values[valve.from], tables);
    for (const jaw of valve.jaws) {
      jaw.style.fill = colourOf(model, valve.of, values[valve.share], tables);
    }
  }
  for (const [of, place, write] of parts.numbers) {
    place.textContent = write(values[of]);
    place.classList.toggle("changed", Boolean(others) && values[of] !== others[of]);
  }
  for (const [name, line, words] of parts.lines) {
    const isHeld = Boolean(hold?.has(name));
    line.classList.toggle("is-held", isHeld);
    words.textContent = isHeld ? `= ${digits(hold.get(name))}, held` : "";
  }
  parts.token.textContent = token;
  svg.setAttribute("aria-label", spoken(parts, values, token));
}

function colourOf(model, of, value, tables) {
  const panel = model.strips[of.replace("_prev", "")] ?? OTHER;
  return colorAt(panel, value, tables[panel.scale]);
}

function spoken({ circuit, model, words }, values, token) {
  const told = circuit.equations.map((line) => line.split(" ")[0]);
  const numbers = told.map((name) => `${name} ${digits(values[name])}`).join(", ");
  return `${model.label} circuit of unit ${model.unit} at “${token}”: ${numbers}. ${words.keys}`;
}
