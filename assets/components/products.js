// By what a gradient is multiplied on its way back: a number for each unit, or a matrix. Python packs
// the data in rnnviz/figures/products_message.py.

import {
  cleanUp,
  digits,
  element,
  freePlace,
  modelHeader,
  rangeSlider,
  readHeader,
  renewSignal,
} from "./dom.js";
import { productChart, runningLogs } from "./products_chart.js";

const LOWEST = -20; // powers of ten that the axis of products shows at most
const HIGHEST = 6;
const USUAL = 20; // steps back, at first

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const view = decodeProducts(data);
  root.distance ??= USUAL;
  root.ranks ??= {};
  const most = Math.max(...view.models.map(({ steps }) => steps));
  const slider = rangeSlider("Distance", {
    min: 1,
    max: most,
    value: Math.min(root.distance, most),
  });
  slider.block.classList.add("products-distance");
  const grid = element("div", "models");
  const range = rangeOfLogs(view);
  const cards = view.models.map((model) => card(model, view, range, most, root));
  grid.append(...cards.map(({ block }) => block));
  root.replaceChildren(slider.block, grid);
  freePlace(root);
  const show = () => {
    slider.value.value = steps(root.distance);
    for (const each of cards) each.show(Math.min(root.distance, most));
  };
  slider.input.oninput = () => {
    root.distance = Number(slider.input.value);
    show();
  };
  const signal = renewSignal(root);
  const fit = () => {
    for (const each of cards) each.fit();
    show();
  };
  const watch = new ResizeObserver(fit);
  watch.observe(grid);
  signal.addEventListener("abort", () => watch.disconnect());
  fit();
  return cleanUp(root);
}

const steps = (count) => `${count} step${count === 1 ? "" : "s"} back`;

function decodeProducts(message) {
  const { buffer } = message.slice(); // a copy, because the message may be unaligned
  const [view, end] = readHeader(buffer);
  const factors = new Float32Array(buffer, end);
  for (const model of view.models) {
    const at = (step, unit) => factors[model.offset + step * model.units + unit];
    model.factors = (unit) => Array.from({ length: model.steps }, (_, step) => at(step, unit));
    const units = Array.from({ length: model.units }, (_, unit) => unit);
    const left = units.map((unit) => runningLogs(model.factors(unit)).at(-1));
    model.order = units.sort((a, b) => left[b] - left[a]); // the unit that keeps most comes first
  }
  return view;
}

// One axis for all models: what the matrices do, and what the unit that keeps most does
function rangeOfLogs({ models }) {
  const logs = models.flatMap((model) => runningLogs(model.factors(model.order[0])));
  const low = Math.max(LOWEST, Math.min(-2, Math.floor(Math.min(...logs))));
  return { low, high: Math.min(HIGHEST, Math.max(0, Math.ceil(Math.max(...logs)))) };
}

const HOW = {
  W: [
    "One matrix after the other",
    "Each step multiplies the whole gradient by Wᵀ and the slopes of that step: the same W again and again. A bar is what that does to the norm of this gradient, in the direction that it has.",
  ],
  f: [
    "Elementwise, no matrix",
    "Along the cell state each step multiplies a unit's gradient by that unit's forget gate f: another number at each step, and no other unit has a part in it.",
  ],
  z: [
    "Elementwise, no matrix",
    "What a unit keeps of h is multiplied by that unit's update gate z: another number at each step. The rest of the gradient goes through matrices, which are left out here.",
  ],
};

function card(model, view, range, most, root) {
  const block = element("section", "model");
  block.style.setProperty("--model", model.color);
  const [title, words] = HOW[model.gate ?? "W"];
  const chart = productChart(model.label, range);
  const told = element("p", "told");
  block.append(
    modelHeader(model),
    element("b", "", title),
    element("p", "how", words),
    chart.block,
    told,
  );
  let [distance, unit, factors] = [1, null, []];
  const draw = () => {
    const chosen = model.order[Math.min(root.ranks[model.title] ?? 0, model.units - 1)];
    if (chosen !== unit) [unit, factors] = [chosen, model.factors(chosen)];
    const shown = Math.min(distance, factors.length);
    chart.show(factors, shown, most);
    told.textContent = sentence(model, factors, shown, unit, view.target);
  };
  if (model.gate) block.append(unitSlider(model, root, draw));
  const show = (to) => {
    distance = to;
    draw();
  };
  return { block, fit: chart.fit, show };
}

function unitSlider(model, root, draw) {
  const slider = rangeSlider("Unit", {
    min: 0,
    max: model.units - 1,
    value: root.ranks[model.title] ?? 0,
  });
  const say = () => {
    const rank = Number(slider.input.value);
    const place = rank === 0 ? ", keeps most" : rank === model.units - 1 ? ", keeps least" : "";
    slider.value.value = `${model.order[rank]}${place}`;
    slider.input.setAttribute("aria-valuetext", slider.value.value);
  };
  slider.input.oninput = () => {
    root.ranks[model.title] = Number(slider.input.value);
    say();
    draw();
  };
  say();
  return slider.block;
}

function sentence(model, factors, shown, unit, target) {
  const log = runningLogs(factors)[shown];
  const whole = Math.floor(log);
  const left = log > -4 ? digits(10 ** log) : `${digits(10 ** (log - whole))}e−${-whole}`;
  const what = model.gate ? `unit ${unit} of ${model.gate === "f" ? "c" : "h"}` : "the norm";
  return `${steps(shown)} from the loss after token ${target}, ${left} of ${what} is left.`;
}
