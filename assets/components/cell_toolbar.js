// What stands above the circuits: one unit or the whole layer, the colours, and the token.

import { button, element } from "./dom.js";
import { css } from "./heatmaps_colors.js";

const LEGEND = [
  ["sequential", "gate", "0", "1"],
  ["diverging", "state, candidate", "−1", "1"],
];

function legend(tables) {
  const block = element("div", "legend");
  for (const [scale, name, lo, hi] of LEGEND) {
    const entry = element("span", "colours", `${name} ${lo}`);
    const bar = element("i", "bar");
    bar.style.backgroundImage = `linear-gradient(to right, ${tables[scale].map(css)})`;
    entry.append(bar, hi);
    block.append(entry);
  }
  return block;
}

// `setDepth(depth)` and `step(by)`: what its buttons do
export function toolbar(parts, { setDepth, step }) {
  const bar = element("div", "toolbar");
  const depths = element("div", "depths");
  depths.setAttribute("role", "group");
  parts.depths = ["unit", "layer"].map((depth) => {
    const name = depth === "unit" ? "One unit" : "Whole layer";
    return Object.assign(
      button(name, () => setDepth(depth)),
      { depth },
    );
  });
  depths.append(...parts.depths);
  const steps = element("div", "steps");
  parts.where = element("span", "where");
  const [back, on] = [button("‹", () => step(-1)), button("›", () => step(1))];
  back.ariaLabel = "the token before";
  on.ariaLabel = "the next token";
  steps.append(back, parts.where, on);
  bar.append(depths, legend(parts.tables), steps);
  return bar;
}
