// A film of a dot that a person moves, frame by frame. Python packs the data in
// rnnviz/figures/film_message.py. Nothing is sent while the dot is dragged.

import { freePlace, hasModifier, readHeader } from "./dom.js";
import { drawFilm, layOutFilm } from "./film_layout.js";
import { arrowOf, cellAt, followPointer, listenToGrid } from "./grid.js";
import { keepParts, keepToSend, newSending, readAnswer, sendNow, sendSoon } from "./sending.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const end = keepParts(root, build, take, data, setStateValue);
  freePlace(root);
  return end;
}

function build(root) {
  const parts = { ...layOutFilm(root), sending: newSending() };
  const { undo, clear } = parts;
  listenToGrid(root, parts, onPointer, onKey);
  undo.onclick = () => cut(parts, -1);
  clear.onclick = () => cut(parts, 1);
  return parts;
}

// Take what Python says, but the path only where no frame was made since
function take(parts, data) {
  const { buffer, isOld } = readAnswer(parts.sending, data);
  const [view] = readHeader(buffer);
  Object.assign(parts, { view, path: isOld ? parts.path : view.path });
  drawFilm(parts);
}

// Keep a part of the frames, by the end of a slice
function cut(parts, end) {
  if (parts.path.length < 2) return;
  change(parts, parts.path.slice(0, end));
  sendNow(parts.sending);
}

function change(parts, path) {
  parts.path = path;
  keepToSend(parts.sending, "path", path);
  say(parts, "");
  drawFilm(parts);
}

// Append a frame for each cell on the way, along x first, as long as the film has room
function walk(parts, [toX, toY]) {
  const path = [...parts.path];
  let [x, y] = path.at(-1);
  while (path.length < parts.view.most && (x !== toX || y !== toY)) {
    if (x !== toX) x += Math.sign(toX - x);
    else y += Math.sign(toY - y);
    path.push([x, y]);
  }
  if (path.length > parts.path.length) change(parts, path);
  if (path.length === parts.view.most && (x !== toX || y !== toY)) say(parts, fullText(parts));
}

const fullText = ({ view }) => `The film is full: ${view.most} frames.`;

// A drag begins at the dot
function onPointer(parts, event) {
  if (event.button !== 0) return;
  event.preventDefault();
  const { grid, view } = parts;
  grid.focus({ preventScroll: true });
  if (String(cellAt(grid, event, view.size)) !== String(parts.path.at(-1))) {
    say(parts, "Drag the dot itself, or use the arrow keys.");
    return;
  }
  grid.classList.add("held");
  const end = () => {
    grid.classList.remove("held");
    sendNow(parts.sending);
  };
  followPointer(grid, event, view.size, (cell) => walk(parts, cell), end);
}

function onKey(parts, event) {
  const arrow = arrowOf(event.key);
  const isUndo = event.key === "Backspace";
  if (!(arrow || isUndo) || hasModifier(event)) return;
  event.preventDefault();
  if (isUndo) {
    cut(parts, -1);
    return;
  }
  const to = parts.path.at(-1).map((at, n) => at + arrow[n]);
  const isWall = to.some((at) => at < 0 || at >= parts.view.size);
  if (isWall && parts.path.length < parts.view.most) say(parts, "There is a wall.");
  else walk(parts, to);
  sendSoon(parts.sending);
}

function say({ note }, words) {
  note.textContent = words;
}
