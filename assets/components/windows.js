// A text that is cut into rows and windows. Python packs it in rnnviz/figures/windows_message.py.
// Nothing is sent while a slider moves.
// Tokens are other people's text: they reach the page through textContent alone.

import { clamp, element, freePlace, hasModifier, readHeader, renewSignal, speak } from "./dom.js";
import { followRange, keepParts, keepToSend, newSending, readAnswer, sendNow } from "./sending.js";
import { cutTokens } from "./windows_cut.js";
import { layOutWindows } from "./windows_layout.js";
import { drawPair } from "./windows_pair.js";
import { drawStage, newCells } from "./windows_stage.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const end = keepParts(root, build, take, data, setStateValue);
  freePlace(root);
  return end;
}

function build(root) {
  const parts = { ...layOutWindows(root), sending: newSending() };
  const fit = new ResizeObserver(() => draw(parts));
  fit.observe(parts.stage);
  renewSignal(root).addEventListener("abort", () => fit.disconnect());
  for (const [name, { input }] of Object.entries(parts.sliders)) {
    const change = () => choose(parts, { [name]: Number(input.value) });
    followRange(parts.sending, input, change, () => send(parts));
  }
  for (const button of parts.buttons) button.onclick = () => fold(parts, button.view);
  parts.stage.onclick = ({ target }) => {
    const { sample, row } = target.dataset;
    if (sample === undefined) return;
    choose(parts, { window: Number(sample) + 1, row: Number(row) });
    send(parts);
  };
  parts.stage.onkeydown = (event) => step(parts, event);
  parts.stage.onkeyup = () => send(parts);
  parts.stage.onblur = () => send(parts);
  return parts;
}

// Take what Python says, but the choice only where nothing was done since
function take(parts, data) {
  const { buffer, isOld } = readAnswer(parts.sending, data);
  const [{ tokens, choice, most }] = readHeader(buffer);
  if (!isOld) parts.choice = { ...choice, row: parts.choice?.row ?? 0 };
  draw(parts);
  parts.sliders.rows.input.max = most.rows;
  parts.sliders.length.input.max = most.length;
  if (JSON.stringify(tokens) === JSON.stringify(parts.tokens)) return;
  Object.assign(parts, { tokens, cells: newCells(tokens) });
  parts.canvas.replaceChildren(parts.picture, ...parts.cells);
}

function send(parts) {
  sendNow(parts.sending);
  requestAnimationFrame(() => speak(parts.spoken, [parts.shape, parts.told, parts.which]));
}

function choose(parts, change) {
  const sentOf = ({ rows, length, window, view }) => [rows, length, window, view];
  const before = String(sentOf(parts.choice));
  Object.assign(parts.choice, change);
  settle(parts);
  const choice = sentOf(parts.choice);
  if (String(choice) !== before) keepToSend(parts.sending, "choice", choice);
  parts.stage.classList.remove("folds");
  draw(parts);
}

// Show the text in another way: its tokens move there
function fold(parts, view) {
  choose(parts, { view });
  parts.stage.classList.add("folds");
  send(parts);
}

function step(parts, event) {
  const { choice, cut } = parts;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[event.key];
  if (!move || hasModifier(event)) return;
  event.preventDefault();
  choose(parts, {
    window: clamp(choice.window - 1 + move[0], Math.max(1, cut.samples)) + 1,
    row: clamp(choice.row + move[1], choice.rows),
  });
}

// Cut anew; a window or a row that is not there any more gives way to the last one
function settle(parts) {
  const { choice, tokens } = parts;
  parts.cut = cutTokens(tokens.length, choice.rows, choice.length);
  choice.window = clamp(choice.window - 1, Math.max(1, parts.cut.samples)) + 1;
  choice.row = clamp(choice.row, choice.rows);
}

// At most once a frame
function draw(parts) {
  if (parts.waiting) return;
  parts.waiting = true;
  requestAnimationFrame(() => {
    parts.waiting = false;
    settle(parts);
    showChoice(parts);
    say(parts);
    if (parts.stage.clientWidth) drawStage(parts);
    drawPair(parts);
    bringIntoView(parts);
  });
}

function showChoice({ sliders, buttons, choice, cut }) {
  const { rows, length, window } = sliders;
  window.input.max = Math.max(1, cut.samples);
  window.input.disabled = cut.samples < 2;
  for (const [name, { input }] of Object.entries(sliders)) input.value = choice[name];
  rows.value.value = choice.rows;
  length.value.value = choice.length;
  window.value.value = cut.samples ? `${choice.window} of ${cut.samples}` : "none";
  window.input.setAttribute("aria-valuetext", window.value.value);
  for (const button of buttons) button.setAttribute("aria-pressed", button.view === choice.view);
}

function say({ shape, told, cut }) {
  const { count, samples, rows, length, used, leftOver } = cut;
  shape.replaceChildren(
    element("span", "", "(num_sample, batch_size, sequence_length)"),
    element("b", "", ` = (${samples}, ${rows}, ${length})`),
  );
  told.textContent = samples
    ? `${count} characters: ${samples} × ${rows} × ${length} = ${used} inputs, 1 last target (dashed), ${leftOver} fell off. ${steps(samples)} an epoch.`
    : `${count} character${count === 1 ? " is" : "s are"} too few: one window takes ${rows} × ${length} = ${rows * length} inputs and one more for the last target.`;
}

const steps = (count) => (count === 1 ? "1 step" : `${count} steps`);

// Inside the stage, never the page
function bringIntoView({ stage, cells, choice, cut }) {
  if (choice.view !== "windows" || !cut.samples) return;
  const lit = cells.filter((cell) => cell.classList.contains("chosen"));
  const at = (cell) => new DOMMatrix(cell.style.transform).e;
  const [left, right] = [at(lit[0]), at(lit.at(-1)) + lit[0].offsetWidth];
  if (left < stage.scrollLeft + 60) stage.scrollLeft = left - 60;
  else if (right > stage.scrollLeft + stage.clientWidth)
    stage.scrollLeft = right - stage.clientWidth + 30;
}
