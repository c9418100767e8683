// The cells of a picture and the tools to paint it with.

import { button, element, makeFocusable, spokenLine, svgElement } from "./dom.js";

const HINT = "Drag to paint. Keys: arrows, Space paints, Shift and an arrow move the picture.";

// Draw into `root` all that stays, and return its parts
export function layOutPicture(root) {
  const [grid, tools] = [element("div", "grid"), element("div", "tools")];
  makeFocusable(
    grid,
    "the picture; arrow keys go to a cell, Space paints it, Shift and an arrow move the picture",
  );
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", "Paint with");
  const editor = element("div", "editor");
  editor.append(grid, tools);
  const spoken = spokenLine();
  root.replaceChildren(editor, element("p", "hint", HINT), spoken);
  return { grid, tools, spoken };
}

// The cells and the tools anew, for another palette or size
export function fillTools(parts, tools, choose, clear) {
  const { grid, size } = parts;
  grid.style.setProperty("--size", size);
  grid.replaceChildren(...Array.from({ length: size * size }, () => element("i", "cell")));
  const buttons = tools.map(({ name, color, tool }) => {
    const made = button("", () => choose(tool));
    made.append(color ? swatchOf(color) : fourArrows(), element("span", "label", name));
    return Object.assign(made, { tool });
  });
  parts.buttons = buttons;
  parts.tools.replaceChildren(
    ...buttons,
    Object.assign(button("Clear", clear), { className: "clear" }),
  );
}

function swatchOf(color) {
  const swatch = element("i", "swatch");
  swatch.style.backgroundColor = color;
  return swatch;
}

function fourArrows() {
  const svg = svgElement("svg", { class: "arrows", viewBox: "-9 -9 18 18", "aria-hidden": "true" });
  for (const turn of [0, 90, 180, 270]) {
    const transform = `rotate(${turn})`;
    svg.append(svgElement("path", { d: "M0 0V-7M-2.5 -4.5L0 -7L2.5 -4.5", transform }));
  }
  return svg;
}

export function showPicture({ grid, buttons, pixels, size, cursor: [x, y], tool }) {
  for (const made of buttons) made.setAttribute("aria-pressed", made.tool === tool);
  grid.classList.toggle("moves", tool === "move");
  [...grid.children].forEach((cell, n) => {
    cell.style.backgroundColor = `rgb(${pixels.slice(3 * n, 3 * n + 3).join(" ")})`;
    cell.classList.toggle("at", n === y * size + x);
  });
}
