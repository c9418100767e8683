// Tokens and heatmaps of many units with one cursor; the message is rnnviz/heatmaps.py's.
// Tokens are other people's text: they reach the page through textContent alone.

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  root.controller?.abort(); // the listeners of the data before
  root.controller = new AbortController();
  const view = decode(data);
  const colors = lookUpTables(view.scales, isDark(root));

  const texts = view.texts.map((text) => textBlock(text, colors[text.scale]));
  const models = view.models.map((model, m) => modelBlock(model, m, view, colors));
  const tip = element("div", "tip");
  const spoken = element("div", "spoken");
  spoken.setAttribute("aria-live", "polite");
  root.replaceChildren(...texts, ...models.map((model) => model.block), tip, spoken);

  // The cursor is a place in the raw text, and perhaps a row of one model.
  let pinned = null;
  let next = null;
  const cursor = { place: null, model: 0, row: null, panel: 0 };

  const show = (change, pointer) => {
    const waiting = next !== null;
    next = [change, pointer];
    if (!waiting) requestAnimationFrame(draw);
  };
  const draw = () => {
    const [change, pointer] = next;
    next = null;
    Object.assign(cursor, change);
    view.texts.forEach((text, k) => markToken(texts[k], text, cursor.place));
    view.models.forEach((model, m) => {
      const token = tokenAt(view.texts[model.text], cursor.place);
      const row = m === cursor.model ? cursor.row : null;
      for (const panel of models[m].panels) markCell(panel, model, view, token, row);
    });
    describe(tip, cursor, view, pointer);
    if (!pointer) spoken.textContent = tip.textContent;
  };
  const select = (m, row, tell) => {
    models.forEach((model, k) => model.select(k === m ? row : null));
    if (tell) setStateValue("unit", [m, view.models[m].units[row]]);
  };
  const leave = () => show({ place: pinned, row: null }, pinned === null ? {} : null);

  root.onpointermove = (event) => {
    const at = hit(event, view, models);
    if (at) show(at, event);
    else leave();
  };
  root.onpointerleave = leave;
  root.onclick = (event) => {
    const at = hit(event, view, models);
    if (!at) return;
    if (at.row !== null) select(at.model, at.row, true);
    else {
      pinned = pinned === at.place ? null : at.place;
      setStateValue("token", at.place);
    }
  };
  root.onkeydown = (event) => {
    const m = models.findIndex((model) => model.grid === event.target);
    if (m < 0) return;
    const text = view.texts[view.models[m].text];
    const rows = view.models[m].units.length;
    const token = Math.max(0, tokenAt(text, cursor.place) ?? 0);
    const row = cursor.model === m && cursor.row !== null ? cursor.row : 0;
    const moves = {
      ArrowLeft: [token - 1, row],
      ArrowRight: [token + 1, row],
      ArrowUp: [token, row - 1],
      ArrowDown: [token, row + 1],
      Home: [0, row],
      End: [text.tokens.length - 1, row],
      Enter: [token, row],
    };
    if (event.key === "Escape") {
      pinned = null;
      show({ place: null, row: null });
    }
    if (!moves[event.key]) return;
    event.preventDefault();
    const i = clamp(moves[event.key][0], text.tokens.length);
    const j = clamp(moves[event.key][1], rows);
    show({ place: text.starts[i], model: m, row: j, panel: 0 });
    if (event.key === "Enter") select(m, j, true);
  };

  // A control elsewhere on the page may choose the unit: see mark_unit.js.
  const follow = () => {
    const [m, unit] = document.rnnvizUnit ?? [];
    if (view.models[m]) select(m, view.models[m].units.indexOf(unit), false);
  };
  document.addEventListener("rnnviz-unit", follow, { signal: root.controller.signal });
  follow();
}

function decode(message) {
  const bytes = message.slice(); // perhaps unaligned
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const view = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  view.values = new Uint16Array(bytes.buffer, 4 + length);
  return view;
}

// Colours

function isDark(root) {
  const color = getComputedStyle(root).getPropertyValue("--st-background-color").trim();
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = color || "#fff";
  paint.fillRect(0, 0, 1, 1);
  const [r, g, b] = paint.getImageData(0, 0, 1, 1).data;
  return 0.3 * r + 0.6 * g + 0.1 * b < 128;
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

// The text

function textBlock(text, lut) {
  const block = element("div", "text");
  const words = text.starts.some((start, i) => text.ends[i] - start > 1);
  block.classList.toggle("words", words);
  block.tokens = text.tokens.map((token, i) => {
    const span = element("span", "token", token);
    span.index = i;
    if (text.values && text.values[i] !== null) {
      const share = (text.values[i] - text.lo) / (text.hi - text.lo);
      const rgb = lut[clamp(Math.round(255 * share), 256)];
      span.style.backgroundColor = css(rgb);
      span.style.color = 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2] < 140 ? "#fff" : "#111";
    }
    block.append(span);
    if (token === "⏎") block.append(element("br"));
    else if (token === "␣") block.append(element("wbr"));
    return span;
  });
  return block;
}

function markToken(block, text, place) {
  const token = tokenAt(text, place);
  block.marked?.classList.remove("marked");
  block.marked = token === null ? null : block.tokens[token];
  if (!block.marked) return;
  block.marked.classList.add("marked");
  const [top, height] = [block.marked.offsetTop, block.clientHeight];
  if (top < block.scrollTop || top > block.scrollTop + height - 20) {
    block.scrollTop = top - height / 2; // scrolls inside the block, never the page
  }
}

