// The probability of a text, character by character, up to an end that is dragged. Python packs the
// data in rnnviz/figures/chain_message.py.
// Tokens are other people's text: they reach the page through textContent alone.

import { chainChart, place } from "./chain_chart.js";
import { clamp, digits, element, readHeader, renewSignal } from "./dom.js";
import { followRange, keepToSend, redrawAnswer } from "./sending.js";

const PAST = 16; // tokens of what was read before one that are written out

export default function (answer) {
  const root = answer.parentElement.querySelector(".root");
  return redrawAnswer(root, "input", answer, (buffer) => {
    const view = decodeChain(buffer);
    // A slider that is held stays the same element while only the end is news
    if (root.drawn !== view.content) build(root, view);
    root.show(view.end);
  });
}

function decodeChain(buffer) {
  const [view, end] = readHeader(buffer);
  const { tokens, names, color } = view;
  const bits = new Float32Array(buffer, end, names.length * tokens.length);
  view.lines = names.map((name, n) => {
    const own = Array.from(bits.subarray(n * tokens.length, (n + 1) * tokens.length));
    return { name, bits: own, sums: sumsOf(own) };
  });
  view.content = JSON.stringify([tokens, names, color, [...bits]]);
  return view;
}

function sumsOf(bits) {
  const sums = [0];
  for (const one of bits) sums.push(sums.at(-1) + one);
  return sums;
}

function build(root, view) {
  root.drawn = view.content;
  root.style.setProperty("--model", view.color);
  const told = element("p", "told");
  const chart = chainChart(view);
  const slider = endSlider(view.tokens.length);
  const stage = element("div", "stage");
  stage.append(chart.picture, slider.input);
  const sums = sumTable(view);
  root.replaceChildren(told, stage, slider.label, sums.block);
  let end = view.end;
  const draw = () => {
    const around = place(root.clientWidth, view.tokens.length);
    stage.style.setProperty("--first", `${around.x(1)}px`);
    stage.style.setProperty("--last", `${around.x(view.tokens.length)}px`);
    chart.show(around, end);
  };
  root.show = (to) => {
    end = clamp(to, view.tokens.length + 1);
    slider.input.value = end;
    slider.count.value = `${end} of ${view.tokens.length}`;
    told.replaceChildren(...conditional(view, end));
    slider.input.setAttribute("aria-valuetext", `${slider.count.value}: ${told.textContent}`);
    sums.show(end);
    draw();
  };
  followRange(root.sending, slider.input, () => {
    root.show(Number(slider.input.value));
    keepToSend(root.sending, "end", end);
  });
  const fit = new ResizeObserver(draw);
  fit.observe(root);
  renewSignal(root).addEventListener("abort", () => fit.disconnect());
}

function endSlider(most) {
  const label = element("label", "slider");
  const [count, input] = [element("output"), element("input", "end")];
  Object.assign(input, { type: "range", min: 1, max: most, step: 1, id: "end" });
  label.htmlFor = input.id;
  label.append(element("span", "", "End: characters that count"), count);
  return { label, input, count };
}

// p of the token at the end, given what was read before it
function conditional({ tokens, start, lines: [{ bits }] }, end) {
  const read = [start, ...tokens.slice(0, end - 1)];
  const past = element("bdi", "past", read.slice(-PAST).join(""));
  const cost = bits[end - 1];
  return [
    element("span", "", "p("),
    element("bdi", "", tokens[end - 1]),
    element("span", "", read.length > PAST ? " | …" : " | "),
    past,
    element("span", "", `) = ${digits(2 ** -cost)}, ${digits(cost)} bits`),
  ];
}

// Of each line, what its first tokens come to
function sumTable({ lines }) {
  const [block, table] = [element("div", "sums"), element("table")];
  block.append(table);
  const head = table.createTHead().insertRow();
  const perplexity = element("th", "", "perplexity = 2");
  const power = element("sup");
  perplexity.append(power);
  const names = ["", "product of p", "bits"];
  head.append(...names.map((name) => element("th", "", name)), perplexity);
  const body = table.createTBody();
  const rows = lines.map(({ name }, n) => {
    const row = body.insertRow();
    row.classList.toggle("other", n > 0);
    row.append(element("th", "", name), element("td"), element("td"), element("td"));
    return [...row.querySelectorAll("td")];
  });
  const show = (end) => {
    power.textContent = `bits/${end}`;
    lines.forEach(({ sums }, n) => {
      const product = 2 ** -sums[end];
      const [chance, total, choices] = rows[n];
      chance.textContent = product ? digits(product) : `2^−${sums[end].toFixed(0)}`;
      total.textContent = sums[end].toFixed(1);
      choices.textContent = digits(2 ** (sums[end] / end));
    });
  };
  return { block, show };
}
