// Tokens and heatmaps of many units with one cursor; the message is rnnviz/heatmaps.py's.
// Tokens are other people's text: they reach the page through textContent alone.

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const focus = [...root.querySelectorAll("[tabindex]")].indexOf(root.getRootNode().activeElement);
  build(root, decode(data), setStateValue);
  root.querySelectorAll("[tabindex]")[focus]?.focus({ preventScroll: true });
  // Streamlit may clean up after one call when the next has already built upon it
  return () => root.isConnected || root.controller.abort();
}

const NO_CELL = { model: null, row: null, panel: null };
const NOWHERE = { place: null, ...NO_CELL };

function build(root, view, send) {
  root.controller?.abort(); // the document's listeners of the data before
  root.controller = new AbortController();
  const { signal } = root.controller;
  const colors = lookUpTables(view.scales, isDark(root));
  const shared = legends(view);
  const texts = view.texts.map((text, k) => textBlock(text, k, colors[text.scale]));
  const models = view.models.map((model, m) => modelBlock(model, m, view, colors, shared));
  const body = element("div", "body");
  const sections = element("div", "models");
  sections.style.setProperty("--beside", view.beside ?? 1);
  sections.append(...models.map((model) => model.block));
  body.append(...texts, legendRow(shared, colors), sections);
  const tip = element("div", "tip");
  tip.hidden = true;
  const spoken = element("div", "spoken");
  spoken.setAttribute("aria-live", "polite");
  root.onfocusout = null; // nobody leaves when the old children go
  root.replaceChildren(body, tip, spoken);

  // The cursor is a place in the raw text, and perhaps a row and panel of one model. It and the
  // pin outlive new values and colours of the same text.
  const written = JSON.stringify(view.texts.map((text) => text.tokens));
  const fresh = { written, pinned: null, cursor: { ...NOWHERE } };
  if (root.written !== written) Object.assign(root, fresh);
  const { cursor } = root;
  if (!(cursor.row < view.models[cursor.model]?.units.length)) Object.assign(cursor, NO_CELL);

  let pointer = null; // where the words go: to an event, to the cursor's own "cell", nowhere
  let waiting = false;
  const move = (change, at) => {
    Object.assign(cursor, change); // at once: two keys may come within one frame
    pointer = at;
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
  // The place is told to the other components of the page, which mark it too
  const show = (change, at) => {
    move(change, at);
    const detail = { root, place: cursor.place };
    document.dispatchEvent(new CustomEvent("rnnviz-place", { detail }));
  };
  const draw = () => {
    waiting = false;
    view.texts.forEach((text, k) => markToken(texts[k], text, cursor.place, root.pinned));
    view.models.forEach((model, m) => {
      const text = view.texts[model.text];
      const token = tokenAt(text, cursor.place);
      for (const panel of models[m].panels) {
        mark(panel.column, token, text.tokens.length, true);
        mark(panel.row, m === cursor.model ? cursor.row : null, model.units.length);
      }
      if (model.row !== "unit" && m === (cursor.model ?? 0)) {
        const lut = colors[model.panels[0].scale];
        tintByLoss(texts[model.text], model, view.values, cursor.row, lut);
      }
    });
    const lines = pointer ? describe(cursor, view) : [];
    const keyed = pointer === "cell";
    place(tip, lines, keyed ? cellBox(texts[cursor.text], models[cursor.model]) : pointer);
    if (keyed) spoken.textContent = lines.map((line) => line.textContent).join(", ");
  };
  const leave = () => show({ ...NOWHERE, place: root.pinned }, null);
  const select = (m, row) => models.forEach((model, k) => model.select(k === m ? row : null));
  const choose = (m, row, start) => {
    select(m, row);
    send("unit", [m, view.models[m].units[row], start]);
  };
  const pin = (k, start) => {
    const again = tokenAt(view.texts[k], root.pinned) === tokenAt(view.texts[k], start);
    root.pinned = again ? null : start;
    send("token", root.pinned);
  };

  root.onpointermove = (event) => {
    const at = hit(event, view);
    if (at) show(at, event);
    else leave();
  };
  root.onpointerleave = leave;
  root.onclick = (event) => {
    const at = hit(event, view);
    if (!at) return;
    if (at.row === null) pin(at.text, at.place);
    else choose(at.model, at.row, at.place);
    show(at, event); // a finger has no hover before its click
  };
  root.onfocusout = leave;
  root.onkeydown = (event) => {
    if (event.key === "Escape" && (cursor.place ?? root.pinned) !== null) {
      if (root.pinned !== null) send("token", null);
      root.pinned = null;
      leave();
    }
    const k = texts.indexOf(event.target);
    const m = models.findIndex((model) => model.grid === event.target);
    const text = view.texts[k < 0 ? view.models[m]?.text : k];
    if (!text?.tokens.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = m < 0 ? 0 : view.models[m].units.length;
    const token = tokenAt(text, cursor.place) ?? 0;
    const row = cursor.model === m && cursor.row !== null ? cursor.row : 0;
    const moves = {
      ArrowLeft: [token - 1, row],
      ArrowRight: [token + 1, row],
      Home: [0, row],
      End: [text.tokens.length - 1, row],
      Enter: [token, row],
      ...(rows && { ArrowUp: [token, row - 1], ArrowDown: [token, row + 1] }),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    const start = text.starts[clamp(moves[event.key][0], text.tokens.length)];
    const line = rows ? clamp(moves[event.key][1], rows) : null;
    if (event.key === "Enter") rows ? choose(m, line, start) : pin(k, start);
    const cell = rows ? { model: m, row: line, panel: null } : NO_CELL;
    show({ ...cell, text: rows ? view.models[m].text : k, place: start }, "cell");
  };

  // A control elsewhere on the page may choose the unit: see tell.js
  const follow = ([m, unit]) => {
    if (view.models[m]) select(m, view.models[m].units.indexOf(unit));
  };
  const mirror = ({ root: other, place }) => {
    if (other !== root) move({ ...NOWHERE, place: place ?? root.pinned }, null);
  };
  document.addEventListener("rnnviz-place", ({ detail }) => mirror(detail), { signal });
  document.addEventListener("rnnviz-unit", () => follow(document.rnnviz.unit), { signal });
  // The words are fixed to the window: they would stay behind when the page scrolls
  document.addEventListener("scroll", () => (tip.hidden = true), { signal, capture: true });
  follow(view.selected ?? document.rnnviz?.unit ?? []);
  move({}, null);
}

function decode(message) {
  const bytes = message.slice(); // perhaps unaligned
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const view = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  view.values = new Uint16Array(bytes.buffer, 4 + length);
  return view;
}

// Colours

const luminance = ([r, g, b]) => 0.3 * r + 0.59 * g + 0.11 * b;

function isDark(root) {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = getComputedStyle(root).getPropertyValue("--st-background-color") || "#fff";
  paint.fillRect(0, 0, 1, 1);
  return luminance(paint.getImageData(0, 0, 1, 1).data) < 128;
}

function lookUpTables(scales, dark) {
  const stops = { ...scales, diverging: dark ? scales.diverging_dark : scales.diverging };
  return Object.fromEntries(Object.entries(stops).map(([name, rgb]) => [name, interpolate(rgb)]));
}

// 256 colours as [r, g, b] between the stops
function interpolate(stops) {
  return Array.from({ length: 256 }, (_, n) => {
    const at = (n / 255) * (stops.length - 1);
    const left = stops[Math.floor(at)];
    const right = stops[Math.ceil(at)];
    return left.map((part, k) => Math.round(part + (right[k] - part) * (at % 1)));
  });
}

const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

// For each scale in use its ends and the symbols it colours; mixed: panels differ in their ends
function legends(view) {
  const found = new Map();
  const coloured = view.texts.filter((text) => text.values);
  const panels = view.models.flatMap((model) => model.panels);
  for (const { scale, lo, hi, symbol } of [...coloured, ...panels]) {
    if (!found.has(scale)) found.set(scale, { lo, hi, mixed: false, symbols: new Set() });
    const legend = found.get(scale);
    legend.mixed ||= lo !== legend.lo || hi !== legend.hi;
    if (symbol) legend.symbols.add(symbol);
  }
  return found;
}

function legendRow(shared, colors) {
  const row = element("div", "legend");
  for (const [scale, { lo, hi, mixed, symbols }] of shared) {
    const entry = element("span", "scale");
    const bar = element("i", "bar");
    bar.style.backgroundImage = `linear-gradient(to right, ${colors[scale].map(css)})`;
    entry.append(element("em", "", [...symbols].join(" ")));
    entry.append(element("span", "low", mixed ? "low" : end(scale, lo)), bar);
    entry.append(mixed ? "high" : end(scale, hi));
    row.append(entry);
  }
  return row;
}

// The text

function textBlock(text, k, lut) {
  const block = element("div", "text");
  const words = text.starts.some((start, i) => text.ends[i] - start > 1);
  block.classList.toggle("words", words);
  block.tabIndex = 0;
  block.setAttribute("role", "application");
  const keys = "arrow keys move the cursor, Enter pins it, Escape clears";
  block.setAttribute("aria-label", `text, ${text.tokens.length} tokens; ${keys}`);
  block.tokens = text.tokens.map((token, i) => {
    const span = element("span", "token", token);
    Object.assign(span, { text: k, index: i });
    const value = text.values?.[i] ?? null;
    if (value !== null) tint(span, text, value, lut);
    block.append(span);
    if (token.endsWith("⏎")) block.append(element("br"));
    else if (token.endsWith("␣")) block.append(element("wbr"));
    return span;
  });
  return block;
}

function tint(span, { lo, hi }, value, lut) {
  const rgb = lut[clamp(Math.round((255 * (value - lo)) / (hi - lo)), 256)];
  span.style.backgroundColor = css(rgb);
  span.style.color = luminance(rgb) < 140 ? "#fff" : "#111";
}

// A row that is a loss colours the text: how much each token mattered for it, beside the one that
// mattered most
function tintByLoss(block, { panels: [panel] }, values, line, lut) {
  const { tokens } = block;
  const start = panel.offset + line * tokens.length;
  const hi = valueAt(panel, Math.max(...values.subarray(start, start + tokens.length)));
  const scale = { lo: hi - (panel.hi - panel.lo), hi };
  tokens.forEach((span, i) => {
    if (line === null || i > line) span.style.backgroundColor = span.style.color = "";
    else tint(span, scale, valueAt(panel, values[start + i]), lut);
  });
}

function markToken(block, text, place, pinned) {
  const [token, held] = [tokenAt(text, place), tokenAt(text, pinned)];
  block.marked?.classList.remove("marked");
  block.held?.classList.remove("pinned");
  Object.assign(block, { marked: block.tokens[token], held: block.tokens[held] });
  block.held?.classList.add("pinned");
  block.marked?.classList.add("marked");
  if (!block.marked) return;
  const [top, height] = [block.marked.offsetTop, block.clientHeight];
  if (top < block.scrollTop || top + block.marked.offsetHeight > block.scrollTop + height) {
    block.scrollTop = top - height / 2; // inside the block, never the page
  }
}

// The token at a place, or the last one before it in a gap; null outside the text
function tokenAt({ starts, ends }, place) {
  let [low, high] = [0, starts.length - 1];
  if (place === null || high < 0) return null;
  if (place < starts[0] || place > Math.max(starts[high], ends[high] - 1)) return null;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

// The heatmaps

function modelBlock(model, m, view, colors, shared) {
  const block = element("section", "model");
  const head = element("header");
  const swatch = element("i", "swatch");
  swatch.style.backgroundColor = model.color;
  head.append(swatch, element("b", "", model.label), element("span", "title", model.title));
  head.append(element("span", "note", model.note));
  const grid = element("div", "grid");
  grid.tabIndex = 0;
  grid.setAttribute("role", "application");
  const names = model.panels.map((panel) => `${panel.symbol} ${panel.name}`).join(", ");
  const keys = "arrow keys move over tokens and units, Enter selects the unit, Escape clears";
  grid.setAttribute("aria-label", `${model.label}, heatmaps of ${names}; ${keys}`);
  grid.style.setProperty("--columns", view.columns);
  const panels = model.panels.map((panel, p) => {
    const drawn = panelBlock(panel, model, view, colors[panel.scale], shared.get(panel.scale));
    Object.assign(drawn.area, { model: m, panel: p });
    return drawn;
  });
  grid.append(...panels.map((panel) => panel.figure));
  block.append(head, grid);
  const select = (row) => panels.forEach((panel) => mark(panel.chosen, row, model.units.length));
  return { block, grid, panels, select };
}

function panelBlock(panel, model, view, lut, shared) {
  const columns = view.texts[model.text].tokens.length;
  const { units } = model;
  const figure = element("figure");
  const caption = element("figcaption");
  caption.append(element("em", "", panel.symbol), element("span", "name", panel.name));
  const range = `${end(panel.scale, panel.lo)} … ${end(panel.scale, panel.hi)}`;
  if (shared.mixed) caption.append(element("span", "range", range));
  const area = element("div", "area");
  figure.style.setProperty("--rows", units.length);
  const [column, row, chosen] = ["column", "row", "chosen"].map((name) => element("div", name));
  for (const line of [column, row, chosen]) line.hidden = true;
  area.append(paint(panel, columns, units.length, view.values, lut), column, row, chosen);
  const { tokens } = view.texts[model.text];
  const losses = model.row !== "unit";
  figure.classList.toggle("pairs", losses);
  const down = losses ? named(tokens) : [units[0], units.at(-1)];
  const along = losses ? named(tokens) : [1, columns];
  figure.append(caption, axis("units", down, `${model.row.split(" ")[0]} →`), area);
  figure.append(axis("tokens", along, "token →"));
  return { figure, area, column, row, chosen };
}

// Ticks evenly from one end to the other, the title behind the first
function axis(name, [first, ...others], title) {
  const line = element("div", `axis ${name}`);
  line.setAttribute("aria-hidden", "true");
  const start = element("span", "", first);
  start.append(element("span", "axis-title", title));
  const more = others.at(-1) === first ? [] : others;
  line.append(start, ...more.map((text) => element("span", "", text)));
  return line;
}

// Some tokens with their numbers, evenly from the first to the last
function named(tokens) {
  const count = Math.min(tokens.length, 5);
  const places = Array.from({ length: count }, (_, n) =>
    Math.round((n * (tokens.length - 1)) / Math.max(1, count - 1)),
  );
  return places.map((i) => `${i + 1} ${[...tokens[i]].slice(0, 6).join("")}`);
}

function paint(panel, columns, rows, values, lut) {
  const canvas = element("canvas");
  if (!columns || !rows) return canvas;
  Object.assign(canvas, { width: columns, height: rows });
  const packed = Uint32Array.from({ length: 4096 }, (_, n) => {
    const share = (valueAt(panel, (n / 4095) * 65535) - panel.lo) / (panel.hi - panel.lo);
    const [r, g, b] = lut[clamp(Math.round(255 * share), 256)];
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const nothing = panel.scale === "log" ? 0 : packed[0]; // code 0 of a log scale
  for (let k = 0; k < pixels.length; k++) {
    const code = values[panel.offset + k];
    pixels[k] = code ? packed[code >> 4] : nothing;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Put a line over row (or column) n of `count`, or hide it
function mark(line, n, count, across = false) {
  line.hidden = n === null || n < 0;
  if (line.hidden) return;
  line.style[across ? "left" : "top"] = `${(100 * n) / count}%`;
  line.style[across ? "width" : "height"] = `${100 / count}%`;
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

// The words beside the pointer

function describe(cursor, view) {
  const model = view.models[cursor.model];
  const text = view.texts[cursor.text];
  const i = tokenAt(text, cursor.place);
  const lines = [element("div", "", `token ${i + 1} of ${text.tokens.length}: `)];
  lines[0].append(element("bdi", "quoted", text.tokens[i]));
  if (!model) {
    const value = text.values?.[i] ?? null;
    if (value !== null) lines.push(element("div", "", `value ${number(text, value)}`));
    return lines;
  }
  lines.push(element("div", "muted", `${model.label}, ${model.row} ${model.units[cursor.row]}`));
  if (model.row !== "unit") lines.at(-1).append(": ", element("bdi", "", text.tokens[cursor.row]));
  model.panels.forEach((panel, p) => {
    const cell = panel.offset + cursor.row * text.tokens.length + i;
    const code = view.values[cell];
    const nothing = panel.scale === "log" && !code;
    const small = i > cursor.row ? " = 0, it comes later" : ` < ${number(panel, panel.from)}`;
    const line = element("div", p === cursor.panel ? "value here" : "value");
    line.append(element("em", "", panel.symbol));
    line.append(nothing ? small : ` = ${number(panel, valueAt(panel, code))}`);
    lines.push(line);
  });
  return lines;
}

const valueAt = ({ from, to }, q) => from + ((to - from) * q) / 65535;

// Where the keyboard's cursor is: the cell in a model's first panel, or the token in the text
function cellBox(text, model) {
  const across = (model?.panels[0]?.column ?? text.marked).getBoundingClientRect();
  const down = model?.panels[0]?.row.getBoundingClientRect() ?? across;
  return { clientX: across.right, clientY: down.bottom };
}

function place(tip, lines, at) {
  tip.hidden = !lines.length;
  if (tip.hidden) return;
  tip.replaceChildren(...lines);
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const beside = (to, size, limit) =>
    clamp(to + size + 18 > limit ? to - size - 14 : to + 14, limit - size);
  const left = beside(at.clientX, width, innerWidth);
  tip.style.transform = `translate(${left}px, ${beside(at.clientY, height, innerHeight)}px)`;
}

function number({ scale, lo, hi }, value) {
  if (scale === "log") return minus((10 ** value).toExponential(2));
  const digits = [2, 20, 200].findIndex((range) => hi - lo <= range);
  return minus(value.toFixed(digits < 0 ? 0 : 3 - digits));
}

// An end of a scale, as short as it can be
const end = (scale, value) =>
  minus(scale === "log" ? (10 ** value).toExponential(0) : String(Number(value.toPrecision(3))));

const minus = (text) => text.replace("-", "−");

const clamp = (n, count) => Math.max(0, Math.min(count - 1, n));

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
