// The tokens of a text on the stage: as one line, as rows, or as windows with a gap before each.

import { element, svgElement } from "./dom.js";
import { placeOf } from "./windows_cut.js";

const NARROW = 12; // pixels, the least width of a token
const WIDE = 30; // the most
const GUTTER = 54; // for the names of rows
const TOP = 22; // for the numbers of windows
const LINE = 30; // the height of the one line
const TALL = 38; // the most height of a row
const BODY = 160; // of all rows
const GAP = { most: 24, least: 16 }; // between windows
const NAME_WIDTH = 78; // of "window 10" and the scissors beside it
const NUMBER_WIDTH = 42; // of a number and the scissors; without them a number fits any window
const PITCH = 56; // between the lines of a text that is too long for one
const AIM = 6; // before the last target, which is in no window

export function newCells(tokens) {
  return tokens.map((token, i) => Object.assign(element("bdi", "cell", token), { index: i }));
}

// Put all tokens in their places; what is not a token is drawn into the picture behind them
export function drawStage({ stage, canvas, picture, cells, choice, cut }) {
  const place = geometryOf(choice.view, cut, stage.clientWidth);
  for (const [i, cell] of cells.entries()) {
    const [x, y, width] = place.at(i);
    cell.style.transform = `translate(${x}px, ${y}px)`;
    cell.style.width = `${width - 1}px`;
    cell.style.height = `${place.high - 2}px`;
    describe(cell, i, cut, choice);
  }
  Object.assign(canvas.style, { width: `${place.width}px`, height: `${place.height}px` });
  picture.setAttribute("width", place.width);
  picture.setAttribute("height", place.height);
  picture.replaceChildren(...drawn(choice, cut, place));
}

// What a token is: read in a row and a window, the last target, or left over
function describe(cell, i, cut, choice) {
  const { samples, used } = cut;
  const isRead = i < used;
  const place = isRead ? placeOf(cut, i) : {};
  cell.className = isRead
    ? `cell of-${place.row}`
    : samples && i === used
      ? "cell aim"
      : "cell off";
  const isLit = isRead && place.sample === choice.window - 1;
  cell.classList.toggle("lit", isLit);
  cell.classList.toggle("chosen", isLit && place.row === choice.row);
  for (const name of ["row", "sample", "step"]) {
    if (isRead) cell.setAttribute(`data-${name}`, place[name]);
    else cell.removeAttribute(`data-${name}`);
  }
}

// Where everything is, in pixels: `at(i)` gives left, top and width of a token
function geometryOf(view, cut, room) {
  return view === "line" ? lineOf(cut, room) : rowsOf(cut, room, view === "windows");
}

const between = (value, least, most) => Math.min(most, Math.max(least, value));

function lineOf({ count }, room) {
  const wide = between(room / count, NARROW, WIDE);
  const most = Math.max(1, Math.floor((room + 0.5) / wide));
  const at = (i) => [(i % most) * wide, PITCH - LINE + Math.floor(i / most) * PITCH, wide];
  const height = Math.ceil(count / most) * PITCH;
  return { at, high: LINE, width: Math.min(count, most) * wide, height };
}