// The last token that begins at or before a place
function tokenAt(text, place) {
  if (place === null || !text.starts.length) return null;
  let [low, high] = [0, text.starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (text.starts[middle] <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

// The heatmaps

function modelBlock(model, m, view, colors) {
  const block = element("section", "model");
  const head = element("header");
  const swatch = element("i", "swatch");
  swatch.style.backgroundColor = model.color;
  head.append(swatch, element("b", "", model.label), element("span", "title", model.title));
  head.append(element("span", "note", model.note));
  const grid = element("div", "grid");
  grid.tabIndex = 0;
  grid.setAttribute("role", "group");
  const names = model.panels.map((panel) => `${panel.name} ${panel.symbol}`).join(", ");
  const keys = "arrow keys move the cursor, Enter chooses a unit";
  grid.setAttribute("aria-label", `${model.label}, heatmaps of ${names}; ${keys}`);
  grid.style.setProperty("--columns", view.columns);
  const columns = view.texts[model.text].tokens.length;
  const panels = model.panels.map((panel, p) => {
    const drawn = panelBlock(panel, columns, model.units.length, view.values, colors);
    Object.assign(drawn.area, { model: m, panel: p });
    return drawn;
  });
  grid.append(...panels.map((panel) => panel.figure));
  block.append(head, grid);
  const select = (row) => panels.forEach((panel) => mark(panel.chosen, row, model.units.length));
  return { block, grid, panels, select };
}

function panelBlock(panel, columns, rows, values, colors) {
  const lut = colors[panel.scale] ?? colors.sequential;
  const figure = element("figure");
  const caption = element("figcaption");
  const bar = element("i", "bar");
  bar.style.backgroundImage = `linear-gradient(to right, ${lut.filter((_, n) => n % 15 === 0).map(css)})`;
  const range = element("span", "range");
  range.append(number(panel, panel.lo, 0), bar, number(panel, panel.hi, 0));
  caption.append(element("em", "", panel.symbol), element("span", "", panel.name), range);
  const area = element("div", "area");
  area.style.setProperty("--rows", rows);
  const chosen = element("div", "row chosen");
  const column = element("div", "column");
  const row = element("div", "row");
  area.append(paint(panel, columns, rows, values, lut), chosen, column, row);
  const axis = element("div", "axis");
  axis.append(element("span", "", "1"), element("span", "", "token →"), element("span", "", columns));
  figure.append(caption, area, axis);
  return { figure, area, column, row, chosen };
}

function paint(panel, columns, rows, values, lut) {
  const canvas = element("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const packed = Uint32Array.from(lut, ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < pixels.length; k++) pixels[k] = packed[values[panel.offset + k] >> 8];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function markCell(panel, model, view, token, row) {
  mark(panel.column, token, view.texts[model.text].tokens.length, true);
  mark(panel.row, row, model.units.length);
}

// Put a line over row (or column) n of `count`, or hide it
function mark(line, n, count, across = false) {
  line.hidden = n === null || n < 0;
  if (line.hidden) return;
  const [start, size] = across ? ["left", "width"] : ["top", "height"];
  line.style[start] = `${(100 * n) / count}%`;
  line.style[size] = `max(1px, ${100 / count}%)`;
}

// What lies under the pointer: a token of a text, or a cell of a heatmap
function hit(event, view, models) {
  const target = event.composedPath()[0];
  if (target.index !== undefined) {
    const k = [...target.parentElement.parentElement.children].indexOf(target.parentElement);
    return { place: view.texts[k].starts[target.index], row: null };
  }
  const area = target.closest?.(".area");
  if (!area) return null;
  const box = area.getBoundingClientRect();
  const model = view.models[area.model];
  const text = view.texts[model.text];
  const part = (at, start, size, count) => clamp(Math.floor(((at - start) / size) * count), count);
  return {
    place: text.starts[part(event.clientX, box.left, box.width, text.starts.length)],
    model: area.model,
    row: part(event.clientY, box.top, box.height, model.units.length),
    panel: area.panel,
  };
}

// The words beside the pointer

function describe(tip, cursor, view, pointer) {
  tip.hidden = cursor.place === null;
  if (tip.hidden) return;
  const model = cursor.row === null ? null : view.models[cursor.model];
  const text = view.texts[model ? model.text : 0];
  const i = tokenAt(text, cursor.place);
  const lines = [element("div", "", `token ${i + 1} of ${text.tokens.length}: `)];
  lines[0].append(element("bdi", "quoted", text.tokens[i]));
  if (text.values && !model) lines[0].append(` ${text.values[i]}`);
  if (model) {
    lines.push(element("div", "muted", `${model.label}, unit ${model.units[cursor.row]}`));
    model.panels.forEach((panel, p) => {
      const cell = panel.offset + cursor.row * text.tokens.length + i;
      const value = panel.lo + ((panel.hi - panel.lo) * view.values[cell]) / 65535;
      const line = element("div", p === cursor.panel ? "value here" : "value");
      line.append(element("em", "", panel.symbol), ` = ${number(panel, value, 3)}`);
      lines.push(line);
    });
  }
  tip.replaceChildren(...lines);
  const anchor = pointer?.clientX === undefined ? null : pointer;
  tip.classList.toggle("docked", !anchor);
  if (!anchor) return;
  const [w, h] = [tip.offsetWidth + 14, tip.offsetHeight + 14];
  const left = anchor.clientX + w > innerWidth ? anchor.clientX - w : anchor.clientX + 14;
  const top = anchor.clientY + h > innerHeight ? anchor.clientY - h : anchor.clientY + 14;
  tip.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
}

function number(panel, value, digits) {
  if (panel.scale === "log") return (10 ** value).toExponential(digits && 2);
  const enough = digits || (Number.isInteger(value) ? 0 : 1);
  return value.toFixed(enough).replace("-", "−");
}

const clamp = (n, count) => Math.max(0, Math.min(count - 1, n));

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
