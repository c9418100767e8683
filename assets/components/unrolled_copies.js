// Losses and guesses above the copies shown, tokens below them.

import { clamp, element, hasModifier } from "./dom.js";
import { nats } from "./unrolled_data.js";

export function drawRows(parts, choose) {
  const { rows, place, choice } = parts;
  const steps = Array.from({ length: place.count }, (_, i) => choice.first + i);
  const fill = (row, cell) => row.replaceChildren(row.firstChild, ...steps.map(cell));
  const at = [...rows.loss.querySelectorAll("button")].indexOf(
    rows.loss.getRootNode().activeElement,
  );
  fill(rows.loss, (t) => lossButton(parts, t, choose));
  fill(rows.guess, (t) => guess(parts.view, t));
  fill(rows.token, (t) => element("bdi", "token", parts.view.tokens[t]));
  if (at >= 0) rows.loss.querySelectorAll("button")[at]?.focus({ preventScroll: true });
}

function lossButton(parts, t, choose) {
  const { view, choice, place } = parts;
  const button = element("button", "loss", nats(view.losses[t]));
  const change = view.losses[t] - view.before[t];
  if (view.forgotten && t >= view.forgotten && Math.abs(change) >= 0.005)
    button.append(element("small", "", `${change > 0 ? "+" : "−"}${nats(Math.abs(change))}`));
  button.type = "button";
  button.step = t;
  button.setAttribute("data-step", t);
  button.setAttribute("aria-pressed", t === choice.target);
  button.setAttribute(
    "aria-label",
    `loss after token ${t + 1} ${view.tokens[t]}: ${nats(view.losses[t])} nats`,
  );
  button.classList.toggle("uncounted", !view.counts[t]);
  const isShown = choice.target >= choice.first && choice.target < choice.first + place.count;
  button.tabIndex = t === (isShown ? choice.target : choice.first) ? 0 : -1;
  button.onclick = () => choose(t);
  button.onkeydown = (event) => moveFocus(event, parts.rows.loss);
  return button;
}

function moveFocus(event, row) {
  const buttons = [...row.querySelectorAll("button")];
  const at = buttons.indexOf(event.currentTarget);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined || hasModifier(event)) return;
  event.preventDefault();
  buttons[clamp(to, buttons.length)].focus();
}

function guess(view, t) {
  const cell = element("span", "guess");
  cell.classList.toggle("right", view.likeliest[t] === view.tokens[t + 1]);
  cell.append(element("bdi", "", view.likeliest[t]));
  cell.append(element("span", "muted", `${Math.round(100 * view.probability[t])}%`));
  cell.title = `likeliest next token: ${view.likeliest[t]}; what comes: ${view.tokens[t + 1]}`;
  return cell;
}
