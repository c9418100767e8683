// What models say next by how much of a text they have read. Python packs the data in
// rnnviz/figures/past_message.py. Tokens are other people's text: textContent alone.

import {
  element,
  hidden,
  modelHeader,
  percentText,
  rangeSlider,
  readHeader,
  renewSignal,
  setText,
  svgElement,
} from "./dom.js";
import { followRange, keepToSend, redrawAnswer } from "./sending.js";

const WIDTH = 100; // of the curve, in its own units
const HEIGHT = 30;

export default function (answer) {
  const root = answer.parentElement.querySelector(".root");
  return redrawAnswer(root, "input", answer, (buffer) => build(root, readHeader(buffer)[0]));
}

function build(root, view) {
  renewSignal(root);
  const [first] = view.models;
  const most = first.tokens.length;
  const from = view.place === null ? 0 : first.starts.findLastIndex((s) => s <= view.place);
  const value = most - Math.max(0, from);
  const slider = rangeSlider("What is known of the past", { min: 1, max: most, value });
  const text = element("div", "text");
  const tokens = first.tokens.map((token) => {
    const span = element("span", "token", token);
    text.append(span);
    if (token.endsWith("⏎")) text.append(element("br"));
    return span;
  });
  const grid = element("div", "models");
  const cards = view.models.map((model) => card(model, view.bars));
  grid.append(...cards.map(({ block }) => block));
  root.replaceChildren(slider.block, text, grid);
  const show = () => {
    const length = Number(slider.input.value);
    const place = first.starts[most - length];
    const all = length === most ? ", all that there is" : "";
    setText(slider.value, `the last ${length} token${length === 1 ? "" : "s"}${all}`);
    slider.input.setAttribute("aria-valuetext", slider.value.textContent);
    tokens.forEach((token, n) => {
      token.classList.toggle("gone", n < most - length);
    });
    scrollTo(text, tokens[most - length]);
    for (const each of cards) each.show(place);
  };
  followRange(root.sending, slider.input, () => {
    show();
    const length = Number(slider.input.value);
    keepToSend(root.sending, "place", length === most ? null : first.starts[most - length]);
  });
  show();
}

// Inside the block, never the page
function scrollTo(block, token) {
  const [top, height] = [token.offsetTop - block.offsetTop, block.clientHeight];
  if (top < block.scrollTop || top + token.offsetHeight > block.scrollTop + height)
    block.scrollTop = top - height / 2;
}

function card(model, count) {
  const block = element("section", "model");
  block.style.setProperty("--model", model.color);
  const bars = Array.from({ length: Math.min(count, model.p[0].length) }, bar);
  const list = element("div", "bars");
  list.append(...bars.map(({ row }) => row));
  const told = element("p", "told");
  const chart = curve(model);
  block.append(modelHeader(model), list, told, chart.block);
  const show = (place) => {
    const at = model.starts.findIndex((start) => start >= place);
    const [length, missing] = at < 0 ? [1, true] : [model.tokens.length - at, false];
    const row = length - 1;
    bars.forEach((each, n) => {
      each.show(model.likeliest[row][n], model.p[row][n]);
    });
    const moved = inPercent(model.moved[row]);
    const known = missing ? "The place is inside its last token. " : "";
    setText(told, `${known}${moved} of the probability is not where the whole text puts it.`);
    chart.show(length);
  };
  return { block, show };
}

function bar() {
  const row = element("div", "bar");
  const [word, well, fill, number] = [
    element("bdi"),
    element("span", "well"),
    element("i"),
    element("span", "share"),
  ];
  well.append(fill);
  row.append(word, well, number);
  const show = (token, p) => {
    setText(word, token);
    fill.style.transform = `scaleX(${p})`;
    setText(number, inPercent(p));
  };
  return { row, show };
}

const inPercent = (share) => (share ? percentText(share) : "0%");

// The share that is not where the whole text puts it, over the length of the past
function curve(model) {
  const block = element("div", "curve");
  const most = model.tokens.length;
  const x = (length) => (most > 1 ? (WIDTH * (length - 1)) / (most - 1) : 0);
  const y = (share) => HEIGHT * (1 - share);
  const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
  const svg = svgElement("svg", { ...box, "aria-hidden": "true" });
  const points = model.moved.map((share, n) => `${x(n + 1)} ${y(share)}`);
  svg.append(
    svgElement("path", { class: "zero", d: `M0 ${HEIGHT}H${WIDTH}` }),
    svgElement("path", { class: "line", d: `M${points.join("L")}` }),
  );
  const here = hidden("span", "here");
  const well = element("div", "plot");
  well.append(svg, here);
  const ends = element("div", "ends");
  ends.append(element("span", "", "1 token"), element("span", "", `${most} tokens`));
  block.append(well, ends);
  const show = (length) => {
    here.hidden = false;
    here.style.left = `${x(length)}%`;
    here.style.top = `${100 * (1 - model.moved[length - 1])}%`;
  };
  return { block, show };
}
