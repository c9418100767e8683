// A tick or a cross

import { svgElement } from "./dom.js";

const PATHS = { right: "M1 5.5L4 8.5L9 1.5", wrong: "M1.5 1.5L8.5 8.5M8.5 1.5L1.5 8.5" };

export function truthMark(truth) {
  const name = truth ? "right" : "wrong";
  const box = { class: `mark ${name}`, viewBox: "0 0 10 10", role: "img", "aria-label": name };
  const svg = svgElement("svg", box);
  svg.append(svgElement("path", { d: PATHS[name] }));
  return svg;
}
