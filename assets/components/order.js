// A text as pieces that a person moves, with what each costs the models. Python packs the data in
// rnnviz/figures/order_message.py. Pieces are other people's text: textContent alone.

import { button, element, hasModifier, readHeader, redraw, renewSignal } from "./dom.js";
import { colorTable, tint } from "./heatmaps_colors.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const [view] = readHeader(data.slice().buffer); // a copy, because the message may be unaligned
  return redraw(root, ".piece", () => build(root, view, (order) => setStateValue("order", order)));
}

function build(root, view, send) {
  renewSignal(root);
  const table = colorTable(view.scale);
  const [{ now, before }] = view.models;
  const ends = { lo: 0, hi: Math.max(1e-9, ...[...now, ...before].flat().map(([, nats]) => nats)) };
  const row = element("div", "pieces");
  row.setAttribute("role", "list");
  const parts = { root, view, row, send };
  row.append(...view.order.map((n, at) => piece(parts, n, at, ends, table)));
  root.replaceChildren(buttons(parts), row, sums(view));
}

const costOf = (tokens) => tokens.reduce((sum, [, nats]) => sum + nats, 0);

function buttons({ view, send }) {
  const bar = element("div", "bar");
  const all = view.models[0].before.map((_, n) => n);
  const shuffled = () => {
    const order = [...view.order];
    for (let n = order.length - 1; n > 0; n--) {
      const other = Math.floor(Math.random() * (n + 1));
      [order[n], order[other]] = [order[other], order[n]];
    }
    return order;
  };
  const half = Math.ceil(view.order.length / 2);
  bar.append(
    button("Shuffle", () => send(shuffled())),
    button("Cut the first half", () => send(view.order.slice(-half))),
    button("As it was", () => send(all)),
  );
  return bar;
}

function piece(parts, n, at, ends, table) {
  const [{ now, before }] = parts.view.models;
  const [here, was] = [costOf(now[at]), costOf(before[n])].map((nats) => nats.toFixed(1));
  const block = element("div", "piece");
  block.setAttribute("role", "listitem");
  block.tabIndex = 0;
  const word = element("bdi", "word");
  now[at].forEach(([token, nats], k) => {
    const old = before[n].at(k - now[at].length); // a space before it may be new: from the end
    const span = element("span", "", token);
    span.title = `${token}: ${nats.toFixed(2)} nats${old ? `, ${old[1].toFixed(2)} as it was` : ""}`;
    tint(span, ends, nats, table);
    word.append(span);
  });
  const says = `${word.textContent}: ${here} nats, ${was} as it was`;
  block.setAttribute("aria-label", `${says}; Alt and an arrow key move it`);
  block.append(word, element("span", "cost", `${here} (${was})`));
  block.onkeydown = (event) => onKey(parts, event, at);
  block.onpointerdown = (event) => drag(parts, event, block, at);
  return block;
}

// Left and right go to the pieces beside; with Alt they take the piece along
function onKey({ view, row, send }, event, at) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const to = at + by;
  if (to < 0 || to >= view.order.length) return;
  row.children[to].focus();
  if (hasModifier(event)) send(moved(view.order, at, to));
}

function moved(order, from, to) {
  const others = order.filter((_, n) => n !== from);
  return [...others.slice(0, to), order[from], ...others.slice(to)];
}

// While a piece is dragged the others make room; nothing is sent before it is released. The row has
// the pointer: a piece would lose it when it changes its place.
function drag({ view, row, send }, event, block, from) {
  if (event.button !== 0) return;
  event.preventDefault();
  block.focus({ preventScroll: true });
  row.setPointerCapture(event.pointerId);
  let to = from;
  block.classList.add("dragged");
  row.onpointermove = ({ clientX, clientY }) => {
    const others = [...row.children].filter((each) => each !== block);
    const after = others.findIndex((each) => isBefore(each, clientX, clientY));
    to = after < 0 ? others.length : after;
    if (row.children[to] !== block) row.insertBefore(block, others[to] ?? null);
  };
  const end = () => {
    Object.assign(row, { onpointermove: null, onpointerup: null, onpointercancel: null });
    block.classList.remove("dragged");
    if (to !== from) send(moved(view.order, from, to));
  };
  row.onpointerup = end;
  row.onpointercancel = end;
}

// Whether a point lies before the middle of a piece, line by line
function isBefore(piece, x, y) {
  const { top, bottom, left, width } = piece.getBoundingClientRect();
  return y < top || (y <= bottom && x < left + width / 2);
}

function sums(view) {
  const list = element("div", "sums");
  for (const { label, now, before } of view.models) {
    const [here, was] = [now, view.order.map((n) => before[n])].map((all) => costOf(all.flat()));
    const more = here - was;
    const sign = more < 0 ? "−" : "+";
    list.append(
      element(
        "p",
        "",
        `${label}: these pieces cost ${here.toFixed(1)} nats, in the text as it was ` +
          `${was.toFixed(1)} (${sign}${Math.abs(more).toFixed(1)}).`,
      ),
    );
  }
  return list;
}
