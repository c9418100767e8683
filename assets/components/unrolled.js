// A network unrolled in time: up to 16 copies of it, a window that slides over a longer text. Python
// packs the data in rnnviz/figures/unrolled_message.py.
// Tokens are other people's text: they reach the page through textContent alone.

import { clamp, renewSignal, speak } from "./dom.js";
import { colorTables, css } from "./heatmaps_colors.js";
import { followRange, keepToSend, redrawAnswer, sendValue } from "./sending.js";
import { drawRows } from "./unrolled_copies.js";
import { decodeCopies } from "./unrolled_data.js";
import { drawNet, geometry, paintStrips, widthOf } from "./unrolled_draw.js";
import { layOutCopies } from "./unrolled_layout.js";
import { say } from "./unrolled_words.js";

const NARROWEST = 44; // pixels a copy
const GUTTER = { one: 46, many: 68 }; // pixels for the names of rows

export default function (answer) {
  const root = answer.parentElement.querySelector(".root");
  return redrawAnswer(root, "button, input", answer, (buffer) => build(root, decodeCopies(buffer)));
}

function build(root, view) {
  const signal = renewSignal(root);
  const table = colorTables(view.scales, root).diverging.map(css);
  root.style.setProperty("--model", view.color);
  const parts = { root, view, table, ...layOutCopies(root, view, table, widthOf) };
  parts.choice = kept(root, view);
  const fit = new ResizeObserver(() => resize(parts));
  fit.observe(parts.stage);
  signal.addEventListener("abort", () => fit.disconnect());
  followSliders(parts);
  followWeights(parts);
  resize(parts);
}

// The root keeps the choice while new data has the same text, and names no loss anew
function kept(root, view) {
  const written = JSON.stringify([view.tokens, view.opened]);
  if (root.written !== written) {
    root.choice = { target: view.target, first: null, window: 0 };
    root.written = written;
  }
  Object.assign(root.choice, { lit: null, forgetting: null });
  return root.choice;
}

function resize(parts) {
  const { view, stage, choice } = parts;
  const width = stage.clientWidth;
  if (!width || width === parts.width) return;
  parts.width = width;
  const gutter = view.layers > 1 ? GUTTER.many : GUTTER.one;
  const most = Math.floor((width - gutter) / NARROWEST);
  const count = Math.max(1, Math.min(view.copies, view.steps, most));
  parts.place = geometry(view, width, gutter, count);
  choice.first = clamp(choice.first ?? choice.target - count + 1, view.steps - count + 1);
  stage.style.setProperty("--copies", count);
  stage.style.setProperty("--gutter", `${gutter}px`);
  setRanges(parts, count);
  draw(parts);
}

function setRanges({ view, forget, first, window, choice, place }, count) {
  Object.assign(first.input, { max: view.steps - count, value: choice.first });
  first.block.hidden = view.steps === count;
  Object.assign(window.input, { min: 1, max: count + 1, value: choice.window || count + 1 });
  Object.assign(forget.input, { max: count - 1 });
  forget.block.style.setProperty("--column", `${place.column}px`);
}

// Draw what the choice changes, at most once a frame
function draw(parts) {
  if (parts.waiting) return;
  parts.waiting = true;
  requestAnimationFrame(() => {
    parts.waiting = false;
    const { canvas, picture, view, place, choice, table } = parts;
    paintStrips(canvas, view, place, choice.first, table);
    drawRows(parts, (t) => choose(parts, t));
    drawNet(picture, view, place, choice);
    light(parts);
    say(parts);
  });
}

function choose(parts, t) {
  const { root, picture, choice } = parts;
  choice.target = t;
  picture.classList.remove("runs");
  draw(parts);
  requestAnimationFrame(() => {
    picture.classList.add("runs"); // the arrows appear one after the other, from the loss back
    speak(parts.spoken, [parts.told]);
  });
  sendValue(root.sending, "loss", t);
}

// The sliders. While they move nothing is sent.

function followSliders(parts) {
  const { choice, forget, first, window, remember } = parts;
  const { sending } = parts.root;
  const moved = (change) => {
    parts.picture.classList.remove("runs");
    Object.assign(choice, change);
    draw(parts);
  };
  first.input.oninput = () => moved({ first: Number(first.input.value) });
  window.input.oninput = () => {
    const value = Number(window.input.value);
    moved({ window: value > parts.place.count ? 0 : value });
  };
  const placeOf = () =>
    Number(forget.input.value) ? choice.first + Number(forget.input.value) : 0;
  followRange(sending, forget.input, () => {
    moved({ forgetting: placeOf() });
    keepToSend(sending, "forget", placeOf());
  });
  remember.onclick = () => sendValue(sending, "forget", 0);
}

// One matrix, lit in all copies

function followWeights(parts) {
  const { buttons, picture, choice } = parts;
  const lit = (n) => {
    choice.lit = n;
    light(parts);
  };
  for (const button of buttons) {
    button.onpointerenter = button.onfocus = button.onclick = () => lit(button.weight);
    button.onpointerleave = button.onblur = () => lit(null);
  }
  picture.onpointerover = ({ target }) =>
    lit(target.dataset.weight ? Number(target.dataset.weight) : null);
  picture.onpointerleave = () => lit(null);
}

function light({ buttons, picture, choice, net }) {
  net.classList.toggle("lights", choice.lit !== null);
  for (const button of buttons) button.setAttribute("aria-pressed", button.weight === choice.lit);
  for (const arrow of picture.querySelectorAll("[data-weight]"))
    arrow.classList.toggle("lit", Number(arrow.dataset.weight) === choice.lit);
}
