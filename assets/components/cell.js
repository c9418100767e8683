// Cells as circuits, with the numbers of a run at a token of a text: one unit, or the whole layer.
// Python packs the data in rnnviz/figures/cell_message.py. Moving over the tokens asks the server
// for nothing; holding a gate does.
// Tokens are other people's text: they reach the page through textContent alone.

import { valuesAt } from "./cell_circuit.js";
import { holdPanel } from "./cell_hold.js";
import { followKeys } from "./cell_keys.js";
import { layerView } from "./cell_layer.js";
import { nextTokens, stateLines } from "./cell_next.js";
import { toolbar } from "./cell_toolbar.js";
import { unitView } from "./cell_unit.js";
import {
  announce,
  clamp,
  element,
  hideOnScroll,
  listen,
  makeFocusable,
  modelHeader,
  readHeader,
  redraw,
  renewSignal,
  sender,
  spokenLine,
  told,
} from "./dom.js";
import { colorTables } from "./heatmaps_colors.js";
import { markToken, textBlock, tokenAt } from "./tokens.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  return redraw(root, "[tabindex]", () => build(root, decode(data), sender(setStateValue)));
}

function decode(message) {
  const { buffer } = message.slice(); // a copy, because the message may be unaligned
  const [view, end] = readHeader(buffer);
  const numbers = new Float32Array(buffer, end, view.numbers);
  view.codes = new Uint16Array(buffer, end + numbers.byteLength);
  for (const model of view.models) {
    const steps = view.texts[model.text].tokens.length;
    for (const [name, at] of Object.entries(model.series)) {
      const isState = name === "c" || name === "h";
      model.series[name] = numbers.subarray(at, at + steps + isState);
    }
  }
  return view;
}

// `parts` is what the functions below share: the root, the data, and what is drawn of it. The root
// keeps `place`, that of the token in the raw text, and `depth`, "unit" or "layer".
function build(root, view, send) {
  const signal = renewSignal(root);
  const tables = colorTables(view.scales, root);
  const written = JSON.stringify(view.texts.map(({ tokens }) => tokens));
  if (root.written !== written) Object.assign(root, { written, place: tellingPlace(view) });
  root.depth ??= "unit";
  const parts = { root, view, tables, elsewhere: null };
  parts.texts = view.texts.map((text, k) =>
    textBlock(text, k, tables[text.scale], "left and right move over the tokens"),
  );
  parts.cards = view.models.map((model, m) => card(parts, model, m, send));
  layOut(parts);
  followText(parts);
  followKeys(parts, (by, text) => step(parts, by, text));
  followPage(parts, signal);
  takeAnswers(parts, told("held") ?? []);
}

// Where the first model's unit changes most
function tellingPlace({ models: [model], texts }) {
  const held = model.series.c ?? model.series.h;
  let best = 0;
  for (let t = 1; t < held.length - 1; t++) {
    const change = (n) => Math.abs(held[n + 1] - held[n]);
    if (change(t) > change(best)) best = t;
  }
  return texts[model.text].starts[best];
}

// What stands on the page

function layOut(parts) {
  const { root, texts, cards } = parts;
  const body = element("div", "body");
  const grid = element("div", "cards");
  grid.classList.toggle("alone", cards.length === 1);
  grid.append(...cards.map(({ block }) => block));
  parts.spoken = spokenLine();
  const bar = toolbar(parts, {
    setDepth: (depth) => setDepth(parts, depth),
    step: (by) => step(parts, by),
  });
  body.append(bar, ...texts, grid);
  root.replaceChildren(body, parts.spoken);
  setDepth(parts, root.depth);
}

function setDepth(parts, depth) {
  parts.root.depth = depth;
  parts.root.classList.toggle("by-layer", depth === "layer");
  for (const each of parts.depths) each.setAttribute("aria-pressed", each.depth === depth);
  update(parts);
}

