// What editors of a grid of cells share: the cell under the pointer, and the cells on the way to it.

import { clamp, renewSignal } from "./dom.js";
import { sendNow } from "./sending.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// By how many cells an arrow key goes, undefined for another key
export const arrowOf = (key) => ARROWS[key];

// Of parts with a grid and a sending: `onPointer(parts, event)` when the pointer goes down
export function listenToGrid(root, parts, onPointer, onKey) {
  const { grid, sending } = parts;
  renewSignal(root).addEventListener("abort", () => clearTimeout(sending.timer));
  grid.onpointerdown = (event) => onPointer(parts, event);
  grid.onkeydown = (event) => onKey(parts, event);
  grid.onblur = () => sendNow(sending);
}

// Column and row of the cell under the pointer, or of the nearest one
export function cellAt(grid, { clientX, clientY }, size) {
  const { left, top, width, height } = grid.getBoundingClientRect();
  const x = Math.floor((size * (clientX - left)) / width);
  const y = Math.floor((size * (clientY - top)) / height);
  return [clamp(x, size), clamp(y, size)];
}

// While the pointer is down: `move(cell)` for each cell it comes to, `end()` when it is released
export function followPointer(grid, event, size, move, end) {
  let last = null;
  const go = (moved) => {
    const cell = cellAt(grid, moved, size);
    if (String(cell) !== String(last)) move(cell);
    last = cell;
  };
  const stop = () => {
    Object.assign(grid, { onpointermove: null, onpointerup: null, onpointercancel: null });
    end();
  };
  grid.setPointerCapture(event.pointerId);
  Object.assign(grid, { onpointermove: go, onpointerup: stop, onpointercancel: stop });
  go(event);
}
