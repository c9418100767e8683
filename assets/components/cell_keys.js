// The keyboard: left and right move over the tokens; on a circuit, up and down move over its parts
// and Enter holds one.

import { CIRCUITS } from "./cell_circuit.js";
import { clamp, hasModifier, speak } from "./dom.js";

// `step(by, text)`: move by tokens of a text
export function followKeys(parts, step) {
  const { root, texts, cards, view } = parts;
  root.onkeydown = (event) => {
    const card = cards.find(({ unit }) => unit.svg === event.target);
    const text = card?.text ?? view.texts[texts.indexOf(event.target)];
    if (!text || hasModifier(event)) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key in moves) {
      step(moves[event.key], text);
      speakStep(parts, card);
    } else if (!card || !onPart(parts, card, event.key)) return;
    event.preventDefault();
  };
}

// A key on a circuit that is not about tokens; whether it was one
function onPart(parts, { unit, model, hold }, key) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[key];
  const { svg } = unit;
  const names = unit.parts;
  if (by) {
    const at = names.indexOf(svg.chosen);
    svg.chosen = names[at < 0 ? 0 : clamp(at + by, names.length)];
  } else if (key === "Escape") svg.chosen = null;
  else if (key === "Enter" && CIRCUITS[model.kind].holds.includes(svg.chosen)) {
    hold.toggle(svg.chosen);
    return true;
  } else return false;
  svg.light(svg.chosen);
  speak(parts.spoken, [unit.says]);
  return true;
}

function speakStep(parts, card) {
  const told = card
    ? [parts.where, ...card.unit.equations.querySelectorAll(".lit")]
    : [parts.where];
  speak(parts.spoken, told);
}
