// Texts, bars and entropy of models at 41 temperatures; the message is rnnviz/samples.py's.
// A move of the slider (temperature.js) changes them here, nothing is asked of the server.
// Tokens are other people's text: they reach the page through textContent alone.
// A text is one text node, coloured by the Custom Highlight API: 400 elements of their own took
// twice as long from a move of the slider to its frame.

const LIKELY = 8; // nats of surprise at which the colour is full
const SHADES = 32; // of it; their colours are in sampler.css, which Python writes the rules of
const SVG = "http://www.w3.org/2000/svg";

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  if (!same(root.message, data)) {
    root.message = data.slice();
    inflate(root.message).then((view) => {
      if (same(root.message, data)) build(root, view);
    });
  }
  root.send = setTriggerValue;
  return () => root.isConnected || root.controller?.abort();
}

function same(one, other) {
  return one?.length === other.length && one.every((byte, n) => byte === other[n]);
}

async function inflate(message) {
  const plain = new Blob([message]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(plain).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const view = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const kinds = { u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
  const rows = view.temperatures.length;
  for (const model of [...view.models, ...view.forks]) {
    for (const [name, [offset, kind]] of Object.entries(model.arrays)) {
      const size = rows * model.count * (name === "top" || name === "share" ? model.tops : 1);
      model[name] = new kinds[kind](buffer, 4 + length + offset, size);
    }
  }
  return view;
}

function build(root, view) {
  root.controller?.abort(); // the document's listeners of the data before
  root.controller = new AbortController();
  const { signal } = root.controller;
  const body = element("div", "body");
  const forking = view.forks.length > 0;
  const models = element("div", "models");
  models.classList.toggle("forking", forking);
  models.classList.toggle("alone", view.models.length === 1);
  const shades = highlights(signal);
  const cards = view.models.map((model, m) => card(model, view.forks[m], m, shades));
  models.append(...cards.map(({ block }) => block));
  const versions = cards.flatMap((one) => one.versions);
  const curves = entropyChart(view);
  const tip = hidden("div", "tip");
  const panel = hidden("div", "panel");
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", "Choose another token");
  const spoken = element("div", "spoken");
  spoken.setAttribute("aria-live", "polite");
  body.append(legend(), ...(forking ? [forkLine(root)] : []), models, curves.block);
  root.replaceChildren(body, tip, panel, spoken);

  let row = 0; // of the temperature
  const update = () => {
    const wanted = document.rnnviz?.temperature ?? 1;
    row = nearest(view.temperatures, wanted);
    for (const shade of shades) shade.clear();
    for (const { show } of cards) show(row, view.temperatures[row]);
    curves.show(row);
    close();
  };

  // The words beside a token, and the panel in which another one is chosen

  let cursor = null; // { version, place }
  const mark = (at) => {
    cursor?.version.mark(null);
    cursor = at;
    at?.version.mark(at.place);
  };
  const hover = (at, event) => {
    mark(at);
    if (!at || !panel.hidden) return void (tip.hidden = true);
    tip.replaceChildren(...describe(at, row, view.temperatures[row]));
    tip.hidden = false;
    float(tip, event);
  };
  const close = () => {
    tip.hidden = panel.hidden = true;
    mark(null);
  };
  const ask = (at, event) => {
    mark(at);
    tip.hidden = true;
    const { version, place } = at;
    const anchor = event.clientX === undefined ? version.cornerOf(place) : event;
    const answered = version.likeliest(row, place);
    panel.anchor = { ...at, row, x: anchor.clientX, y: anchor.clientY };
    if (!answered) {
      root.send("ask", [version.m, version.fork, row, place]);
      fill([element("p", "muted", "Computing the ten likeliest tokens …")]);
    } else offer(...answered);
  };
  const offer = (ids, shares) => {
    const { version, place } = panel.anchor;
    const list = element("ol");
    ids.forEach((id, n) => {
      const button = element("button");
      button.type = "button";
      button.append(element("bdi", "quoted", visible(version.model.tokens[id])), percent(shares[n]));
      if (id === version.idAt(row, place)) button.classList.add("here");
      button.onclick = () => {
        root.send("fork", [version.m, version.fork, row, place, id]);
        close();
      };
      const item = element("li");
      item.append(button);
      list.append(item);
    });
    fill([element("p", "muted", "Choose the token that stands here instead:"), list]);
  };
  const fill = (children) => {
    const head = element("header");
    const shut = element("button", "", "✕");
    shut.type = "button";
    shut.setAttribute("aria-label", "Close");
    shut.onclick = () => {
      const { version } = panel.anchor;
      close();
      version.text.focus();
    };
    const number = panel.anchor.place + 1 + panel.anchor.version.model.fixed.length;
    head.append(element("b", "", `Fork at token ${number}`), shut);
    panel.replaceChildren(head, ...children);
    panel.hidden = false;
    float(panel, { clientX: panel.anchor.x, clientY: panel.anchor.y });
    (panel.querySelector("li button") ?? shut).focus({ preventScroll: true });
  };
  const answer = () => {
    const [m, fork, k, place, ids, shares] = document.rnnviz.answer;
    const at = panel.anchor;
    if (panel.hidden || !at) return;
    if (at.version.m === m && at.version.fork === fork && at.row === k && at.place === place)
      offer(ids, shares);
  };

  const under = (event) => {
    const path = event.composedPath();
    const version = versions.find(({ text }) => path.includes(text));
    const place = version?.placeAt(event.clientX, event.clientY) ?? null;
    return place === null ? null : { version, place };
  };
  body.onpointermove = (event) => hover(under(event), event);
  body.onpointerleave = () => panel.hidden && hover(null);
  body.onclick = (event) => {
    const at = under(event);
    if (at) ask(at, event);
    else if (!event.composedPath().includes(panel)) close();
  };
  root.onkeydown = (event) => {
    if (event.key === "Escape") {
      const version = panel.hidden ? null : panel.anchor.version;
      close();
      version?.text.focus();
      return;
    }
    const version = versions.find(({ text }) => text === event.target);
    if (!version?.model.count || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = cursor?.version === version ? cursor.place : -1;
    const last = version.model.count - 1;
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: last };
    if (event.key === "Enter" && place >= 0) ask({ version, place }, {});
    else if (event.key in moves) {
      const at = { version, place: Math.max(0, Math.min(last, moves[event.key])) };
      version.scrollTo(at.place);
      hover(at, version.cornerOf(at.place));
      spoken.textContent = [...tip.children].map((line) => line.textContent).join(", ");
    } else return;
    event.preventDefault();
  };
  document.addEventListener("rnnviz-temperature", update, { signal });
  document.addEventListener("rnnviz-answer", answer, { signal });
  document.addEventListener("scroll", () => (tip.hidden = true), { signal, capture: true });
  update();
}

// A model: its text, perhaps a fork beside it, and the bars of the next token

function card(model, fork, m, shades) {
  const block = element("section", "model");
  const head = element("header");
  const swatch = element("i", "swatch");
  swatch.style.backgroundColor = model.color;
  const note = element("span", "note");
  head.append(swatch, element("b", "", model.label), element("span", "title", model.title), note);
  const sides = element("div", "versions");
  const versions = fork
    ? [version(model, m, 0, "as before", shades), version(fork, m, 1, "another token", shades)]
    : [version(model, m, 0, "", shades)];
  sides.append(...versions.map((one) => one.block));
  const bars = barChart(model);
  const sums = arithmetic(model);
  block.append(head, sides, bars.block, sums.block);
  const show = (row, temperature) => {
    for (const one of versions) one.show(row);
    bars.show(row);
    sums.show(row, temperature);
    note.textContent = `next token: entropy ${model.next_entropy[row].toFixed(2)} nats`;
  };
  return { block, versions, show };
}

function version(model, m, fork, title, shades) {
  const block = element("div", "version");
  if (title) block.append(element("p", "", title));
  const text = element("div", "text");
  text.tabIndex = 0;
  text.setAttribute("role", "application");
  const keys = "arrow keys move over the tokens, Enter chooses another in a token's place";
  text.setAttribute("aria-label", `text by ${model.title}; ${keys}`);
  const fixed = element("span", "fixed");
  model.fixed.forEach((id, n) => {
    const last = n === model.fixed.length - 1;
    fixed.append(element("span", last ? "choice" : "", piece(model, model.fixed[n - 1], id)));
  });
  const generated = element("span", "generated");
  const node = document.createTextNode("");
  const marker = hidden("div", "marker");
  generated.append(node);
  text.append(element("span", "prompt", model.prompt), fixed, generated, marker);
  block.append(text);
  const { count } = model;
  const starts = new Uint32Array(count + 1); // of each token in the text node, and its end
  const show = (row) => {
    const first = row * count;
    let before = model.fixed.at(-1);
    let words = "";
    for (let n = 0; n < count; n++) {
      starts[n] = words.length;
      const id = model.tokens_at[first + n];
      words += piece(model, before, id);
      before = id;
    }
    starts[count] = words.length;
    node.data = words;
    const shadeOf = (n) =>
      Math.min(SHADES, Math.round((SHADES * model.surprise[first + n]) / LIKELY));
    for (let n = 0, end; n < count; n = end) {
      const shade = shadeOf(n);
      for (end = n + 1; end < count && shadeOf(end) === shade; end++);
      const [startOffset, endOffset] = [starts[n], starts[end]];
      const range = { startContainer: node, startOffset, endContainer: node, endOffset };
      if (shade) shades[shade - 1]?.add(new StaticRange(range));
    }
  };
  const boxes = (place) => {
    const range = document.createRange();
    range.setStart(node, starts[place]);
    range.setEnd(node, starts[place + 1]);
    return range.getClientRects();
  };
  // The token at a point of the window, or null: the first one that ends behind it
  const placeAt = (x, y) => {
    const gap = 4; // half of what lies between two lines
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      const box = [...boxes(middle)].at(-1);
      const behind = !box || box.top - gap > y || (box.bottom + gap >= y && box.right >= x);
      if (behind) high = middle;
      else low = middle + 1;
    }
    const found = low < count && [...boxes(low)].some(
      (box) => box.top - gap <= y && y <= box.bottom + gap && box.left - 1 <= x && x <= box.right,
    );
    return found ? low : null;
  };
  return {
    block,
    text,
    model,
    m,
    fork,
    show,
    placeAt,
    idAt: (row, place) => model.tokens_at[row * count + place],
    cornerOf: (place) => {
      const box = boxes(place)[0] ?? text.getBoundingClientRect();
      return { clientX: box.right, clientY: box.bottom };
    },
    mark: (place) => {
      const box = place === null ? null : boxes(place)[0];
      marker.hidden = !box;
      if (!box) return;
      const { left, top } = text.getBoundingClientRect();
      const [x, y] = [box.left - left + text.scrollLeft, box.top - top + text.scrollTop];
      marker.style.transform = `translate(${x - 1}px, ${y - 1}px)`;
      Object.assign(marker.style, { width: `${box.width}px`, height: `${box.height}px` });
    },
    scrollTo: (place) => {
      const box = boxes(place)[0];
      const { top, bottom } = text.getBoundingClientRect();
      if (box && (box.top < top || box.bottom > bottom)) // inside the block, never the page
        text.scrollTop += box.top - (top + bottom) / 2;
    },
    // Ids and probabilities of the ten likeliest tokens, where the message has them
    likeliest: (row, place) => {
      if (!model.top) return null;
      const at = (row * model.count + place) * model.tops;
      const shares = [...model.share.subarray(at, at + model.tops)].map((q) => q / 65535);
      return [[...model.top.subarray(at, at + model.tops)], shares];
    },
  };
}

// One for each shade but the palest, none where the browser cannot; gone with the signal
function highlights(signal) {
  if (!globalThis.Highlight) return [];
  const shades = Array.from({ length: SHADES }, () => new Highlight());
  shades.forEach((shade, n) => CSS.highlights.set(`rnnviz-${n + 1}`, shade));
  signal.addEventListener("abort", () => shades.forEach((shade) => shade.clear()));
  return shades;
}

// A token as it stands in the text: words have a space before them, but for a new line
function piece({ tokens, words }, before, id) {
  const token = tokens[id];
  return !words || before === undefined || token === "\n" || tokens[before] === "\n"
    ? token
    : ` ${token}`;
}

const visible = (token) => token.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");

function barChart(model) {
  const block = element("div", "bars");
  block.classList.toggle("words", model.words);
  const names = [...model.next.map((id) => visible(model.tokens[id])), "rest"];
  const bars = names.map((name, n) => {
    const bar = element("div", n === names.length - 1 ? "bar-of rest" : "bar-of");
    const [number, well, fill] = [element("span"), element("div", "well"), element("i")];
    fill.style.backgroundColor = model.color;
    well.append(fill);
    const label = element("b", "", name);
    bar.title = name;
    bar.append(number, well, label);
    block.append(bar);
    return { number, fill };
  });
  block.setAttribute("role", "img");
  const show = (row) => {
    const shares = [...model.probs[row]];
    shares.push(Math.max(0, 1 - shares.reduce((a, b) => a + b, 0)));
    shares.forEach((share, n) => {
      bars[n].fill.style.transform = `scaleY(${share})`;
      bars[n].number.textContent = percent(share);
    });
    const likeliest = `${names[0]} ${percent(shares[0])}`;
    block.setAttribute("aria-label", `probability of the next token, likeliest ${likeliest}`);
  };
  return { block, show };
}

function arithmetic(model) {
  const block = element("details");
  block.append(element("summary", "", "The arithmetic of five tokens"));
  const table = element("table");
  const head = element("tr");
  for (const name of ["next token", "logit l", "l / T", "exp(l / T − max)", "÷ sum", "probability"])
    head.append(element("th", "", name));
  const top = element("thead");
  top.append(head);
  const rows = model.next.slice(0, 5).map((id) => {
    const line = element("tr");
    line.append(element("th", "", visible(model.tokens[id])));
    line.append(...Array.from({ length: 5 }, () => element("td")));
    return line;
  });
  const bottom = element("tbody");
  bottom.append(...rows);
  table.append(top, bottom);
  const scroll = element("div", "arithmetic");
  scroll.append(table);
  block.append(scroll);
  let last = [];
  const show = (row, temperature) => {
    last = [row, temperature];
    if (!block.open) return;
    const [best] = model.logits;
    const sum = 1 / model.probs[row][0]; // the best one's exponential is 1
    rows.forEach((line, n) => {
      const logit = model.logits[n];
      const share = model.probs[row][n];
      const cut = temperature > 0 && share === 0;
      const values = temperature
        ? [logit / temperature, Math.exp((logit - best) / temperature)].map(digits)
        : ["argmax", n ? "0" : "1"];
      const cells = [digits(logit), ...values, cut ? "cut" : digits(sum), percent(share)];
      cells.forEach((words, c) => (line.cells[c + 1].textContent = words));
    });
  };
  block.ontoggle = () => show(...last);
  return { block, show };
}

function entropyChart(view) {
  const block = element("section", "entropy");
  block.append(element("h4", "", "Entropy of the next token"));
  const chart = element("div", "chart");
  const most = Math.max(0.1, ...view.models.flatMap((model) => model.next_entropy));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 2 1");
  svg.setAttribute("preserveAspectRatio", "none");
  const draw = (kind, name, attributes) => {
    const made = document.createElementNS(SVG, kind);
    if (name) made.setAttribute("class", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    svg.append(made);
    return made;
  };
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((size) => most / size <= 4) ?? 10;
  const label = (name, words, place) => {
    const made = element("span", name, words);
    Object.assign(made.style, place);
    chart.append(made);
  };
  for (let y = 0; y <= most; y += step) {
    draw("path", "grid", { d: `M0 ${1 - y / most}H2` });
    label("y", String(Number(y.toFixed(1))), { top: `${100 - (100 * y) / most}%` });
  }
  for (const x of [0, 0.5, 1, 1.5, 2]) label("x", String(x), { left: `${50 * x}%` });
  for (const model of view.models) {
    const points = model.next_entropy.map((y, n) => `${view.temperatures[n]} ${1 - y / most}`);
    draw("path", "", { d: `M${points.join("L")}`, stroke: model.color });
  }
  const mark = draw("line", "mark", { x1: 0, x2: 0, y1: 0, y2: 1 });
  chart.append(svg);
  const names = view.models.map((model) => model.label).join(", ");
  block.append(chart, element("p", "muted", "nats, of the token after the prompt, against temperature"));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `entropy in nats against temperature of ${names}`);
  const show = (row) => mark.setAttribute("transform", `translate(${view.temperatures[row]})`);
  return { block, show };
}

function legend() {
  const line = element("div", "legend", "surprise −ln p of each token under the model itself:  0");
  line.append(element("i", "bar"), `${LIKELY} nats and more`);
  return line;
}

function forkLine(root) {
  const line = element("div", "forkline");
  const button = element("button", "dismiss", "Dismiss the fork");
  button.type = "button";
  button.onclick = () => root.send("dismiss", true);
  line.append(element("b", "", "Forked: every model goes on from the token you chose."), button);
  return line;
}

// The words beside the pointer

function describe({ version, place }, row, temperature) {
  const { model } = version;
  const at = row * model.count + place;
  const id = version.idAt(row, place);
  const first = element("div", "", `token ${place + 1 + model.fixed.length} of `);
  first.append(`${model.count + model.fixed.length}: `);
  first.append(element("bdi", "quoted", visible(model.tokens[id])));
  const surprise = model.surprise[at];
  const own = `surprise ${surprise.toFixed(2)} nats (p = ${percent(Math.exp(-surprise))} at T = 1)`;
  const lines = [first, element("div", "", own)];
  lines.push(element("div", "", `rank ${model.rank[at]} of ${model.tokens.length}`));
  const answered = version.likeliest(row, place);
  if (!answered) {
    lines.push(element("div", "muted", "Click for the ten likeliest and to choose another."));
    return lines;
  }
  lines.push(element("div", "muted", `the likeliest at T = ${temperature.toFixed(2)}, click to fork`));
  const list = element("ol");
  answered[0].forEach((token, n) => {
    const item = element("li", token === id ? "here" : "");
    item.append(element("bdi", "quoted", visible(model.tokens[token])), percent(answered[1][n]));
    list.append(item);
  });
  return [...lines, list];
}

function float(box, { clientX, clientY }) {
  const beside = (to, size, limit) =>
    Math.max(4, Math.min(limit - size - 4, to + size + 18 > limit ? to - size - 14 : to + 14));
  const left = beside(clientX, box.offsetWidth, innerWidth);
  box.style.transform = `translate(${left}px, ${beside(clientY, box.offsetHeight, innerHeight)}px)`;
}

function percent(share) {
  if (share === 0 || share === 1) return `${100 * share}%`;
  if (share < 0.0001) return "≈0%";
  return `${(100 * share).toFixed(share < 0.001 ? 2 : share < 0.1 ? 1 : 0)}%`;
}

const digits = (value) => {
  const size = Math.abs(value);
  const words = size && (size < 1e-3 || size >= 1e5) ? value.toExponential(1) : value.toFixed(3);
  return words.replace("-", "−");
};

const nearest = (values, wanted) =>
  values.reduce((best, v, n) => (Math.abs(v - wanted) < Math.abs(values[best] - wanted) ? n : best), 0);

const hidden = (tag, className) => Object.assign(element(tag, className), { hidden: true });

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
