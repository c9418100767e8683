// Tokens and heatmaps of many units with one cursor over all of them. Python packs the data in
// rnnviz/figures/heatmap_message.py.
// Tokens are other people's text: they reach the page through textContent alone.

import {
  clamp,
  hasModifier,
  hideOnScroll,
  listen,
  readHeader,
  redraw,
  renewSignal,
  sender,
  told,
} from "./dom.js";
import { cursorOf, mark, NO_CELL, NOWHERE } from "./heatmaps_cursor.js";
import { layOut } from "./heatmaps_layout.js";
import { tokenAt } from "./tokens.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  return redraw(root, "[tabindex]", () => build(root, decode(data), sender(setStateValue)));
}

function decode(message) {
  const { buffer } = message.slice(); // a copy, because the message may be unaligned
  const [view, end] = readHeader(buffer);
  view.codes = new Uint16Array(buffer, end);
  return view;
}

// `parts` is what the functions below share: the root, the data, and what is drawn of it
function build(root, view, send) {
  const signal = renewSignal(root);
  const parts = { root, view, ...layOut(root, view) };
  const cursor = cursorOf(parts);
  const choice = choiceOf(parts, send);
  followPointer(parts, cursor, choice);
  followKeys(parts, cursor, choice);
  followPage(parts, cursor, choice, signal);
  cursor.move({}, null);
}

// What a click or Enter chooses: a row of a model, or the token that the cursor goes back to

function choiceOf({ root, view, models }, send) {
  const select = (m, row) => {
    models.forEach(({ panels }, k) => {
      const { length } = view.models[k].units;
      for (const panel of panels) mark(panel.chosen, k === m ? row : null, length);
    });
  };
  const choose = ({ text, model, row, place }) => {
    if (row !== null) {
      select(model, row);
      send("unit", [model, view.models[model].units[row], place]);
    } else {
      const again = tokenAt(view.texts[text], root.pinned) === tokenAt(view.texts[text], place);
      root.pinned = again ? null : place;
      send("token", place);
    }
  };
  const unpin = () => {
    root.pinned = null;
  };
  return { select, choose, unpin };
}

// The pointer

function followPointer({ root, view }, cursor, choice) {
  root.onpointermove = (event) => {
    const at = hit(event, view);
    if (at) cursor.show(at, event);
    else cursor.leave();
  };
  root.onpointerleave = cursor.leave;
  root.onclick = (event) => {
    const at = hit(event, view);
    if (!at) return;
    choice.choose(at);
    cursor.show(at, event); // a finger has no hover before its click
  };
}

// What lies under the pointer: a token of a text, or a cell of a heatmap
function hit(event, view) {
  const target = event.composedPath()[0];
  if (target.index !== undefined) {
    const { text, index } = target;
    return { ...NO_CELL, text, place: view.texts[text].starts[index] };
  }
  const area = target.closest?.(".area");
  const model = view.models[area?.model];
  if (!model?.units.length || !view.texts[model.text].tokens.length) return null;
  const { starts } = view.texts[model.text];
  const box = area.getBoundingClientRect();
  const part = (at, start, size, count) => clamp(Math.floor(((at - start) / size) * count), count);
  return {
    place: starts[part(event.clientX, box.left, box.width, starts.length)],
    text: model.text,
    model: area.model,
    row: part(event.clientY, box.top, box.height, model.units.length),
    panel: area.panel,
  };
}

// The keyboard

function followKeys(parts, cursor, choice) {
  const { root, view } = parts;
  root.onfocusout = cursor.leave;
  root.onkeydown = (event) => {
    if (event.key === "Escape" && (cursor.at.place ?? root.pinned) !== null) {
      choice.unpin();
      cursor.leave();
    }
    const focused = focusedOn(event.target, parts);
    if (!focused || hasModifier(event)) return;
    const to = keyTarget(event.key, focused, cursor.at, view);
    if (!to) return;
    event.preventDefault();
    if (event.key === "Enter") choice.choose(to);
    cursor.show(to, "cell");
  };
}

// The number of the text that has the focus, or of the focused model and its text
function focusedOn(target, { view, texts, models }) {
  const text = texts.indexOf(target);
  if (text >= 0) return { text, model: null };
  const model = models.findIndex(({ grid }) => grid === target);
  return model < 0 ? null : { text: view.models[model].text, model };
}

// Where a key moves the cursor; null for other keys and for an empty text
function keyTarget(key, { text, model }, at, view) {
  const { tokens, starts } = view.texts[text];
  if (!tokens.length) return null;
  const rows = view.models[model]?.units.length ?? 0;
  const token = tokenAt(view.texts[text], at.place) ?? 0;
  const row = at.model === model && at.row !== null ? at.row : 0;
  const moves = {
    ArrowLeft: [token - 1, row],
    ArrowRight: [token + 1, row],
    Home: [0, row],
    End: [tokens.length - 1, row],
    Enter: [token, row],
    ...(rows && { ArrowUp: [token, row - 1], ArrowDown: [token, row + 1] }),
  };
  if (!moves[key]) return null;
  const cell = rows ? { model, row: clamp(moves[key][1], rows), panel: null } : NO_CELL;
  return { ...cell, text, place: starts[clamp(moves[key][0], tokens.length)] };
}

// The rest of the page

function followPage({ root, view, tip }, cursor, choice, signal) {
  // A control elsewhere chooses the unit: [model, unit]
  const select = ([m, unit]) => {
    if (view.models[m]) choice.select(m, view.models[m].units.indexOf(unit));
  };
  const mirror = ({ root: other, place }) => {
    if (other !== root) cursor.move({ ...NOWHERE, place: place ?? root.pinned }, null);
  };
  listen("place", mirror, signal);
  listen("unit", select, signal);
  hideOnScroll(tip, signal);
  select(told("unit") ?? []);
}
