// What a message of rnnviz/figures/shapes_message.py says of columns and states.

import { readHeader } from "./dom.js";

export function decodeShapes(buffer) {
  const [view, end] = readHeader(buffer);
  const codes = new Int8Array(buffer, end, view.states * view.units);
  const pixels = new Uint8Array(buffer, end + codes.length);
  const before = view.columns.findIndex(
    ({ part }, n) => part === "encoder" && view.columns[n + 1]?.part === "decoder",
  );
  const gradients = view.columns.map(({ gradient }) => gradient).filter((g) => g !== null);
  const has = (name) => view.columns.some((column) => column[name] !== null && column[name] !== "");
  return Object.assign(view, {
    codes,
    pixels,
    decoder: before + 1, // the first column of the decoder, 0 for none
    gradients: { least: Math.min(...gradients), most: Math.max(...gradients) },
    hasParts: has("part"),
    hasOutputs: has("said"),
    hasStates: has("state"),
    hasTruth: has("truth"),
    hasLosses: view.columns.some(({ loss }) => loss),
    hasPictures: has("picture"),
  });
}

// Where a picture's bytes become a canvas of one pixel a cell
export function paintPicture(canvas, { rows, columns, at }, pixels) {
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  for (let n = 0; n < rows * columns; n++)
    image.data.set([...pixels.subarray(at + 3 * n, at + 3 * n + 3), 255], 4 * n);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
