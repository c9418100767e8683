// Texts, bars and entropy of models at 41 temperatures. Python packs the data in
// rnnviz/figures/sweep_message.py. A move of the slider (temperature.js) changes them here, without
// asking the server.
// Tokens are other people's text: they reach the page through textContent alone.

import {
  button,
  clamp,
  cleanUp,
  digits,
  element,
  floatBeside,
  freePlace,
  hasModifier,
  hidden,
  hideOnScroll,
  listen,
  modelHeader,
  readHeader,
  renewSignal,
  setText,
  speak,
  spokenLine,
  told,
} from "./dom.js";
import { arithmetic, barChart, entropyChart, shareText } from "./sampler_charts.js";
import { FULL_SURPRISE, shadeHighlights, Version, visible } from "./sampler_text.js";

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  if (!same(root.message, data)) {
    root.message = data.slice();
    inflate(root.message).then((view) => {
      if (same(root.message, data)) build(root, view);
    });
  }
  root.send = setTriggerValue;
  return cleanUp(root);
}

function same(one, other) {
  return one?.length === other.length && one.every((byte, n) => byte === other[n]);
}

async function inflate(message) {
  const plain = new Blob([message]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(plain).arrayBuffer();
  const [view, end] = readHeader(buffer);
  const kinds = { u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
  const rows = view.temperatures.length;
  for (const model of [...view.models, ...view.forks]) {
    for (const [name, [offset, kind]] of Object.entries(model.arrays)) {
      const size = rows * model.count * (name === "top" || name === "share" ? model.tops : 1);
      model[name] = new kinds[kind](buffer, end + offset, size);
    }
  }
  return view;
}

// `parts` is what the functions below share: the root, the data, what is drawn of it, and
//   row    the temperature that is shown
//   at     { version, place } of the token under the cursor, or null
//   asked  { version, place, row, point } of the panel that was opened last, or null
function build(root, view) {
  const signal = renewSignal(root);
  const parts = { root, view, row: 0, at: null, asked: null, ...layOut(root, view, signal) };
  freePlace(root);
  followPointer(parts);
  followKeys(parts);
  listen("temperature", () => update(parts), signal);
  listen("answer", (answer) => takeAnswer(parts, answer), signal);
  const written = () => {
    for (const version of parts.versions) version.wait("");
  };
  listen("written", written, signal);
  hideOnScroll(parts.tip, signal);
  update(parts);
}

// Show everything at the slider's temperature
function update(parts) {
  const { view, shades, cards, curves } = parts;
  const row = nearest(view.temperatures, told("temperature") ?? 1);
  parts.row = row;
  for (const shade of shades) shade.clear();
  for (const { show } of cards) show(row, view.temperatures[row]);
  curves.show(row);
  close(parts);
}

const nearest = (values, wanted) =>
  values.reduce(
    (best, v, n) => (Math.abs(v - wanted) < Math.abs(values[best] - wanted) ? n : best),
    0,
  );

// What stands on the page

function layOut(root, view, signal) {
  const shades = shadeHighlights(signal);
  const cards = view.models.map((model, m) => card(model, view.forks[m], m, shades));
  const curves = entropyChart(view);
  const models = element("div", "models");
  models.classList.toggle("forking", view.forks.length > 0);
  models.classList.toggle("alone", view.models.length === 1);
  models.append(...cards.map(({ block }) => block));
  const body = element("div", "body");
  body.append(
    legend(view.models),
    ...(view.forks.length ? [forkLine(root)] : []),
    models,
    curves.block,
  );
  const tip = hidden("div", "tip");
  const panel = hidden("div", "panel");
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", "Choose another token");
  const spoken = spokenLine();
  root.replaceChildren(body, tip, panel, spoken);
  const versions = cards.flatMap((each) => each.versions);
  return { body, cards, versions, curves, shades, tip, panel, spoken };
}

// A model: its text, perhaps a fork beside it, and the bars of the next token
function card(model, fork, m, shades) {
  const note = element("span", "note");
  const versions = fork
    ? [
        new Version(model, m, 0, "as before", shades),
        new Version(fork, m, 1, "another token", shades),
      ]
    : [new Version(model, m, 0, "", shades)];
  const sides = element("div", "versions");
  sides.append(...versions.map((version) => version.block));
  const bars = barChart(model);
  const sums = arithmetic(model);
  const block = element("section", "model");
  bars.block.classList.toggle("uncounted", !model.next_counts);
  block.append(modelHeader(model, note), sides, bars.block, sums.block);
  const show = (row, temperature) => {
    for (const version of versions) version.show(row);
    bars.show(row);
    sums.show(row, temperature);
    const said = model.next_counts
      ? `next token: entropy ${digits(model.next_entropy[row])} nats`
      : "next token: random in this task, does not count";
    setText(note, said);
  };
  return { block, versions, show };
}

function legend(models) {
  const line = element("div", "legend", "surprise −ln p of each token under the model itself:  0");
  line.append(element("i", "bar"), `${FULL_SURPRISE} nats and more`);
  const cues = new Set(models.flatMap(({ cue }) => (cue === null ? [] : [visible(cue)])));
  for (const cue of cues) line.append(`; only tokens after “${cue}” count`);
  return line;
}

function forkLine(root) {
  const line = element("div", "forkline");
  const dismiss = button("Dismiss the fork", () => root.send("dismiss", true));
  dismiss.className = "dismiss";
  line.append(element("b", "", "Forked: every model goes on from the token you chose."), dismiss);
  return line;
}

// The cursor and the tip beside it

function moveCursor(parts, at) {
  parts.at?.version.mark(null);
  parts.at = at;
  at?.version.mark(at.place);
}

function hover(parts, at, point) {
  moveCursor(parts, at);
  const { tip, panel, row, view } = parts;
  tip.hidden = !at || !panel.hidden;
  if (tip.hidden) return;
  tip.replaceChildren(...describe(at, row, view.temperatures[row]));
  floatBeside(tip, point);
}

// Close tip and panel
function close(parts) {
  parts.tip.hidden = true;
  parts.panel.hidden = true;
  moveCursor(parts, null);
}

function describe({ version, place }, row, temperature) {
  const { model } = version;
  const at = row * model.count + place;
  const id = version.idAt(row, place);
  const before = model.fixed.length;
  const first = element("div", "", `token ${place + 1 + before} of ${model.count + before}: `);
  first.append(element("bdi", "quoted", visible(model.tokens[id])));
  const surprise = model.surprise[at];
  const own = Number.isNaN(surprise)
    ? "random in this task: it does not count"
    : `surprise ${digits(surprise)} nats (p = ${digits(100 * Math.exp(-surprise))}% at T = 1)`;
  const rank = `rank ${model.rank[at]} of ${model.tokens.length}`;
  const more = likeliestLines(version, row, place, temperature);
  return [first, element("div", "", own), element("div", "", rank), ...more];
}

function likeliestLines(version, row, place, temperature) {
  const answered = version.likeliest(row, place);
  if (!answered) {
    return [element("div", "muted", "Click for the ten likeliest and to choose another.")];
  }
  const list = element("ol");
  answered[0].forEach((id, n) => {
    const item = element("li", id === version.idAt(row, place) ? "here" : "");
    item.append(...tokenAndShare(version, id, answered[1][n]));
    list.append(item);
  });
  const heading = `the likeliest at T = ${temperature.toFixed(2)}, click to fork`;
  return [element("div", "muted", heading), list];
}

function tokenAndShare({ model }, id, share) {
  return [element("bdi", "quoted", visible(model.tokens[id])), shareText(share)];
}

// The panel in which another token is chosen. Where the message lacks the likeliest tokens the
// server is asked for them.

function openPanel(parts, at, point) {
  moveCursor(parts, at);
  parts.tip.hidden = true;
  const { root, row } = parts;
  const { version, place } = at;
  parts.asked = { ...at, row, point };
  const answered = version.likeliest(row, place);
  if (answered) offer(parts, ...answered);
  else {
    root.send("ask", [version.m, version.fork, row, place]);
    fillPanel(parts, [element("p", "muted", "Computing the ten likeliest tokens …")]);
  }
}

function takeAnswer(parts, [m, fork, row, place, ids, shares]) {
  const { panel, asked } = parts;
  if (panel.hidden) return;
  const isSame = asked.version.m === m && asked.version.fork === fork;
  if (isSame && asked.row === row && asked.place === place) offer(parts, ids, shares);
}

function offer(parts, ids, shares) {
  const { version, place, row } = parts.asked;
  const list = element("ol");
  ids.forEach((id, n) => {
    const choice = button("", () => {
      parts.root.send("fork", [version.m, version.fork, row, place, id]);
      close(parts);
      version.wait(`Every model goes on from “${visible(version.model.tokens[id])}” …`);
    });
    choice.append(...tokenAndShare(version, id, shares[n]));
    if (id === version.idAt(row, place)) choice.classList.add("here");
    const item = element("li");
    item.append(choice);
    list.append(item);
  });
  fillPanel(parts, [element("p", "muted", "Choose the token that stands here instead:"), list]);
}

function fillPanel(parts, children) {
  const { panel, asked } = parts;
  const head = element("header");
  const shut = button("✕", () => closePanel(parts));
  shut.setAttribute("aria-label", "Close");
  const number = asked.place + 1 + asked.version.model.fixed.length;
  head.append(element("b", "", `Fork at token ${number}`), shut);
  panel.replaceChildren(head, ...children);
  panel.hidden = false;
  floatBeside(panel, asked.point);
  (panel.querySelector("li button") ?? shut).focus({ preventScroll: true });
}

// Close everything; the focus goes from an open panel back to its text
function closePanel(parts) {
  const version = parts.panel.hidden ? null : parts.asked.version;
  close(parts);
  version?.area.focus();
}

// The pointer

function followPointer(parts) {
  const { body, panel, versions } = parts;
  const under = (event) => {
    const path = event.composedPath();
    const version = versions.find(({ area }) => path.includes(area));
    const place = version?.placeAt(event.clientX, event.clientY) ?? null;
    return place === null ? null : { version, place };
  };
  body.onpointermove = (event) => hover(parts, under(event), event);
  body.onpointerleave = () => {
    if (panel.hidden) hover(parts, null);
  };
  body.onclick = (event) => {
    const at = under(event);
    if (at) openPanel(parts, at, event);
    else close(parts);
  };
}

// The keyboard

function followKeys(parts) {
  const { root, versions } = parts;
  root.onkeydown = (event) => {
    if (event.key === "Escape") {
      closePanel(parts);
      return;
    }
    const version = versions.find(({ area }) => area === event.target);
    if (!version?.model.count || hasModifier(event)) return;
    const place = parts.at?.version === version ? parts.at.place : -1;
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: Infinity };
    if (event.key in moves) {
      moveTo(parts, version, clamp(moves[event.key], version.model.count));
    } else if (event.key === "Enter" && place >= 0) {
      openPanel(parts, { version, place }, version.cornerOf(place));
    } else return;
    event.preventDefault();
  };
}

function moveTo(parts, version, place) {
  version.scrollTo(place);
  hover(parts, { version, place }, version.cornerOf(place));
  speak(parts.spoken, [...parts.tip.children]);
}
