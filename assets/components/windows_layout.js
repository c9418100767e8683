// What stands on the page for a text that is cut, whatever it is cut into.

import { button, element, makeFocusable, rangeSlider, spokenLine, svgElement } from "./dom.js";

const VIEWS = { line: "One line", rows: "Rows", windows: "Windows" };

// Draw into `root` all that stays, and return its parts
export function layOutWindows(root) {
  const sliders = {
    rows: rangeSlider("Rows (batch_size)", { min: 1 }, "rows"),
    length: rangeSlider("Window (sequence_length)", { min: 1 }, "length"),
    window: rangeSlider("Window shown", { min: 1 }, "window"),
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
