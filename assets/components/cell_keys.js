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
  if (key === "Enter" && CIRCUITS[model.kind].holds.includes(unit.svg.chosen)) {
    hold.toggle(unit.svg.chosen);
    return true;
  }
  return choosePart(unit, key, parts.spoken);
}

// Up and down choose a part of a circuit, Escape none; whether the key was one of these
export function choosePart({ svg, parts: names, says }, key, spoken) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (!by && key !== "Escape") return false;
  const at = names.indexOf(svg.chosen);
  svg.chosen = by ? names[at < 0 ? 0 : clamp(at + by, names.length)] : null;
  svg.light(svg.chosen);
  speak(spoken, [says]);
  return true;
}

function speakStep(parts, card) {
  const told = card
    ? [parts.where, ...card.unit.equations.querySelectorAll(".lit")]
    : [parts.where];
  speak(parts.spoken, told);
}
