// The states of the columns in view on a canvas, and arrows over it: grey ones carry values forward,
// coloured ones the gradient back.

import { svgElement } from "./dom.js";
import { css } from "./heatmaps_colors.js";
import { centerOf } from "./shapes_layout.js";

const WIDTH = { most: 12, decade: 2, least: 1 }; // pixels of an arrow back
const THICK = 8; // of the arrow from the encoder to the decoder
const PALE = 0.3;

// As wide as two pixels a decade, the widest for the largest gradient
export const gradientWidth = ({ gradients }, log10) =>
  Math.max(WIDTH.least, WIDTH.most + WIDTH.decade * (log10 - gradients.most));

export const columnsShown = ({ place, first }) =>
  Array.from({ length: place.count }, (_, i) => first + i);

export function paintStates(parts, table) {
  const { view, place, step, canvas } = parts;
  const scale = globalThis.devicePixelRatio || 1;
  const size = { width: place.width, height: place.bottom };
  Object.assign(canvas, { width: size.width * scale, height: size.height * scale });
  Object.assign(canvas.style, { width: `${size.width}px`, height: `${size.height}px` });
  const paint = canvas.getContext("2d");
  paint.scale(scale, scale);
  const { width, height } = place.strip;
  const row = height / view.units;
  for (const n of columnsShown(parts)) {
    const at = view.columns[n].state;
    if (at === null) continue;
    paint.globalAlpha = n > step ? PALE : 1;
    const x = centerOf(parts, n) - width / 2;
    for (let unit = 0; unit < view.units; unit++) {
      paint.fillStyle = css(table[view.codes[at * view.units + unit] + 128]);
      paint.fillRect(x, place.top + unit * row, width, Math.min(row + 0.3, height - unit * row));
    }
  }
}

export function drawArrows(parts) {
  const { place, step, picture } = parts;
  picture.setAttribute("width", place.width);
  picture.setAttribute("height", place.bottom);
  const drawn = [band(parts), ...rowNames(parts), ...brackets(parts)];
  for (const n of columnsShown(parts)) {
    const made = [
      ...stateBox(parts, n),
      ...upward(parts, n),
      ...along(parts, n),
      ...lossMark(parts, n),
    ];
    if (n > step) for (const each of made) each.classList.add("pale");
    drawn.push(...made);
  }
  picture.replaceChildren(...drawn);
}

// Behind the current column
function band(parts) {
  const { place, step } = parts;
  const x = centerOf(parts, step) - place.column / 2;
  const size = { width: place.column, height: place.bottom - place.parts, rx: 6 };
  return svgElement("rect", { class: "band", x, y: place.parts, ...size });
}

function rowNames({ view, place }) {
  const name = (y, text) => svgElement("text", { class: "name", x: place.names, y }, text);
  const names = [];
  if (view.hasOutputs) names.push(name(place.output + 19, "output"));
  if (view.hasStates) names.push(name(place.top + place.strip.height / 2 + 5, "state"));
  return [...names, name(place.input + place.picture / 2 + 5, "input")];
}

// Over the columns of the encoder, and over those of the decoder
function brackets(parts) {
  const { view, place } = parts;
  const shown = columnsShown(parts);
  return ["encoder", "decoder"].flatMap((part) => {
    const of = shown.filter((n) => view.columns[n].part === part);
    if (!of.length) return [];
    const [from, to] = [of[0], of.at(-1)];
    const isOpen = [view.columns[from - 1], view.columns[to + 1]].map((c) => c?.part === part);
    const half = place.column / 2 - 3;
    const [left, right] = [centerOf(parts, from) - half, centerOf(parts, to) + half];
    const d = `M${left} ${isOpen[0] ? 20 : 25}V20H${right}V${isOpen[1] ? 20 : 25}`;
    const text = { class: "part", x: (left + right) / 2, y: 14 };
    return [svgElement("path", { class: "bracket", d }), svgElement("text", text, part)];
  });
}

// An arrow of a width, from one point to another on a level or plumb line
function arrowOf(name, [x0, y0], [x1, y1], width) {
  const length = Math.abs(x1 - x0) + Math.abs(y1 - y0);
  const [half, wide] = [width / 2, width / 2 + 3.5];
  const body = length - Math.min(0.6 * length, 5 + half);
  const turn = x1 > x0 ? 0 : x1 < x0 ? 180 : -90;
  return svgElement("path", {
    class: name,
    d: `M0 ${-half}H${body}V${-wide}L${length} 0L${body} ${wide}V${half}H0Z`,
    transform: `translate(${x0} ${y0}) rotate(${turn})`,
  });
}

// Around the strip of a state, whose values may be as pale as the page
function stateBox(parts, n) {
  const { view, place } = parts;
  if (view.columns[n].state === null) return [];
  const { width, height } = place.strip;
  const x = centerOf(parts, n) - width / 2;
  return [svgElement("rect", { class: "frame", x, y: place.top, width, height, rx: 2 })];
}

// From the input to the state, and from there to the output
function upward(parts, n) {
  const { view, place } = parts;
  const { given, picture, state, said } = view.columns[n];
  const x = centerOf(parts, n);
  const [low, high] = [place.input - 3, place.output + 49];
  const [under, over] = [place.top + place.strip.height + 3, place.top - 3];
  const arrow = (from, to) => arrowOf("flow", [x, from], [x, to], 1.6);
  const [isGiven, isSaid] = [given !== null || picture !== null, said !== null];
  if (state === null) return isGiven && isSaid ? [arrow(low, high)] : [];
  return [...(isGiven ? [arrow(low, under)] : []), ...(isSaid ? [arrow(over, high)] : [])];
}

// From the state before, and what of the gradient goes back to it
function along(parts, n) {
  const { view, place, first } = parts;
  if (!n || view.columns[n].state === null || view.columns[n - 1].state === null) return [];
  const half = place.strip.width / 2 + 3;
  const edge = place.left - 8; // there the columns that are not in view begin
  const [left, right] = [
    n > first ? centerOf(parts, n - 1) + half : edge,
    centerOf(parts, n) - half,
  ];
  const [ahead, behind] = [0.32, 0.76].map((share) => place.top + share * place.strip.height);
  const isHandOver = n === view.decoder;
  const made = isHandOver
    ? [arrowOf("hand-over", [left, ahead], [right, ahead], THICK)]
    : [arrowOf("flow", [left, ahead], [right, ahead], 1.6)];
  const { gradient } = view.columns[n];
  if (gradient !== null)
    made.push(arrowOf("back", [right, behind], [left, behind], gradientWidth(view, gradient)));
  if (isHandOver && n > first) {
    const text = { class: "part", x: (left + right) / 2, y: ahead - 11 };
    made.push(svgElement("text", text, "bottleneck"));
  }
  return [...made, ...onward(parts, n, ahead)];
}

// To the columns that are not in view any more
function onward(parts, n, y) {
  const { view, place, first } = parts;
  const isLast = n === first + place.count - 1;
  if (!isLast || view.columns[n + 1] === undefined || view.columns[n + 1].state === null) return [];
  const x = centerOf(parts, n);
  const from = x + place.strip.width / 2 + 3;
  return [arrowOf("flow", [from, y], [x + place.column / 2, y], 1.6)];
}

function lossMark(parts, n) {
  if (!parts.view.columns[n].loss) return [];
  const [x, y] = [centerOf(parts, n), parts.place.output];
  return [
    svgElement("text", { class: "loss", x, y: y - 9 }, "loss"),
    svgElement("path", { class: "stem", d: `M${x} ${y - 1}V${y - 6}` }),
  ];
}
