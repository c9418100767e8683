// What follows the temperature beside the texts: the bars of the next token, their arithmetic, and
// the curves of the entropy. Each chart is its `block` and a `show` for a row of temperatures.

import { digits, element, setText, svgElement } from "./dom.js";
import { visible } from "./sampler_text.js";

// In percent, as short as it can be, above a bar
function percent(share) {
  if (share === 0 || share === 1) return String(100 * share);
  if (share < 0.0005) return "≈0";
  return (100 * share).toFixed(share < 0.1 ? 1 : 0);
}

// A share to be read: three significant digits, as far as its steps of 1/65535 allow
export function shareText(share) {
  if (share === 0 || share >= 0.01) return `${digits(100 * share)}%`;
  return share < 0.0001 ? "<0.01%" : `${(100 * share).toFixed(2)}%`;
}

// Bars

const LONGEST = 10; // characters of a name below its bar; a longer one loses its middle

function shortened(name) {
  const all = [...name];
  return all.length > LONGEST ? [...all.slice(0, 5), "…", ...all.slice(-4)].join("") : name;
}

export function barChart(model) {
  const block = element("div", "bars");
  block.classList.toggle("words", model.words);
  block.setAttribute("role", "img");
  const names = model.next.map((id) => visible(model.tokens[id]));
  const bars = names.map((name) => bar(name, "bar-of", model.color));
  bars.push(bar("rest", "bar-of rest", model.color));
  block.append(...bars.map((each) => each.block));
  const show = (row) => {
    const shares = [...model.probs[row]];
    shares.push(Math.max(0, 1 - shares.reduce((a, b) => a + b, 0)));
    shares.forEach((share, n) => {
      bars[n].fill.style.transform = `scaleY(${share})`;
      setText(bars[n].number, percent(share) + (n ? "" : "%")); // the first says the unit
    });
    const likeliest = `${names[0]} ${percent(shares[0])}%`;
    block.setAttribute("aria-label", `probability of the next token, likeliest ${likeliest}`);
  };
  return { block, show };
}

function bar(name, className, color) {
  const block = element("div", className);
  const [number, well, fill] = [element("span"), element("div", "well"), element("i")];
  fill.style.backgroundColor = color;
  well.append(fill);
  block.title = name;
  block.append(number, well, element("b", "", shortened(name)));
  return { block, number, fill };
}

// The arithmetic of softmax, filled in while it is open

const STEPS = ["next token", "logit l", "l / T", "exp(l / T − max)", "÷ sum", "probability"];

export function arithmetic(model) {
  const block = element("details");
  const { table, rows } = arithmeticTable(model);
  const scroll = element("div", "arithmetic");
  scroll.append(table);
  block.append(element("summary", "", "The arithmetic of five tokens"), scroll);
  let last = [];
  const show = (row, temperature) => {
    last = [row, temperature];
    if (!block.open) return;
    rows.forEach((line, n) => {
      const cells = softmaxSteps(model, n, row, temperature);
      cells.forEach((words, c) => {
        line.cells[c + 1].textContent = words;
      });
    });
  };
  block.ontoggle = () => show(...last);
  return { block, show };
}

function arithmeticTable(model) {
  const head = element("tr");
  head.append(...STEPS.map((name) => element("th", "", name)));
  const rows = model.next.slice(0, 5).map((id) => {
    const line = element("tr");
    line.append(element("th", "", visible(model.tokens[id])));
    line.append(...STEPS.slice(1).map(() => element("td")));
    return line;
  });
  const [table, top, bottom] = [element("table"), element("thead"), element("tbody")];
  top.append(head);
  bottom.append(...rows);
  table.append(top, bottom);
  return { table, rows };
}

// The cells of the n-th likeliest token. At temperature 0 the best one is taken without a sum.
function softmaxSteps(model, n, row, temperature) {
  const logit = model.logits[n];
  const share = model.probs[row][n];
  const sum = 1 / model.probs[row][0]; // the best one's exponential is 1
  const isCut = temperature > 0 && share === 0; // by top-k or top-p
  const scaled = temperature
    ? [logit / temperature, Math.exp((logit - model.logits[0]) / temperature)].map(digits)
    : ["argmax", n ? "0" : "1"];
  return [digits(logit), ...scaled, isCut ? "cut" : digits(sum), `${digits(100 * share)}%`];
}

// Entropy against temperature, one curve a model

export function entropyChart(view) {
  const block = element("section", "entropy");
  const chart = element("div", "chart");
  const names = view.models.map((model) => model.label).join(", ");
  const svg = svgElement("svg", {
    viewBox: "0 0 2 1",
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `entropy in nats against temperature of ${names}`,
  });
  const most = Math.max(0.1, ...view.models.flatMap((model) => model.next_entropy));
  drawAxes(chart, svg, most);
  for (const model of view.models) {
    const points = model.next_entropy.map((y, n) => `${view.temperatures[n]} ${1 - y / most}`);
    const path = svgElement("path", { d: `M${points.join("L")}`, ...lineOf(model) });
    path.classList.toggle("uncounted", !model.next_counts);
    svg.append(path);
  }
  const mark = svgElement("line", { class: "mark", x1: 0, x2: 0, y1: 0, y2: 1 });
  svg.append(mark);
  chart.append(svg);
  block.append(element("h4", "", "Entropy of the next token"), chart);
  const what = element("p", "muted", "nats, of the token after the prompt, against temperature");
  if (new Set(view.models.map(({ label }) => label)).size < view.models.length) {
    what.append(...view.models.map(legendEntry));
  }
  block.append(what);
  const show = (row) => mark.setAttribute("transform", `translate(${view.temperatures[row]})`);
  return { block, show };
}

// Models of one cell type share its colour and differ in their dash
const DASHES = { solid: "none", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3", longdash: "12 4" };
const lineOf = ({ color, dash }) => ({ stroke: color, "stroke-dasharray": DASHES[dash] });

function legendEntry(model) {
  const line = svgElement("svg", { viewBox: "0 0 30 4", class: "key" });
  line.append(svgElement("path", { d: "M0 2H30", ...lineOf(model) }));
  const entry = element("span", "entry");
  entry.append(line, model.title);
  return entry;
}

// Numbers are HTML beside the SVG, which is stretched to the width of the page
function drawAxes(chart, svg, most) {
  const label = (name, words, place) => {
    const made = element("span", name, words);
    Object.assign(made.style, place);
    chart.append(made);
  };
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((size) => most / size <= 4) ?? 10;
  for (let y = 0; y <= most; y += step) {
    svg.append(svgElement("path", { class: "grid", d: `M0 ${1 - y / most}H2` }));
    label("y", String(Number(y.toFixed(1))), { top: `${100 - (100 * y) / most}%` });
  }
  for (const x of [0, 0.5, 1, 1.5, 2]) label("x", String(x), { left: `${50 * x}%` });
}
