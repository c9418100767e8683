// What stands on the page for a text that is cut, whatever it is cut into.

import { button, element, makeFocusable, spokenLine, svgElement } from "./dom.js";

const VIEWS = { line: "One line", rows: "Rows", windows: "Windows" };

function sliderOf(name, label) {
  const block = element("label", `slider ${name}`);
  const [words, value, input] = [element("span", "", label), element("output"), element("input")];
  Object.assign(input, { type: "range", min: 1, step: 1 });
  block.append(words, value, input);
  return { block, value, input };
}

// Draw into `root` all that stays, and return its parts
export function layOutWindows(root) {
  const sliders = {
    rows: sliderOf("rows", "Rows (batch_size)"),
    length: sliderOf("length", "Window (sequence_length)"),
    window: sliderOf("window", "Window shown"),
  };
  const controls = element("div", "sliders");
  controls.append(...Object.values(sliders).map(({ block }) => block));
  const views = element("div", "views");
  views.setAttribute("role", "group");
  views.setAttribute("aria-label", "The text as");
  const buttons = Object.entries(VIEWS).map(([view, label]) =>
    Object.assign(button(label), { view }),
  );
  views.append(...buttons);
  const bar = element("div", "bar");
  const shape = element("div", "shape");
  bar.append(views, shape);
  const [stage, canvas] = [element("div", "stage"), element("div", "canvas")];
  makeFocusable(stage, "the text; left and right: another window, up and down: another row");
  const picture = svgElement("svg", { "aria-hidden": "true" });
  stage.append(canvas);
  const [told, which, pair] = [element("p", "told"), element("p", "which"), element("div", "pair")];
  const spoken = spokenLine();
  root.replaceChildren(controls, bar, stage, told, which, pair, spoken);
  return { sliders, buttons, shape, stage, canvas, picture, told, which, pair, spoken };
}
