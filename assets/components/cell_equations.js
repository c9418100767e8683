// The equations of a cell, each with names and with numbers in their place.

import { written } from "./cell_circuit.js";
import { digits, element } from "./dom.js";

export function symbol(name) {
  const made = element("em");
  made.append(...written(name).map((text, n) => (n % 2 ? element("sub", "", text) : text)));
  return made;
}

// A line twice: with names, and with the numbers in their place
export function equation(parts, line) {
  const block = element("div", "equation");
  const [left, , ...right] = line.split(" ");
  block.dataset.defines = left;
  block.classList.toggle("long", right.length > 6);
  const names = element("span", "names");
  names.append(
    nameOf(left),
    " = ",
    ...right.map((word) => (isName(word) ? nameOf(word) : spaced(word))),
  );
  const result = touchable("b", left);
  parts.numbers.push([left, result, digits]);
  const numbers = element("span", "numbers", "= ");
  right.forEach((word, n) => {
    const after = right[n - 1] ?? "(";
    if (isName(word)) numbers.append(numberOf(parts, word, after));
    else if (word !== "+") numbers.append(spaced(word));
  });
  numbers.append(" = ", result);
  const held = element("span", "numbers held");
  block.append(names, numbers, held);
  parts.lines.push([left, block, held]);
  return block;
}

const isName = (word) => /^[a-z](_\w+)?$/.test(word);

// Of numbers a plus is written with the one after it, which may turn it into a minus
function spaced(word) {
  return /[+·−]/.test(word) ? ` ${word} ` : word;
}

function numberOf(parts, name, before) {
  const number = touchable("span", name);
  const write = { "+": added, "·": factor, "−": factor }[before] ?? digits;
  parts.numbers.push([name, number, write]);
  return number;
}

const added = (value) => (value < 0 ? ` − ${digits(-value)}` : ` + ${digits(value)}`);

// A negative number after an operator is in parentheses
function factor(value) {
  return value < 0 ? `(${digits(value)})` : digits(value);
}

function nameOf(name) {
  const made = touchable("span", name);
  made.append(symbol(name));
  return made;
}

function touchable(tag, name) {
  const made = element(tag, "term");
  made.dataset.part = partOf(name);
  return made;
}

// What a name in an equation is touched as: its sums stand for what they read
function partOf(name) {
  const [side, gate] = name.split("_");
  if (!gate || gate === "prev") return name;
  return side === "x" ? "x" : "h_prev";
}
