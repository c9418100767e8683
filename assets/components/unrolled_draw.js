// The network between predictions and tokens: strips of states on a canvas, arrows over it. Grey
// arrows carry states forward, coloured ones the gradient of the chosen loss back.

import { svgElement } from "./dom.js";
import { shareAt, short, windowStart } from "./unrolled_data.js";

const LABEL = 19; // pixels above a strip, for its share
const GAP = 34; // between layers, above the top one and below the lowest
const MOST_WIDTH = 14;

// Two pixels a decade: 8 where all of the gradient is left
export const widthOf = (share) =>
  share ? Math.max(1, Math.min(MOST_WIDTH, 8 + 2 * Math.log10(share))) : 0;

// Where everything is, in pixels, for copies `first` to `first + count - 1`
export function geometry(view, width, gutter, count) {
  const column = (width - gutter) / count;
  const two = view.lanes.length > view.layers;
  const strip = { width: Math.min(24, column * 0.38), height: two ? 64 : 96 };
  let y = GAP;
  const lanes = view.lanes.map((lane, n) => {
    const isTop = !n || view.lanes[n - 1].layer !== lane.layer;
    if (n && isTop) y += GAP;
    const top = y + LABEL;
    y = top + strip.height + (isTop && two ? 4 : 0);
    return { ...lane, top, bottom: top + strip.height };
  });
  const center = (i) => gutter + (i + 0.5) * column;
  return { width, gutter, column, count, strip, lanes, height: y + GAP, center };
}

export function paintStrips(canvas, view, place, first, table) {
  const scale = globalThis.devicePixelRatio || 1;
  Object.assign(canvas, { width: place.width * scale, height: place.height * scale });
  Object.assign(canvas.style, { width: `${place.width}px`, height: `${place.height}px` });
  const paint = canvas.getContext("2d");
  paint.scale(scale, scale);
  const { width, height } = place.strip;
  const row = height / view.rows;
  for (const lane of place.lanes) {
    for (let i = 0; i < place.count; i++) {
      const at = (lane.cells * view.steps + first + i) * view.rows;
      for (let n = 0; n < view.rows; n++) {
        paint.fillStyle = table[view.cells[at + n]];
        paint.fillRect(place.center(i) - width / 2, lane.top + n * row, width, row + 0.3);
      }
    }
  }
}

// An arrow as a shape of its own width, from one point to another on a level or plumb line
function arrow(name, [x0, y0], [x1, y1], width) {
  const length = Math.abs(x1 - x0) + Math.abs(y1 - y0);
  const [half, wide] = [width / 2, width / 2 + 3.5];
  const head = Math.min(length * 0.6, 5 + width / 2);
  const body = length - head;
  const points = [
    [0, -half],
    [body, -half],
    [body, -wide],
    [length, 0],
    [body, wide],
    [body, half],
    [0, half],
  ];
  const turn = x1 > x0 ? 0 : x1 < x0 ? 180 : y1 > y0 ? 90 : 270;
  const d = `M${points.map((point) => point.join(" ")).join("L")}Z`;
  return svgElement("path", {
    class: name,
    d,
    transform: `translate(${x0} ${y0}) rotate(${turn})`,
  });
}

const forward = (n, from, to) => {
  const made = arrow(`forward${n === null ? "" : " weight"}`, from, to, 1.6);
  if (n !== null) made.setAttribute("data-weight", n);
  return made;
};

// The number of a lane's matrices among the weights: what reads from below, and what from before
const below = (lane) => 2 * lane.layer;
const before = (lane) => (lane.symbol === "c" ? null : 2 * lane.layer + 1);

export function drawNet(picture, view, place, choice) {
  const { first, target, window } = choice;
  picture.setAttribute("viewBox", `0 0 ${place.width} ${place.height}`);
  picture.setAttribute("width", place.width);
  picture.setAttribute("height", place.height);
  const drawn = [...borders(view, place, choice), ...laneNames(view, place)];
  for (let i = 0; i < place.count; i++) {
    const copy = { view, place, i, s: first + i, target, window, first };
    drawn.push(...upward(copy), ...along(copy), ...shares(copy));
  }
  picture.replaceChildren(...drawn);
}

