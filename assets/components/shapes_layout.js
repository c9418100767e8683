// What stands on the page for a shape with its values, and where its columns are.

import {
  clamp,
  element,
  hidden,
  makeFocusable,
  rangeSlider,
  spokenLine,
  svgElement,
} from "./dom.js";
import { newGallery } from "./shapes_gallery.js";

const GUTTER = 52; // pixels, for the names of rows
const HAND_OVER = 62; // from the encoder to the decoder
const NARROWEST = 48; // of a column
const WIDEST = 112;
const LETTER = 8.5; // of the font of tokens
const ARROW = 26;
const STRIP = { most: 26, height: 72 };
const AHEAD = 2; // columns after the current one that stay in view

// Draw into `root` all that stays, and return its parts
export function layOutShapes(root) {
  const gallery = newGallery();
  const stage = element("div", "stage");
  makeFocusable(stage, "the steps; left and right, Home and End: another step");
  const [canvas, picture] = [element("canvas"), svgElement("svg", { "aria-hidden": "true" })];
  const boxes = element("div", "boxes");
  stage.append(canvas, picture, boxes);
  const slider = rangeSlider("Step", { min: 1 }, "step");
  const [told, keys, spoken] = [element("p", "told"), hidden("div", "keys"), spokenLine()];
  root.replaceChildren(gallery, stage, slider.block, told, keys, spoken);
  return { root, gallery, stage, canvas, picture, boxes, slider, told, keys, spoken };
}

// Where everything is, in pixels: as many columns as fit, and the tops of the rows
export function placeColumns(view, width) {
  const all = view.columns.length;
  const gap = view.decoder ? HAND_OVER : 0;
  const room = width - GUTTER - gap;
  const least = Math.min(narrowest(view.columns), room);
  const count = Math.max(1, Math.min(all, Math.floor(room / least)));
  const column = Math.min(WIDEST, room / count);
  const strip = { width: Math.min(STRIP.most, column * 0.42), height: STRIP.height };
  const rows = rowsOf(view, Math.min(72, column - 6));
  const names = Math.max(0, (room - count * column) / 2);
  return { width, all, count, column, strip, gap, names, left: names + GUTTER, ...rows };
}

// Wide enough for its token, and for its output where another one is beside it
function narrowest(columns) {
  const sizes = columns.map(({ given, said }, n) => {
    const isBeside = columns[n - 1]?.said ?? columns[n + 1]?.said;
    return Math.max(given?.length ?? 0, isBeside ? (said?.length ?? 0) : 0);
  });
  return Math.max(NARROWEST, Math.min(100, LETTER * Math.max(...sizes) + 14));
}

function rowsOf(view, picture) {
  const parts = view.hasParts ? 30 : 0;
  const output = parts + (view.hasLosses ? 24 : 0);
  const top = output + (view.hasOutputs ? 46 + ARROW : 0);
  const input = top + (view.hasStates ? STRIP.height + ARROW : 0);
  const size = view.hasPictures ? picture : 28;
  return { parts, output, top, input, picture: size, bottom: input + size };
}

// The first column in view: the current one, and some after it, can be seen
export function slideTo(first, step, { all, count }) {
  const ahead = Math.min(AHEAD, count - 1);
  const from = Math.min(first, Math.max(0, step - 1));
  return clamp(Math.max(from, step + ahead - count + 1), all - count + 1);
}

// The middle of a column; the decoder stands apart
export function centerOf({ view, place, first }, n) {
  const isApart = view.decoder > first && n >= view.decoder;
  return place.left + (n - first + 0.5) * place.column + (isApart ? place.gap : 0);
}
