// The colours of heatmaps and texts. A table is 256 colours [r, g, b] from one end of a scale to
// the other.

import { clamp, element } from "./dom.js";

const luminance = ([r, g, b]) => 0.3 * r + 0.59 * g + 0.11 * b;

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

export const ZERO = 2 ** 15; // the code of 0

// A value from its code: see rnnviz/figures/heatmap_message.py
export function valueAt({ lowest }, code) {
  const step = Math.abs(code - ZERO) - 1;
  if (step < 0) return 0;
  const exponent = lowest + Math.floor(step / 900);
  return Math.sign(code - ZERO) * Number(`${100 + (step % 900)}e${exponent - 2}`);
}

// Whether the theme's background is dark. A canvas understands every way to write a colour.
function isDark(root) {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = getComputedStyle(root).getPropertyValue("--st-background-color") || "#fff";
  paint.fillRect(0, 0, 1, 1);
  return luminance(paint.getImageData(0, 0, 1, 1).data) < 128;
}

// The table of each scale, for the theme of the page
export function colorTables(scales, root) {
  const { diverging, diverging_dark: darkOne, ...others } = scales;
  const stops = { ...others, diverging: isDark(root) ? darkOne : diverging };
  return Object.fromEntries(Object.entries(stops).map(([name, rgb]) => [name, colorTable(rgb)]));
}

// 256 colours of a scale that is given by some of them
export function colorTable(stops) {
  return Array.from({ length: 256 }, (_, n) => {
    const at = (n / 255) * (stops.length - 1);
    const left = stops[Math.floor(at)];
    const right = stops[Math.ceil(at)];
    return left.map((part, k) => Math.round(part + (right[k] - part) * (at % 1)));
  });
}

function colorOf(level, { lo, hi }, table) {
  return table[clamp(Math.round((255 * (level - lo)) / (hi - lo)), 256)];
}

// Where a value of a panel lies on its scale, from lo to hi
function levelOf({ scale, by_tanh: byTanh }, value) {
  if (scale === "log") return Math.log10(value);
  return byTanh ? Math.tanh(value) : value;
}

// The colour of a value of a panel
export const colorAt = (panel, value, table) => css(colorOf(levelOf(panel, value), panel, table));

// Colour a token by its level on a scale, its letters white or black, whichever is easier to read
export function tint(token, ends, level, table) {
  const rgb = colorOf(level, ends, table);
  token.style.backgroundColor = css(rgb);
  token.style.color = luminance(rgb) < 140 ? "#fff" : "#111";
}

// Colour a text by one row of a heatmap whose rows are losses: how much each token matters for the
// loss after token `row`. The token that matters most has the colour of the upper end; tokens
// after `row` have no influence and no colour, and neither has any where the loss does not count.
export function tintByLoss({ tokens }, { panels: [panel] }, codes, row, table) {
  const start = panel.offset + row * tokens.length;
  const most = Math.max(...codes.subarray(start, start + tokens.length));
  const level = (code) => levelOf(panel, valueAt(panel, code));
  const ends = { lo: level(most) - (panel.hi - panel.lo), hi: level(most) };
  tokens.forEach((token, i) => {
    if (row === null || i > row || most === ZERO)
      Object.assign(token.style, { backgroundColor: "", color: "" });
    else tint(token, ends, level(codes[start + i]), table);
  });
}

// A canvas with one pixel a cell. The colour of each code is computed when it is first met; a zero
// on a log scale has none.
export function paintedCanvas(panel, columns, rows, codes, table) {
  const canvas = element("canvas");
  if (!columns || !rows) return canvas;
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const packed = new Uint32Array(2 ** 16);
  for (let k = 0; k < pixels.length; k++) {
    const code = codes[panel.offset + k];
    if (panel.scale === "log" && code === ZERO) continue;
    packed[code] ||= packedColor(levelOf(panel, valueAt(panel, code)), panel, table);
    pixels[k] = packed[code];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function packedColor(level, panel, table) {
  const [r, g, b] = colorOf(level, panel, table);
  return (255 << 24) | (b << 16) | (g << 8) | r;
}
