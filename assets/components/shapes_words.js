// What is said of the current column, and what colours, marks and widths mean.

import { element, minus, percentText } from "./dom.js";
import { css } from "./heatmaps_colors.js";
import { gradientWidth } from "./shapes_draw.js";
import { truthMark } from "./truth_mark.js";

export function sayStep({ view, step, place, first, slider, told }) {
  const all = view.columns.length;
  const last = first + place.count;
  const shown = place.count < all ? ` (shown: ${first + 1} to ${last})` : "";
  slider.value.value = `${step + 1} of ${all}${shown}`;
  slider.input.setAttribute("aria-valuetext", slider.value.value);
  told.textContent = stepText(view, step);
}

function stepText(view, step) {
  const { given, picture, part, said, p, truth, loss, gradient } = view.columns[step];
  const which = view.columns.length > 1 ? `Step ${step + 1}` : "The one step";
  const who = part ? `${which}, ${part}` : which;
  const reads = picture ? "reads a picture" : given === null ? "reads nothing" : `reads “${given}”`;
  const says = said === null ? "says nothing" : `says “${said}”`;
  const more = [p === null ? "" : percentText(p), { true: "right", false: "wrong" }[truth]];
  const sure =
    said === null
      ? ""
      : more
          .filter(Boolean)
          .map((each) => `, ${each}`)
          .join("");
  const sits = loss ? " Loss here." : "";
  const back = gradient === null ? "" : ` Gradient back: ${normText(gradient)}.`;
  return `${who}: ${reads}, ${says}${sure}.${sits}${back}`;
}

// Two digits of a norm that is given by its log10
function normText(log10) {
  const norm = 10 ** log10;
  if (norm >= 0.00995 && norm < 995) return String(Number(norm.toPrecision(2)));
  const power = Math.floor(log10);
  return minus(`${Number((10 ** (log10 - power)).toFixed(1))}e${power}`);
}

export function drawKeys(keys, view, table) {
  const found = [];
  if (view.hasStates) found.push(stateKey(view.units, table));
  if (view.hasTruth) found.push(truthKey());
  if (view.gradients.most >= view.gradients.least) found.push(gradientKey(view));
  keys.hidden = !found.length;
  keys.replaceChildren(...found);
}

function keyOf(words, ...entries) {
  const key = element("div", "key");
  key.append(words, ...entries);
  return key;
}

function entryOf(...content) {
  const entry = element("span", "entry");
  entry.append(...content);
  return entry;
}

function stateKey(units, table) {
  const bar = element("i", "bar");
  bar.style.backgroundImage = `linear-gradient(to right, ${table.map(css).join(",")})`;
  return keyOf(`State of ${units}:`, entryOf("−1", bar, "1"));
}

const truthKey = () =>
  keyOf("", entryOf(truthMark(true), "right"), entryOf(truthMark(false), "wrong"));

// The largest and the smallest arrow
function gradientKey(view) {
  const { least, most } = view.gradients;
  const entry = (log10) => {
    const line = element("i", "sample");
    line.style.height = `${gradientWidth(view, log10)}px`;
    return entryOf(line, normText(log10));
  };
  const entries = least < most ? [entry(most), "to", entry(least)] : [entry(most)];
  return keyOf("Gradient back, norm (log):", ...entries);
}