function laneNames(view, { lanes, strip }) {
  return lanes.flatMap((lane) => {
    const y = lane.top + strip.height / 2;
    const name = svgElement("text", { class: "lane", x: 0, y: y + 5 }, lane.symbol);
    const layer = svgElement(
      "text",
      { class: "small", x: 14, y: y + 5 },
      `layer ${lane.layer + 1}`,
    );
    return view.layers > 1 ? [name, layer] : [name];
  });
}

// Where the window of truncated BPTT ends, and where the past is forgotten
function borders(view, place, { first, window, forgetting }) {
  const found = [];
  for (let i = 0; i < place.count; i++) {
    const s = first + i;
    const x = place.gutter + i * place.column;
    const line = (name) => svgElement("path", { class: name, d: `M${x} 0V${place.height}` });
    if (s && window && windowStart(s, window) === s) found.push(line("border"));
    if (s && view.forgotten === s) found.push(line("forgotten"));
    else if (s && forgetting === s) found.push(line("forgotten aim"));
  }
  return found;
}

// What goes up through one copy, and what of the gradient comes down through it
function upward({ view, place, i, s, target, window }) {
  const x = place.center(i);
  const shift = place.strip.width / 4;
  const tops = place.lanes.filter((lane, n) => !n || place.lanes[n - 1].layer !== lane.layer);
  const found = [];
  tops.forEach((lane, n) => {
    const lowest = place.lanes.findLast(({ layer }) => layer === lane.layer);
    const from = n + 1 < tops.length ? tops[n + 1].top - LABEL : place.height;
    const ends = [lowest.bottom + 2, Math.min(from, lowest.bottom + GAP) - 2];
    found.push(forward(below(lane), [x - shift, ends[1]], [x - shift, ends[0]]));
    const share = shareAt(view, view.inputs[lane.layer], target, s, window);
    found.push(...back([x + shift, ends[0]], [x + shift, ends[1]], share, target - s));
  });
  const top = place.lanes[0].top - LABEL;
  found.push(forward(view.weights.length - 1, [x - shift, top], [x - shift, 2]));
  if (s === target) {
    const share = shareAt(view, view.lanes[0].at, target, s, window);
    found.push(...back([x + shift, 2], [x + shift, top], share, 0));
  }
  return found;
}

// What goes on from one copy to the next, and what of the gradient comes back from it
function along({ view, place, i, s, target, window }) {
  const found = [];
  const half = place.strip.width / 2 + 3;
  for (const lane of place.lanes) {
    const [ahead, behind] = [0.3, 0.7].map((share) => lane.top + share * place.strip.height);
    const left = i ? place.center(i - 1) + half : place.gutter;
    const right = place.center(i) - half;
    if (s && view.forgotten !== s) found.push(forward(before(lane), [left, ahead], [right, ahead]));
    else found.push(svgElement("text", { class: "zero", x: right - 9, y: ahead + 5 }, "0"));
    const share = s > target ? 0 : shareAt(view, lane.at, target, s - 1, window);
    if (s > 0) found.push(...back([right, behind], [left, behind], share, target - s + 1));
    if (i === place.count - 1 && s + 1 < view.steps)
      found.push(forward(before(lane), [place.center(i) + half, ahead], [place.width, ahead]));
  }
  return found;
}

function back(from, to, share, distance) {
  if (!share) return [];
  const made = arrow(share < 1e-4 ? "back faint" : "back", from, to, widthOf(share));
  made.style.setProperty("--after", distance);
  return [made];
}

// How much of the gradient each state has, above its strip
function shares({ view, place, i, s, target, window, first }) {
  const shown = target >= first && target < first + place.count && s <= target;
  return place.lanes
    .filter(() => shown)
    .map((lane) => {
      const share = shareAt(view, lane.at, target, s, window);
      const attributes = {
        class: share ? "share" : "share none",
        x: place.center(i),
        y: lane.top - 5,
      };
      const text = svgElement("text", attributes, short(share));
      text.setAttribute("data-step", s);
      text.setAttribute("data-lane", `${lane.symbol}${lane.layer + 1}`);
      return text;
    });
}