function rowsOf(cut, room, isCut) {
  const { rows, length, samples, used, leftOver } = cut;
  const columns = samples * length + 1; // the last target stands behind the last row
  const gaps = isCut ? samples : 0; // and one before it
  const fit = (gap) => (room - GUTTER - gap * gaps) / columns;
  const gap = isCut ? (fit(GAP.most) < NARROW ? GAP.least : GAP.most) : 0;
  const wide = between(fit(gap), NARROW, WIDE);
  const high = Math.min(TALL, BODY / rows);
  const left = (column) => GUTTER + column * wide + Math.floor(column / length) * gap;
  const last = left(columns - 1) - gap + (isCut ? AIM : 0);
  const bottom = TOP + (samples ? rows * high + 10 : 0);
  const trayWide = between((room - GUTTER) / Math.max(1, leftOver), NARROW, wide);
  const perLine = Math.max(1, Math.floor((room - GUTTER + 0.5) / trayWide));
  const at = (i) => {
    if (i < used) {
      const { row, column } = placeOf(cut, i);
      return [left(column), TOP + row * high, wide];
    }
    if (samples && i === used) return [last, TOP + (rows - 1) * high, wide];
    const n = i - (samples ? used + 1 : 0);
    const [x, line] = [n % perLine, Math.floor(n / perLine)];
    return [GUTTER + x * trayWide, bottom + line * high, trayWide];
  };
  const height = bottom + Math.ceil(leftOver / perLine) * high;
  const width = Math.max(last + wide + 2, GUTTER + Math.min(leftOver, perLine) * trayWide);
  return { at, high, gap, wide, left, bottom, width, height, isCut };
}

const words = (name, x, y, text) => svgElement("text", { class: name, x, y }, text);

function drawn(choice, cut, place) {
  if (choice.view === "line") return stretches(cut, place);
  const middle = place.high / 2 + 4;
  const found = [];
  for (let row = 0; cut.samples && row < cut.rows; row++)
    found.push(words("name", 0, TOP + row * place.high + middle, `row ${row + 1}`));
  if (cut.leftOver) found.push(words("name", 0, place.bottom + middle, "fell off"));
  if (place.isCut)
    for (let n = 0; n < cut.samples; n++) found.push(...windowParts(n, choice, cut, place));
  return found;
}

// In the one line: where each row begins, and what falls off
function stretches({ rows, length, samples, used, leftOver, count }, { at }) {
  const found = [];
  const name = (i, size, text) => {
    const [x, y, wide] = at(i);
    if (size * wide > 8 * text.length) found.push(words("name", x, y - 7, text));
  };
  for (let row = 0; samples && row < rows; row++)
    name((row * used) / rows, samples * length, `row ${row + 1}`);
  if (leftOver) name(count - leftOver, leftOver, "fell off");
  return found;
}

function windowParts(n, choice, { rows, length, samples }, { left, wide, gap, high }) {
  const x = left(n * length);
  const width = length * wide;
  const isShown = n === choice.window - 1;
  const found = [];
  const pitch = width + gap;
  const name = pitch > NAME_WIDTH ? `window ${n + 1}` : `${n + 1}`;
  found.push(words(isShown ? "number shown" : "number", x + width / 2, TOP - 8, name));
  if (isShown)
    found.push(
      svgElement("rect", {
        class: "frame",
        x: x - 3,
        y: TOP - 3,
        width: width + 5,
        height: rows * high + 4,
        rx: 4,
      }),
    );
  if (n === samples - 1) return found;
  const cut = x + width + gap / 2 - 0.5;
  if (pitch > NUMBER_WIDTH) found.push(scissors(cut, TOP - 11));
  found.push(svgElement("path", { class: "border", d: `M${cut} ${TOP - 3}V${TOP + rows * high}` }));
  for (let row = 0; row < rows; row++) {
    const y = TOP + (row + 0.5) * high - 1;
    found.push(stateArrow(x + width + 2, x + width + gap - 5, y));
  }
  return found;
}

// A thin arrow to the right: a state that is handed on
export function stateArrow(from, to, y) {
  const d = `M${from} ${y}H${to}M${to - 4} ${y - 4}L${to} ${y}L${to - 4} ${y + 4}`;
  return svgElement("path", { class: "state", d });
}

// An open pair of scissors with its middle at a point: what no gradient crosses
export function scissors(x, y) {
  const group = svgElement("g", { class: "scissors", transform: `translate(${x} ${y})` });
  for (const side of [-1, 1])
    group.append(
      svgElement("circle", { cx: 3.5 * side, cy: 5, r: 2.2 }),
      svgElement("path", { d: `M${2.2 * side} 3L${-3.4 * side} -8` }),
    );
  return group;
}
