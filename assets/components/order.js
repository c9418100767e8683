// A text as pieces that a person moves, with what each costs the models. Python packs the data in
// rnnviz/figures/order_message.py. Pieces are other people's text: textContent alone.

import { button, element, hasModifier, readHeader, renewSignal } from "./dom.js";
import { colorTable, tint } from "./heatmaps_colors.js";
import { keepToSend, redrawAnswer, sendNow, sendValue } from "./sending.js";

export default function (answer) {
  const root = answer.parentElement.querySelector(".root");
  return redrawAnswer(root, ".piece", answer, (buffer) => build(root, readHeader(buffer)[0]));
}

// `parts` is what the functions below share; its `order` is that of the pieces on the page, which
// move at once
function build(root, view) {
  renewSignal(root);
  const table = colorTable(view.scale);
  const [{ now, before }] = view.models;
  const ends = { lo: 0, hi: Math.max(1e-9, ...[...now, ...before].flat().map(([, nats]) => nats)) };
  const row = element("div", "pieces");
  row.setAttribute("role", "list");
  const parts = { view, row, sending: root.sending, order: view.order };
  row.append(...view.order.map((n, at) => piece(parts, n, at, ends, table)));
  root.replaceChildren(buttons(parts), row, sums(view));
}

const costOf = (tokens) => tokens.reduce((sum, [, nats]) => sum + nats, 0);

function buttons(parts) {
  const bar = element("div", "bar");
  const all = parts.view.models[0].before.map((_, n) => n);
  const send = (order) => sendValue(parts.sending, "order", order);
  const shuffled = () => {
    const order = [...parts.order];
    for (let n = order.length - 1; n > 0; n--) {
      const other = Math.floor(Math.random() * (n + 1));
      [order[n], order[other]] = [order[other], order[n]];
    }
    return order;
  };
  const half = () => parts.order.slice(-Math.ceil(parts.order.length / 2));
  bar.append(
    button("Shuffle", () => send(shuffled())),
    button("Cut the first half", () => send(half())),
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
  block.onkeydown = (event) => onKey(parts, event, block);
  block.onpointerdown = (event) => drag(parts, event, block);
  return block;
}

// Left and right go to the pieces beside; with Alt they take the piece along
function onKey(parts, event, block) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const beside = by < 0 ? block.previousElementSibling : block.nextElementSibling;
  if (!beside) return;
  if (!hasModifier(event)) {
    beside.focus();
    return;
  }
  const from = placeOf(parts, block);
  if (by < 0) block.after(beside);
  else block.before(beside); // the piece itself would lose the focus
  keepOrder(parts, from, from + by);
  sendNow(parts.sending);
}

const placeOf = ({ row }, block) => [...row.children].indexOf(block);

function keepOrder(parts, from, to) {
  const others = parts.order.filter((_, n) => n !== from);
  parts.order = [...others.slice(0, to), parts.order[from], ...others.slice(to)];
  keepToSend(parts.sending, "order", parts.order);
}

// While a piece is dragged the others make room; nothing is sent before it is released. The row has
// the pointer: a piece would lose it when it changes its place.
function drag(parts, event, block) {
  if (event.button !== 0) return;
  const { row, sending } = parts;
  event.preventDefault();
  block.focus({ preventScroll: true });
  row.setPointerCapture(event.pointerId);
  block.classList.add("dragged");
  row.onpointermove = ({ clientX, clientY }) => {
    const others = [...row.children].filter((each) => each !== block);
    const after = others.findIndex((each) => isBefore(each, clientX, clientY));
    const [from, to] = [placeOf(parts, block), after < 0 ? others.length : after];
    if (to === from) return;
    row.insertBefore(block, others[to] ?? null);
    keepOrder(parts, from, to);
  };
  const end = () => {
    Object.assign(row, { onpointermove: null, onpointerup: null, onpointercancel: null });
    block.classList.remove("dragged");
    sendNow(sending);
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
