// Play: hold gates and states of the unit from a token on. What follows is computed by the server
// when a control is released.

import { CIRCUITS } from "./cell_circuit.js";
import { symbol } from "./cell_equations.js";
import { button, digits, element } from "./dom.js";

const WIDEST = 4; // of a slider of a number without bounds; the field beside it takes any number

// `ask({ start, pairs })`: what a hold does is wanted. `here()`: the token and the unit's numbers.
export function holdPanel(model, ask, here) {
  const block = element("div", "hold");
  const title = element("p", "title");
  const [from, rows, result] = [element("b"), element("div", "held-rows"), element("p", "result")];
  const again = button("start here");
  again.className = "again";
  result.setAttribute("role", "status");
  title.append("Hold ", ...chips(model, (of) => toggle(of)), " from token ", from, again);
  block.append(title, rows, result);
  // `rows`: what the rows say, sent or taken last; `isAsked`: it was sent and has no answer yet
  const state = { start: null, held: new Map(), answer: null, rows: asText(null), isAsked: false };

  const send = () => {
    const pairs = [...state.held].map(([of, row]) => [of, row.value()]);
    if (!pairs.length) state.start = null;
    state.rows = asText(pairs.length ? { start: state.start, pairs } : null);
    state.isAsked = true;
    result.textContent = "computing …";
    ask({ start: state.start, pairs });
  };
  const add = (of, value) => {
    const row = holdRow(model, of, value, send);
    state.held.set(of, row);
    rows.append(row.block);
  };
  const toggle = (of) => {
    const row = state.held.get(of);
    if (row) {
      row.block.remove();
      state.held.delete(of);
    } else {
      state.start ??= here().t;
      add(of, Number(here().values[of].toPrecision(3)));
    }
    refresh();
    send();
  };
  const refresh = () => {
    const t = state.start ?? here().t;
    from.textContent = here().name(t);
    again.hidden = state.start === null || state.start === here().t;
    for (const chip of title.querySelectorAll("[data-of]")) {
      chip.ariaPressed = String(state.held.has(chip.dataset.of));
    }
  };
  again.onclick = () => {
    state.start = here().t;
    refresh();
    send();
  };
  // What is held, or null; the browser's Back holds what no row says
  const take = (answer) => {
    state.answer = answer;
    if (asText(answer) !== state.rows) {
      state.rows = asText(answer);
      state.start = answer ? answer.start : null;
      for (const row of state.held.values()) row.block.remove();
      state.held.clear();
      for (const [of, value] of answer ? answer.pairs : []) add(of, value);
    }
    refresh();
  };
  const show = () => {
    refresh();
    if (state.answer) result.replaceChildren(...outcome(model, state.answer, here()));
    else if (!state.held.size) {
      result.replaceChildren(element("span", "muted", CIRCUITS[model.kind].hint));
    }
  };
  // Whether an answer of the server is to what was asked last; one that comes late is not
  const settles = (answer) => {
    if (state.rows === asText(answer)) state.isAsked = false;
    return !state.isAsked;
  };
  return { block, toggle, take, show, settles };
}

const asText = (hold) => JSON.stringify(hold && [hold.start, hold.pairs]);

function chips(model, onToggle) {
  return CIRCUITS[model.kind].holds.map((of) => {
    const chip = button("", () => onToggle(of));
    Object.assign(chip, { className: "chip", ariaPressed: "false", ariaLabel: `hold ${of}` });
    chip.dataset.of = of;
    chip.append(symbol(of));
    return chip;
  });
}

// A held gate or state: buttons for 0 and 1, a slider, and a field for any number

function holdRow(model, of, first, onRelease) {
  const block = element("div", "held-row");
  const { scale, lo, hi, by_tanh: isFree } = model.strips[of];
  const most = isFree || of === "a" ? Math.max(WIDEST, Math.ceil(Math.abs(first))) : hi;
  const least = scale === "sequential" ? lo : -most;
  const slider = inputOf(
    "range",
    { min: least, max: most, step: (most - least) / 200 },
    `slider of ${of}`,
  );
  const field = inputOf("number", { step: "any" }, `value of ${of}`);
  const set = (value) => {
    slider.value = value;
    field.value = value;
  };
  const choose = (value) => {
    set(value);
    onRelease();
  };
  slider.oninput = () => {
    field.value = Number(Number(slider.value).toPrecision(4));
  };
  slider.onchange = onRelease;
  field.onchange = () => {
    if (Number.isFinite(field.valueAsNumber)) choose(field.valueAsNumber);
    else set(0);
  };
  const whole = [0, 1].map((value) => {
    const made = button(String(value), () => choose(value));
    return Object.assign(made, { className: "whole", ariaLabel: `${of} = ${value}` });
  });
  set(first);
  const label = element("span", "name");
  label.append(symbol(of));
  block.append(label, ...whole, slider, field);
  return { block, value: () => field.valueAsNumber };
}

function inputOf(type, attributes, label) {
  const made = Object.assign(element("input"), { type, ...attributes });
  made.setAttribute("aria-label", label);
  return made;
}

// What a hold did up to the token under the cursor, and to the later tokens as a whole

function outcome(model, answer, { t }) {
  const name = model.series.c ? "c" : "h";
  const start = Math.max(0, answer.start);
  const moved = (series) => signed(series[name][t + 1] - series[name][start]);
  const lines = [];
  if (t >= answer.start) {
    const made = element("span", "moved");
    const own = element("b", "", moved(answer.series));
    own.dataset.moved = name;
    const before =
      start === 0 && answer.start < 0 ? " since the first token shown: " : " since the hold: ";
    made.append(symbol(name), before, own, ` (not held: ${moved(model.series)}).`);
    lines.push(made);
  } else lines.push(element("span", "moved", "The cursor is before the hold."));
  const [now, then] = [meanLoss(answer, start), meanLoss(model, start)];
  if (now !== null) {
    const words = ` Mean loss from there on: ${digits(now)} nats (not held: ${digits(then)}).`;
    lines.push(element("span", "loss", words));
  }
  return lines;
}

const signed = (value) => (value > 0 ? `+${digits(value)}` : digits(value));

function meanLoss({ next }, start) {
  const found = next.slice(start).filter((logP) => logP !== null);
  return found.length ? -found.reduce((sum, logP) => sum + logP, 0) / found.length : null;
}
