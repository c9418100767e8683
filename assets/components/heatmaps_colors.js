// The colours of heatmaps and texts. A table is 256 colours [r, g, b] from one end of a scale to
// the other.

import { clamp, element } from "./dom.js";

const luminance = ([r, g, b]) => 0.3 * r + 0.59 * g + 0.11 * b;

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

// A value from its code: see rnnviz/figures/heatmap_message.py
export function valueAt({ from, to, smallest }, code) {
  const level = from + ((to - from) * code) / 65535;
  return smallest ? smallest * Math.sinh(level) : level;
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
  return Object.fromEntries(Object.entries(stops).map(([name, rgb]) => [name, interpolate(rgb)]));
}

function interpolate(stops) {
  return Array.from({ length: 256 }, (_, n) => {
    const at = (n / 255) * (stops.length - 1);
    const left = stops[Math.floor(at)];
    const right = stops[Math.ceil(at)];
    return left.map((part, k) => Math.round(part + (right[k] - part) * (at % 1)));
  });
}

function colorOf(value, { lo, hi, by_tanh: byTanh }, table) {
  const coloured = byTanh ? Math.tanh(value) : value;
  return table[clamp(Math.round((255 * (coloured - lo)) / (hi - lo)), 256)];
}

// Colour a token by its value, its letters white or black, whichever is easier to read
export function tint(token, ends, value, table) {
  const rgb = colorOf(value, ends, table);
  token.style.backgroundColor = css(rgb);
  token.style.color = luminance(rgb) < 140 ? "#fff" : "#111";
}

// Colour a text by one row of a heatmap whose rows are losses: how much each token matters for the
// loss after token `row`. The token that matters most has the colour of the upper end; tokens
// after `row` have no influence and no colour, and neither has any where the loss does not count.
export function tintByLoss({ tokens }, { panels: [panel] }, values, row, table) {
  const start = panel.offset + row * tokens.length;
  const most = Math.max(...values.subarray(start, start + tokens.length));
  const hi = valueAt(panel, most);
  const ends = { lo: hi - (panel.hi - panel.lo), hi };
  tokens.forEach((token, i) => {
    if (row === null || i > row || !most)
      Object.assign(token.style, { backgroundColor: "", color: "" });
    else tint(token, ends, valueAt(panel, values[start + i]), table);
  });
}

// A canvas with one pixel a cell. Codes are looked up by their upper 12 bits.
export function paintedCanvas(panel, columns, rows, values, table) {
  const canvas = element("canvas");
  if (!columns || !rows) return canvas;
  Object.assign(canvas, { width: columns, height: rows });
  const packed = Uint32Array.from({ length: 4096 }, (_, n) => {
    const [r, g, b] = colorOf(valueAt(panel, (n / 4095) * 65535), panel, table);
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const nothing = panel.scale === "log" ? 0 : packed[0]; // code 0 of a log scale: no value
  for (let k = 0; k < pixels.length; k++) {
    const code = values[panel.offset + k];
    pixels[k] = code ? packed[code >> 4] : nothing;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
