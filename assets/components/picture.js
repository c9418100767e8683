// A small picture that is painted by pointer or keyboard. Python packs the data in
// rnnviz/figures/picture_message.py. Nothing is sent while the pointer is down.

import { clamp, freePlace, hasModifier, readHeader } from "./dom.js";
import { arrowOf, followPointer, listenToGrid } from "./grid.js";
import { fillTools, layOutPicture, showPicture } from "./picture_layout.js";
import { lineBetween, rgbOf, shifted } from "./picture_pixels.js";
import { keepParts, keepToSend, newSending, readAnswer, sendNow, sendSoon } from "./sending.js";

const MOVE = "move";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const end = keepParts(root, build, take, data, setStateValue);
  freePlace(root);
  return end;
}

function build(root) {
  const parts = { ...layOutPicture(root), sending: newSending(), cursor: [0, 0], tool: 0 };
  listenToGrid(root, parts, onPointer, onKey);
  return parts;
}

// Take what Python says, but the pixels only where nothing was painted since
function take(parts, data) {
  const { buffer, isOld } = readAnswer(parts.sending, data);
  const [view, end] = readHeader(buffer);
  const { size, palette, background } = view;
  const written = JSON.stringify(view);
  if (written !== parts.written) {
    const colors = [...palette, { name: "erase", color: background }];
    const tools = [
      ...colors.map((color, n) => ({ ...color, tool: n })),
      { name: MOVE, tool: MOVE },
    ];
    Object.assign(parts, { written, size, colors });
    parts.cursor = parts.cursor.map((at) => clamp(at, size));
    fillTools(
      parts,
      tools,
      (tool) => choose(parts, tool),
      () => clear(parts),
    );
  }
  const isOther = parts.pixels?.length !== 3 * size * size;
  if (!isOld || isOther) parts.pixels = [...new Uint8Array(buffer, end, 3 * size * size)];
  showPicture(parts);
}

function choose(parts, tool) {
  parts.tool = tool;
  showPicture(parts);
}

const backgroundOf = ({ colors }) => rgbOf(colors.at(-1).color);

function change(parts, pixels) {
  if (String(pixels) === String(parts.pixels)) return;
  parts.pixels = pixels;
  keepToSend(parts.sending, "pixels", pixels);
}

function clear(parts) {
  const empty = backgroundOf(parts);
  change(
    parts,
    Array.from(parts.pixels, (_, n) => empty[n % 3]),
  );
  showPicture(parts);
  sendNow(parts.sending);
  parts.spoken.textContent = "The picture is empty.";
}

function paint(parts, cells) {
  const rgb = rgbOf(parts.colors[parts.tool].color);
  const pixels = [...parts.pixels];
  for (const [x, y] of cells) pixels.splice(3 * (y * parts.size + x), 3, ...rgb);
  change(parts, pixels);
}

function onPointer(parts, event) {
  if (event.button !== 0) return;
  event.preventDefault();
  const { grid, size, tool } = parts;
  grid.focus({ preventScroll: true });
  const [before, empty] = [parts.pixels, backgroundOf(parts)];
  let from = null;
  const move = (cell) => {
    from ??= cell;
    if (tool === MOVE) {
      change(parts, shifted(before, size, cell[0] - from[0], cell[1] - from[1], empty));
    } else {
      paint(parts, lineBetween(from, cell));
      from = cell;
    }
    parts.cursor = cell;
    showPicture(parts);
  };
  followPointer(grid, event, size, move, () => sendNow(parts.sending));
}

function onKey(parts, event) {
  const arrow = arrowOf(event.key);
  const isPaint = event.key === " " || event.key === "Enter";
  if (hasModifier(event) || !(arrow || isPaint)) return;
  event.preventDefault();
  const { size, cursor, tool } = parts;
  if (arrow && event.shiftKey)
    change(parts, shifted(parts.pixels, size, ...arrow, backgroundOf(parts)));
  else if (arrow) parts.cursor = cursor.map((at, n) => clamp(at + arrow[n], size));
  else if (tool !== MOVE) paint(parts, [cursor]);
  showPicture(parts);
  sendSoon(parts.sending);
  say(parts);
}

function say({ spoken, cursor: [x, y], size, pixels, colors }) {
  const at = 3 * (y * size + x);
  const rgb = String(pixels.slice(at, at + 3));
  const found = colors.find(({ color }) => String(rgbOf(color)) === rgb);
  const name = found === colors.at(-1) ? "empty" : (found?.name ?? `color ${rgb}`);
  spoken.textContent = `row ${y + 1}, column ${x + 1}: ${name}`;
}