function card(parts, model, m, send) {
  const { view, tables } = parts;
  const text = view.texts[model.text];
  const block = element("section", "card");
  const layer = model.layers > 1 ? `, layer ${model.layer} of ${model.layers}` : "";
  const header = modelHeader(model, element("span", "note", `unit ${model.unit}${layer}`));
  const unit = unitView(model, tables);
  makeFocusable(unit.svg, "");
  const layerStrips = layerView(model, view.codes, tables, (n) => send("unit", [m, n]));
  const next = nextTokens(model);
  const lines = stateLines(model, (t) => moveTo(parts, text.starts[t]));
  const made = { model, text, block, unit, layerStrips, next, lines, answer: null };
  const ask = ({ start, pairs }) => {
    if (!pairs.length) takeAnswer(parts, made, null);
    const from = start === null ? 0 : start + text.first - 1;
    send("held", { key: model.key, start: from, pairs });
  };
  made.hold = holdPanel(model, ask, () => here(parts, made));
  const left = element("div", "drawn");
  left.append(unit.svg, layerStrips.block, next.block);
  const right = element("div", "written");
  right.append(unit.equations, unit.says, lines.block, made.hold.block);
  block.append(header, left, right);
  return made;
}

// The token under the cursor as a card sees it, and what its unit does there
function here(parts, { model, text, answer }) {
  const t = tokenAt(text, placeOf(parts)) ?? 0;
  const isHeld = answer !== null && t >= answer.start;
  const series = isHeld ? answer.series : model.series;
  const name = (n) => `${n + text.first} “${text.tokens[Math.max(0, n)]}”`;
  return { t, isHeld, series, values: valuesAt(model, series, t), name };
}

// The cursor. Another component may show a place for as long as the pointer is over it.

const placeOf = ({ root, elsewhere }) => elsewhere ?? root.place;

function update(parts) {
  const { root, view, texts, cards } = parts;
  const place = placeOf(parts);
  texts.forEach((block, k) => {
    markToken(block, view.texts[k], place, null);
  });
  const [text] = view.texts;
  const t = tokenAt(text, place) ?? 0;
  parts.where.textContent = `token ${t + text.first}: ${text.tokens[t]}`;
  for (const each of cards) showCard(parts, each, root.depth);
}

function showCard(parts, each, depth) {
  const { text, answer } = each;
  const { t, isHeld, series } = here(parts, each);
  each.next.show(t, answer, isHeld, text.tokens[t + 1] ?? null);
  if (depth === "layer") {
    each.layerStrips.show(t);
    return;
  }
  each.unit.show(t, text.tokens[t], series, isHeld ? new Map(answer.pairs) : null);
  each.lines.show(t);
  each.hold.show();
}

function moveTo(parts, place) {
  Object.assign(parts, { elsewhere: null });
  parts.root.place = place;
  update(parts);
  announce("place", { root: parts.root, place });
}

// By the tokens of one text: the first, or that of the card that has the focus
function step(parts, by, text = parts.view.texts[0]) {
  const t = tokenAt(text, placeOf(parts)) ?? 0;
  moveTo(parts, text.starts[clamp(t + by, text.tokens.length)]);
}

// The pointer

function followText(parts) {
  parts.texts.forEach((block, k) => {
    block.onclick = (event) => {
      const { index } = event.composedPath()[0];
      if (index !== undefined) moveTo(parts, parts.view.texts[k].starts[index]);
    };
  });
}

// The rest of the page

function followPage(parts, signal) {
  const mirror = ({ root: other, place }) => {
    if (other === parts.root) return;
    parts.elsewhere = place ?? null;
    update(parts);
  };
  listen("place", mirror, signal);
  listen("held", (answers) => takeAnswers(parts, answers), signal);
  for (const { layerStrips } of parts.cards) hideOnScroll(layerStrips.tip, signal);
}

// What the server computed for held units: answers of other units and texts are not ours
function takeAnswers(parts, answers) {
  for (const each of parts.cards) {
    const answer = answers.find(({ key }) => key === each.model.key) ?? null;
    if (each.hold.settles(answer)) takeAnswer(parts, each, answer);
  }
}

function takeAnswer(parts, each, answer) {
  each.answer = answer;
  each.lines.hold(answer);
  each.hold.take(answer);
  showCard(parts, each, parts.root.depth);
}
