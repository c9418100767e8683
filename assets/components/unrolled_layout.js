// What stands on the page for a network unrolled in time: the matrices, the copies, and the sliders.

import { element, hidden, modelHeader, rangeSlider, spokenLine, svgElement } from "./dom.js";
import { weightName } from "./unrolled_data.js";

// A row of the stage: its name, and a cell for each copy
function stageRow(name, label) {
  const row = element("div", `row ${name}`);
  row.append(element("span", "of-row", label));
  return row;
}

// A button for each matrix of a copy
function weightButtons(view) {
  const bar = element("div", "weights");
  bar.append(element("span", "muted", "The same in every copy:"));
  const buttons = view.weights.map((weight, n) => {
    const button = element("button", "weight");
    button.type = "button";
    const name = element("em", "", "W");
    name.append(element("sub", "", weight.name));
    const where = weightName(weight, view.layers);
    button.append(
      name,
      element("span", "", [where, weight.shape.join(" × ")].filter(Boolean).join(", ")),
    );
    button.setAttribute("aria-pressed", "false");
    button.weight = n;
    return button;
  });
  bar.append(...buttons);
  return { bar, buttons };
}

// How wide an arrow is for a share
function widthsKey(widthOf) {
  const key = element("div", "key widths");
  key.append(
    element("span", "", "Width: the gradient's norm as a share of that at the loss (log)"),
  );
  for (const share of [1, 0.1, 0.01, 0.001]) {
    const [entry, line] = [element("span", "entry", String(share)), element("i", "sample")];
    line.style.height = `${widthOf(share)}px`;
    entry.prepend(line);
    key.append(entry);
  }
  return key;
}

function coloursKey(view, table) {
  const key = element("div", "key");
  const hasC = view.lanes.some(({ symbol }) => symbol === "c");
  const bar = element("i", "bar");
  bar.style.backgroundImage = `linear-gradient(to right, ${table.join(",")})`;
  const ends = view.bounded ? ["−1", "1"] : ["−", "+"];
  const entry = element("span", "entry");
  entry.append(ends[0], bar, ends[1]);
  const what = `the ${view.rows} units of ${hasC ? "h and tanh c" : "h"} that vary most`;
  key.append(element("span", "", `Colour: ${what}`), entry);
  return key;
}

// Draw into `root` all that does not change with the choice, and return its parts
export function layOutCopies(root, view, table, widthOf) {
  const { bar, buttons } = weightButtons(view);
  const stage = element("div", "stage");
  const rows = {
    loss: stageRow("losses", "loss"),
    guess: stageRow("guesses", "guess"),
    token: stageRow("tokens", "token"),
  };
  rows.loss.setAttribute("role", "group");
  rows.loss.setAttribute("aria-label", "losses; arrow keys move, Enter sends the gradient back");
  const net = element("div", "net");
  const [canvas, picture] = [element("canvas"), svgElement("svg", { "aria-hidden": "true" })];
  net.append(canvas, picture);
  const forget = rangeSlider("Forget the past before", { min: 0 }, "forget");
  const first = rangeSlider("Copies shown", { min: 0 }, "first");
  const window = rangeSlider("Window of truncated BPTT", { min: 0 }, "window");
  const remember = Object.assign(hidden("button", "remember"), { type: "button" });
  remember.textContent = "Remember again";
  stage.append(rows.loss, rows.guess, net, rows.token, forget.block);
  const sliders = element("div", "sliders");
  sliders.append(window.block, first.block);
  const [told, change] = [element("p", "told"), element("p", "change")];
  const says = element("div", "says");
  says.append(told, change, remember);
  const keys = element("div", "keys");
  keys.append(widthsKey(widthOf), coloursKey(view, table));
  const spoken = spokenLine();
  root.replaceChildren(modelHeader(view), bar, stage, says, sliders, keys, spoken);
  for (const part of view.without) root.querySelector(part).remove();
  return {
    stage,
    rows,
    net,
    canvas,
    picture,
    forget,
    first,
    window,
    remember,
    buttons,
    told,
    change,
    spoken,
  };
}
