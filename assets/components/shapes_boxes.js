// What goes into the columns in view, and what comes out. Tokens are other people's text:
// textContent alone.

import { element, percentText } from "./dom.js";
import { paintPicture } from "./shapes_data.js";
import { columnsShown } from "./shapes_draw.js";
import { centerOf } from "./shapes_layout.js";
import { truthMark } from "./truth_mark.js";

const FREE = 2; // columns beside it that a long output may cover

export function drawBoxes(parts) {
  const { view, step, boxes } = parts;
  const drawn = columnsShown(parts).flatMap((n) => {
    const { given, picture, said } = view.columns[n];
    const made = [];
    if (picture) made.push(pictureBox(parts, n));
    else if (given !== null) made.push(inputBox(parts, n));
    if (said !== null) made.push(outputBox(parts, n));
    for (const box of made) box.classList.toggle("pale", n > step);
    return made;
  });
  boxes.replaceChildren(...drawn);
}

function put(box, left, top, width, height) {
  Object.assign(box.style, { left: `${left}px`, top: `${top}px` });
  Object.assign(box.style, { width: `${width}px`, height: `${height}px` });
  return box;
}

function inputBox(parts, n) {
  const { view, place } = parts;
  const width = Math.min(place.column - 4, Math.max(28, place.column - 10));
  const box = element("bdi", "box input", view.columns[n].given);
  box.title = view.columns[n].given;
  return put(box, centerOf(parts, n) - width / 2, place.input, width, 28);
}

function pictureBox(parts, n) {
  const { view, place } = parts;
  const canvas = element("canvas", "box picture");
  paintPicture(canvas, view.columns[n].picture, view.pixels);
  const x = centerOf(parts, n) - place.picture / 2;
  return put(canvas, x, place.input, place.picture, place.picture);
}

function outputBox(parts, n) {
  const { view, place } = parts;
  const { said, p, truth } = view.columns[n];
  const box = element("div", "box output");
  const word = element("bdi", "", said);
  word.title = said;
  const below = element("span", "below");
  if (truth !== null) below.append(truthMark(truth));
  if (p !== null) below.append(element("span", "", percentText(p)));
  box.append(word, ...(below.childNodes.length ? [below] : []));
  const [left, right] = roomOf(parts, n);
  const wanted = Math.max(place.column - 6, Math.min(8.5 * said.length + 16, right - left - 6));
  const x = centerOf(parts, n) - wanted / 2;
  return put(box, Math.max(left + 3, Math.min(x, right - 3 - wanted)), place.output, wanted, 46);
}

// From where to where an output may reach: over columns in view that have none
function roomOf(parts, n) {
  const { view, place, first } = parts;
  const isFree = (m) => m >= first && m < first + place.count && view.columns[m].said === null;
  let [from, to] = [n, n];
  while (isFree(from - 1) && n - from < FREE) from -= 1;
  while (isFree(to + 1) && to - n < FREE) to += 1;
  return [centerOf(parts, from) - place.column / 2, centerOf(parts, to) + place.column / 2];
}
