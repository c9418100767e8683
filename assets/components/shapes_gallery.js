// The small diagrams: a group of radio buttons, one for each shape.

import { clamp, element, hasModifier, svgElement } from "./dom.js";

const BOX = 16; // pixels
const GAP = 14; // between boxes

export function newGallery() {
  const gallery = element("div", "gallery");
  gallery.setAttribute("role", "radiogroup");
  gallery.setAttribute("aria-label", "Shapes of input and output");
  return gallery;
}

// Draw the shapes anew; `choose(n, byKey)`
export function fillGallery(gallery, shapes, choose) {
  const buttons = shapes.map(({ name, title, columns }, n) => {
    const button = element("button", "shape");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.append(smallDiagram(columns), element("b", "", name), element("span", "title", title));
    button.onclick = () => choose(n, false);
    button.onkeydown = (event) => {
      const to = aimOf(event.key, n, shapes.length);
      if (to === undefined || hasModifier(event)) return;
      event.preventDefault();
      gallery.children[to].focus();
      choose(to, true);
    };
    return button;
  });
  gallery.replaceChildren(...buttons);
}

function aimOf(key, n, count) {
  const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
  return by ? clamp(n + by, count) : { Home: 0, End: count - 1 }[key];
}

export function markShape(gallery, chosen) {
  [...gallery.children].forEach((button, n) => {
    button.setAttribute("aria-checked", n === chosen);
    button.tabIndex = n === chosen ? 0 : -1;
  });
}

// Outputs above, states in the middle, inputs below
function smallDiagram(columns) {
  const size = (count) => count * (BOX + GAP) - GAP + 2;
  const [width, height] = [size(columns.length), size(3)];
  const box = { viewBox: `-1 -1 ${width} ${height}`, width, height, "aria-hidden": "true" };
  const svg = svgElement("svg", box);
  columns.forEach(([input, state, output], n) => {
    const x = n * (BOX + GAP);
    const rows = [output && "output", state && "state", input && "input"];
    rows.forEach((name, row) => {
      const y = row * (BOX + GAP);
      if (name)
        svg.append(svgElement("rect", { class: name, x, y, width: BOX, height: BOX, rx: 4 }));
      if (name && rows[row + 1]) svg.append(smallArrow(x + BOX / 2, y + BOX + GAP, -90));
    });
    if (state && columns[n + 1]?.[1]) svg.append(smallArrow(x + BOX, 1.5 * BOX + GAP, 0));
  });
  return svg;
}

// From a point on, to the right or turned
function smallArrow(x, y, turn) {
  return svgElement("path", {
    class: "small",
    d: `M1.5 0H${GAP - 2}M${GAP - 6} -3.5L${GAP - 2} 0L${GAP - 6} 3.5`,
    transform: `translate(${x} ${y}) rotate(${turn})`,
  });
}
