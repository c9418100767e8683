// The frame that is shown, with the way that led to it, and all frames small below it.

import { button, element, makeFocusable, setText, svgElement } from "./dom.js";
import { truthMark } from "./truth_mark.js";

const HINT = "Drag the dot, or use the arrow keys: each cell it comes to is one more frame.";

// Draw into `root` all that stays, and return its parts
export function layOutFilm(root) {
  const grid = element("div", "grid");
  makeFocusable(
    grid,
    "the film; arrow keys move the dot and add a frame, Backspace takes one back",
  );
  const picture = svgElement("svg", { viewBox: "0 0 8 8", "aria-hidden": "true" });
  grid.append(picture);
  const [undo, clear] = [button("Undo"), button("Clear")];
  const buttons = element("div", "buttons");
  buttons.append(undo, clear);
  const [count, note] = [element("p", "count"), element("p", "note")];
  note.setAttribute("aria-live", "polite");
  const aside = element("div", "aside");
  aside.append(count, buttons, element("p", "hint", HINT), note);
  const editor = element("div", "editor");
  editor.append(grid, aside);
  const strip = element("div", "strip");
  strip.setAttribute("role", "list");
  strip.setAttribute("aria-label", "All frames");
  root.replaceChildren(editor, strip);
  return { grid, picture, undo, clear, count, note, strip };
}

export function drawFilm(parts) {
  const { view, path, picture, undo, clear, count, strip } = parts;
  const { size, most } = view;
  picture.setAttribute("viewBox", `0 0 ${size} ${size}`);
  picture.replaceChildren(...gridLines(size), ...trail(path), dot(path.at(-1), "dot", 0.34));
  setText(count, `${path.length} of ${most} frames${path.length === most ? ": full" : ""}`);
  undo.disabled = clear.disabled = path.length < 2;
  const same = path.findIndex((xy, n) => String(xy) !== String(view.path[n]));
  const known = same < 0 ? path.length : same; // what is said after it was of other frames
  strip.replaceChildren(...path.map((xy, n) => frame(view, xy, n, n < known)));
}

function gridLines(size) {
  const lines = Array.from(
    { length: size - 1 },
    (_, n) => `M${n + 1} 0V${size}M0 ${n + 1}H${size}`,
  );
  return [svgElement("path", { class: "line", d: lines.join("") })];
}

const middle = (xy) => xy.map((at) => at + 0.5);

function trail(path) {
  const points = path.map((xy) => middle(xy).join(" "));
  const before = path.slice(0, -1).map((xy) => dot(xy, "before", 0.14));
  return [svgElement("path", { class: "trail", d: `M${points.join("L")}` }), ...before];
}

function dot(xy, name, r) {
  const [cx, cy] = middle(xy);
  return svgElement("circle", { class: name, cx, cy, r });
}

// One small frame, with what the model says of it
function frame({ size, said, right }, [x, y], n, isKnown) {
  const item = element("div", "frame");
  item.setAttribute("role", "listitem");
  const small = svgElement("svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
  small.append(dot([x, y], "dot", 0.6));
  const where = element("span", "spoken", `frame ${n + 1}: column ${x + 1}, row ${y + 1}`);
  const words = element("span", "said");
  if (isKnown) {
    if (right[n] !== null) words.append(truthMark(right[n]));
    words.append(element("bdi", "", said[n]));
  }
  item.append(small, where, words);
  return item;
}
