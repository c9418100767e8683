// The five shapes of input and output, and the chosen one with its values, which lights up step by
// step. Python packs the data in rnnviz/figures/shapes_message.py. Nothing is sent while a slider
// moves. Tokens are other people's text: textContent alone.

import { clamp, freePlace, hasModifier, renewSignal, speak } from "./dom.js";
import { colorTable } from "./heatmaps_colors.js";
import {
  followRange,
  keepParts,
  keepToSend,
  newSending,
  readAnswer,
  sendNow,
  sendSoon,
} from "./sending.js";
import { drawBoxes } from "./shapes_boxes.js";
import { decodeShapes } from "./shapes_data.js";
import { drawArrows, paintStates } from "./shapes_draw.js";
import { fillGallery, markShape } from "./shapes_gallery.js";
import { centerOf, layOutShapes, placeColumns, slideTo } from "./shapes_layout.js";
import { drawKeys, sayStep } from "./shapes_words.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  return keepParts(root, build, take, data, setStateValue);
}

function build(root) {
  const parts = { ...layOutShapes(root), sending: newSending(), first: 0, step: 0 };
  const { stage, slider, sending } = parts;
  const fit = new ResizeObserver(() => draw(parts));
  fit.observe(stage);
  renewSignal(root).addEventListener("abort", () => {
    fit.disconnect();
    clearTimeout(sending.timer);
  });
  const change = () => go(parts, Number(slider.input.value) - 1);
  followRange(sending, slider.input, change, () => settle(parts));
  stage.onclick = ({ clientX }) => {
    go(parts, columnAt(parts, clientX - stage.getBoundingClientRect().left));
    settle(parts);
  };
  stage.onkeydown = (event) => onKey(parts, event);
  stage.onblur = () => sendNow(sending);
  parts.gallery.addEventListener("focusout", ({ relatedTarget }) => {
    if (!parts.gallery.contains(relatedTarget)) sendNow(sending);
  });
  return parts;
}

// Take what Python says, but the choice and the step only where nothing was done since
function take(parts, data) {
  const { buffer, isOld } = readAnswer(parts.sending, data);
  const view = decodeShapes(buffer);
  const shapes = JSON.stringify(view.shapes);
  if (shapes !== parts.shapes)
    fillGallery(parts.gallery, view.shapes, (n, byKey) => choose(parts, n, byKey));
  const table = colorTable(view.scale);
  Object.assign(parts, { view, shapes, table });
  if (!isOld) Object.assign(parts, { chosen: view.chosen, step: view.step });
  parts.step = clamp(parts.step, view.columns.length);
  parts.slider.input.max = view.columns.length;
  parts.slider.block.hidden = view.columns.length < 2;
  parts.stage.hidden = !view.columns.length;
  markShape(parts.gallery, parts.chosen);
  drawKeys(parts.keys, view, table);
  draw(parts);
}

function choose(parts, n, byKey) {
  if (n === parts.chosen) return;
  parts.chosen = n;
  markShape(parts.gallery, n);
  keepToSend(parts.sending, "shape", n);
  if (byKey) sendSoon(parts.sending);
  else sendNow(parts.sending);
}

function go(parts, to) {
  const step = clamp(to, parts.view.columns.length);
  if (step === parts.step) return;
  parts.step = step;
  keepToSend(parts.sending, "step", step);
  draw(parts);
}

// The pointer was released
function settle(parts) {
  sendNow(parts.sending);
  requestAnimationFrame(() => speak(parts.spoken, [parts.told]));
}

function onKey(parts, event) {
  const all = parts.view.columns.length;
  const { step } = parts;
  const to = { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: all - 1 }[event.key];
  if (to === undefined || hasModifier(event)) return;
  event.preventDefault();
  go(parts, to);
  sendSoon(parts.sending);
  requestAnimationFrame(() => speak(parts.spoken, [parts.told]));
}

// The column in view whose middle is nearest
function columnAt(parts, x) {
  const { place, first } = parts;
  const far = (n) => Math.abs(centerOf(parts, n) - x);
  let nearest = first;
  for (let n = first; n < first + place.count; n++) if (far(n) < far(nearest)) nearest = n;
  return nearest;
}

// At most once a frame
function draw(parts) {
  if (parts.waiting) return;
  parts.waiting = true;
  requestAnimationFrame(() => {
    parts.waiting = false;
    const { root, view, stage, slider } = parts;
    if (!view.columns.length) freePlace(root);
    if (!stage.clientWidth || !view.columns.length) return;
    parts.place = placeColumns(view, stage.clientWidth);
    parts.first = slideTo(parts.first, parts.step, parts.place);
    slider.input.value = parts.step + 1;
    stage.style.height = `${parts.place.bottom}px`;
    paintStates(parts, parts.table);
    drawArrows(parts);
    drawBoxes(parts);
    sayStep(parts);
    freePlace(root); // only now: until it is drawn it has its height from the page
  });
}
