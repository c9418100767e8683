// The chart of one model: a bar for the factor of each step back, and below the bars the running
// product as a line on a logarithmic axis.

import { element, minus, svgElement } from "./dom.js";

const LEFT = 68;
const RIGHT = 10;
const BARS = { top: 10, height: 110 };
const LINE = { top: 142, height: 130 };
const HEIGHT = 312;

// log10 of the running products (D+1,), from 1
export function runningLogs(factors) {
  const found = [0];
  for (const factor of factors) found.push(found.at(-1) + Math.log10(factor));
  return found;
}

const power = (n) => (Math.abs(n) < 3 ? String(10 ** n) : minus(`1e${n}`));

// `show(factors, distance, steps)` draws the first `distance` factors in colour, the others pale. A
// drag changes the distance alone: bars and axes are then drawn already. `fit()` reads the width.
export function productChart(label, range) {
  const block = element("div", "chart");
  const picture = svgElement("svg", { height: HEIGHT, role: "img" });
  block.append(picture);
  let [width, drawn] = [460, null];
  const fit = () => {
    width = block.clientWidth || width;
  };
  const show = (factors, distance, steps) => {
    const of = { factors, width, steps };
    if (!drawn || Object.entries(of).some(([name, value]) => drawn[name] !== value))
      drawn = { ...of, ...drawAll(picture, of, range) };
    drawn.clip.replaceChildren(...line(factors, distance, drawn.x, range));
    drawn.bars.forEach((bar, n) => {
      bar.classList.toggle("later", n >= distance);
    });
    picture.setAttribute(
      "aria-label",
      `${label}: factors of ${distance} steps back and their product`,
    );
  };
  return { block, fit, show };
}

function drawAll(picture, { factors, width, steps }, range) {
  const x = (step) => LEFT + (step / steps) * (width - LEFT - RIGHT);
  const box = { x: 0, y: LINE.top - 4, width, height: LINE.height + 8 };
  const [clip, all] = [svgElement("svg", { class: "clip", ...box }), bars(factors, x)];
  picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  picture.replaceChildren(
    ...barAxis(width, factors),
    ...logAxis(width, range),
    ...all,
    clip,
    ...stepAxis(width, steps, x),
  );
  return { x, clip, bars: all };
}

const tallest = (factors) => Math.max(1.25, ...factors);
const barY = (value, most) => BARS.top + BARS.height * (1 - value / most);

function barAxis(width, factors) {
  const most = tallest(factors);
  const step = most > 20 ? 10 ** Math.floor(Math.log10(most)) : most > 4 ? 5 : most > 2 ? 1 : 0.5;
  const found = [];
  for (let value = 0; value <= most; value += step) {
    const y = barY(value, most);
    found.push(
      svgElement("path", {
        class: value === 1 ? "grid one" : "grid",
        d: `M${LEFT} ${y}H${width - RIGHT}`,
      }),
    );
    found.push(
      svgElement("text", { class: "y", x: LEFT - 8, y: y + 5 }, String(Number(value.toFixed(1)))),
    );
  }
  found.push(
    svgElement(
      "text",
      { class: "axis", transform: `translate(10 ${BARS.top + BARS.height / 2}) rotate(-90)` },
      "factor",
    ),
  );
  return found;
}

function bars(factors, x) {
  const most = tallest(factors);
  const wide = Math.max(1, (x(1) - x(0)) * 0.72);
  return Array.from(factors, (factor, n) => {
    const y = barY(factor, most);
    const attributes = { x: x(n + 0.5) - wide / 2, y, width: wide, height: barY(0, most) - y };
    const bar = svgElement("rect", { class: "of", ...attributes });
    bar.append(svgElement("title", {}, `step ${n + 1} back: times ${factor.toPrecision(3)}`));
    return bar;
  });
}

const lineY = (log, { low, high }) => LINE.top + (LINE.height * (high - log)) / (high - low);

function logAxis(width, range) {
  const every = [1, 2, 3, 5, 10, 20].find((size) => (range.high - range.low) / size <= 5) ?? 40;
  const found = [];
  for (let n = Math.ceil(range.low / every) * every; n <= range.high; n += every) {
    const y = lineY(n, range);
    found.push(
      svgElement("path", { class: n ? "grid" : "grid one", d: `M${LEFT} ${y}H${width - RIGHT}` }),
    );
    found.push(svgElement("text", { class: "y", x: LEFT - 8, y: y + 5 }, power(n)));
  }
  found.push(
    svgElement(
      "text",
      { class: "axis", transform: `translate(10 ${LINE.top + LINE.height / 2}) rotate(-90)` },
      "product",
    ),
  );
  return found;
}

function line(factors, distance, x, range) {
  const logs = runningLogs(factors);
  const shift = LINE.top - 4;
  const point = (n) => `${x(n)} ${lineY(Math.max(logs[n], -999), range) - shift}`;
  const path = (from, to, name) => {
    const points = logs.slice(from, to + 1).map((_, k) => point(from + k));
    return svgElement("path", { class: name, d: `M${points.join("L")}` });
  };
  const [cx, cy] = point(distance).split(" ");
  const found = [path(distance, factors.length, "product later"), path(0, distance, "product")];
  return [...found, svgElement("circle", { class: "end", cx, cy, r: 5 })];
}

function stepAxis(width, steps, x) {
  const every = [1, 2, 5, 10, 20].find((size) => steps / size <= 7) ?? 50;
  const found = [];
  for (let n = 0; n <= steps; n += every)
    found.push(
      svgElement("text", { class: "x", x: x(n), y: LINE.top + LINE.height + 18 }, String(n)),
    );
  const middle = (LEFT + width - RIGHT) / 2;
  return [
    ...found,
    svgElement("text", { class: "x", x: middle, y: HEIGHT - 4 }, "steps back from the loss"),
  ];
}
