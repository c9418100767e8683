// A text in a row; below each token a bar for its p, and below the bars the bits added up.

import { svgElement } from "./dom.js";

const LEFT = 46;
const RIGHT = 10; // half the thumb of the slider
const NARROWEST = 10; // pixels a token
const ROOM = 38; // pixels a token that a number needs
const TOKENS = 16; // of their line
const BARS = { top: 44, height: 96 };
const SUMS = { top: 164, height: 100 };
const HEIGHT = 272;

// Where the tokens are in a figure of some width: x(n) is the border after the first n
export function place(width, count) {
  const column = Math.max(NARROWEST, (width - LEFT - RIGHT) / count);
  return { column, width: LEFT + RIGHT + count * column, x: (n) => LEFT + n * column };
}

export function chainChart(view) {
  const picture = svgElement("svg", { height: HEIGHT, role: "img" });
  const most = Math.max(...view.lines.map(({ sums }) => sums.at(-1)), 1);
  const show = (around, end) => {
    picture.setAttribute("viewBox", `0 0 ${around.width} ${HEIGHT}`);
    picture.setAttribute("width", around.width);
    picture.setAttribute("aria-label", spoken(view, end));
    picture.replaceChildren(
      ...axis(BARS, 1, 0.5, "p", around),
      ...axis(SUMS, most, stepOf(most), "bits", around),
      ...view.tokens.flatMap((token, n) =>
        column(token, view.lines[0].bits[n], n, n < end, around),
      ),
      ...view.lines.flatMap(({ sums }, n) => sumLine(sums, n > 0, end, most, around)).reverse(),
      svgElement("path", { class: "border", d: `M${around.x(end)} 4V${SUMS.top + SUMS.height}` }),
    );
  };
  return { picture, show };
}

const spoken = ({ tokens, lines: [{ name, sums }] }, end) =>
  `${name}: p of each of ${tokens.length} characters; the first ${end} have ${sums[end].toFixed(1)} bits`;

const height = ({ top, height }, share) => top + height * (1 - share);

const stepOf = (most) => [1, 2, 5, 10, 20, 50, 100, 200].find((size) => most / size <= 4) ?? 500;

function axis(part, most, step, name, { width }) {
  const found = [];
  for (let value = 0; value <= most; value += step) {
    const y = height(part, value / most);
    found.push(svgElement("path", { class: "grid", d: `M${LEFT} ${y}H${width - RIGHT}` }));
    found.push(svgElement("text", { class: "y", x: LEFT - 6, y: y + 4.5 }, String(value)));
  }
  const middle = `translate(11 ${part.top + part.height / 2}) rotate(-90)`;
  return [...found, svgElement("text", { class: "axis", transform: middle }, name)];
}

function column(token, bits, n, counts, { column: wide, x }) {
  const [p, later] = [2 ** -bits, counts ? "" : " later"];
  const [middle, y] = [x(n + 0.5), height(BARS, 2 ** -bits)];
  const size = { x: x(n) + 0.14 * wide, y, width: 0.72 * wide, height: BARS.top + BARS.height - y };
  const bar = svgElement("rect", { class: `of${later}`, ...size });
  bar.append(svgElement("title", {}, `p = ${p.toPrecision(3)}, ${bits.toFixed(2)} bits`));
  const label = svgElement("text", { class: `token${later}`, x: middle, y: TOKENS }, token);
  const value = svgElement("text", { class: `value${later}`, x: middle, y: y - 4 }, shareText(p));
  return wide < ROOM ? [bar, label] : [bar, label, value];
}

const shareText = (p) => (p < 0.01 ? "<0.01" : p > 0.99 && p < 1 ? ">0.99" : p.toFixed(2));

// The sums after each token; of the line of another order, only the part that is compared
function sumLine(sums, isOther, end, most, { x }) {
  const point = (n) => `${x(n)} ${height(SUMS, sums[n] / most)}`;
  const path = (from, to, name) => {
    const points = sums.slice(from, to + 1).map((_, k) => point(from + k));
    return svgElement("path", {
      class: `${name}${isOther ? " other" : ""}`,
      d: `M${points.join("L")}`,
    });
  };
  const [cx, cy] = point(end).split(" ");
  const dot = svgElement("circle", { class: `dot${isOther ? " other" : ""}`, cx, cy, r: 5 });
  return [dot, path(0, end, "sum"), path(end, sums.length - 1, "sum later")];
}
