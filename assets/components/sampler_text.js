// The texts that models wrote. A text is one text node, coloured by the Custom Highlight API: 400
// elements of their own took twice as long from a move of the slider to its frame.

import { element, hidden, makeFocusable } from "./dom.js";

export const FULL_SURPRISE = 8; // nats, at which the colour is full
const SHADES = 32; // of the colour; their CSS is written in rnnviz/app/sampling.py

// One highlight for each shade but the palest, and the last for tokens that do not count; none where
// the browser has no such API. They are emptied when the signal aborts.
export function shadeHighlights(signal) {
  if (!globalThis.Highlight) return [];
  const shades = Array.from({ length: SHADES }, () => new Highlight());
  const clear = () => {
    for (const shade of shades) shade.clear();
  };
  shades.forEach((shade, n) => {
    CSS.highlights.set(`rnnviz-${n + 1}`, shade);
  });
  shades.push(new Highlight());
  CSS.highlights.set("rnnviz-uncounted", shades[SHADES]);
  signal.addEventListener("abort", clear);
  return shades;
}

export const visible = (token) =>
  token.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");

// A token as it stands in the text: words have a space before them, but not around a new line
function piece({ tokens, words }, before, id) {
  const token = tokens[id];
  const joined = !words || before === undefined || token === "\n" || tokens[before] === "\n";
  return joined ? token : ` ${token}`;
}

// One text of model number `m`: its own (fork 0), or the one that goes on from another token
// (fork 1). A place is the number of a token after the fixed ones.
export class Version {
  #node = document.createTextNode("");
  #marker = hidden("div", "marker");
  #starts; // of each token in the text node, and the end of the last one

  constructor(model, m, fork, title, shades) {
    Object.assign(this, { model, m, fork, shades });
    this.#starts = new Uint32Array(model.count + 1);
    this.area = textArea(model, this.#node, this.#marker);
    this.block = element("div", "version");
    if (title) this.block.append(element("p", "", title));
    this.waiting = hidden("p", "waiting");
    this.waiting.setAttribute("role", "status");
    this.block.append(this.waiting, this.area);
  }

  // Say above the text what is computed in its place; "" when it is done
  wait(words) {
    this.waiting.textContent = words;
    this.waiting.hidden = !words;
  }

  // Show the text of one temperature
  show(row) {
    this.#write(row);
    this.#colour(row);
  }

  #write(row) {
    const { model } = this;
    const starts = this.#starts;
    const first = row * model.count;
    let before = model.fixed.at(-1);
    let words = "";
    for (let n = 0; n < model.count; n++) {
      starts[n] = words.length;
      const id = model.tokens_at[first + n];
      words += piece(model, before, id);
      before = id;
    }
    starts[model.count] = words.length;
    this.#node.data = words;
  }

  // One range for each run of tokens of the same shade
  #colour(row) {
    const { count, surprise } = this.model;
    const first = row * count;
    const shadeOf = (n) =>
      Number.isNaN(surprise[first + n])
        ? SHADES + 1
        : Math.min(SHADES, Math.round((SHADES * surprise[first + n]) / FULL_SURPRISE));
    for (let n = 0, end; n < count; n = end) {
      const shade = shadeOf(n);
      for (end = n + 1; end < count && shadeOf(end) === shade; end++);
      if (shade) this.shades[shade - 1]?.add(this.#range(n, end));
    }
  }

  #range(from, to) {
    const container = this.#node;
    return new StaticRange({
      startContainer: container,
      startOffset: this.#starts[from],
      endContainer: container,
      endOffset: this.#starts[to],
    });
  }

  // The boxes of a token in the window, more than one where a line breaks in it
  #boxes(place) {
    const range = document.createRange();
    range.setStart(this.#node, this.#starts[place]);
    range.setEnd(this.#node, this.#starts[place + 1]);
    return [...range.getClientRects()];
  }

  // The token at a point of the window, or null. A binary search for the first token that ends
  // behind the point, because boxes are slow to ask for.
  placeAt(x, y) {
    const gap = 4; // half of what lies between two lines
    let [low, high] = [0, this.model.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      const box = this.#boxes(middle).at(-1);
      const behind = !box || box.top - gap > y || (box.bottom + gap >= y && box.right >= x);
      if (behind) high = middle;
      else low = middle + 1;
    }
    if (low === this.model.count) return null;
    const inside = ({ top, bottom, left, right }) =>
      top - gap <= y && y <= bottom + gap && left - 1 <= x && x <= right;
    return this.#boxes(low).some(inside) ? low : null;
  }

  // The lower right corner of a token, as a point of the window
  cornerOf(place) {
    const box = this.#boxes(place)[0] ?? this.area.getBoundingClientRect();
    return { clientX: box.right, clientY: box.bottom };
  }

  // Outline a token, or none for null
  mark(place) {
    const box = place === null ? null : this.#boxes(place)[0];
    const marker = this.#marker;
    marker.hidden = !box;
    if (!box) return;
    const { left, top } = this.area.getBoundingClientRect();
    const x = box.left - left + this.area.scrollLeft;
    const y = box.top - top + this.area.scrollTop;
    marker.style.transform = `translate(${x - 1}px, ${y - 1}px)`;
    Object.assign(marker.style, { width: `${box.width}px`, height: `${box.height}px` });
  }

  scrollTo(place) {
    const box = this.#boxes(place)[0];
    const { top, bottom } = this.area.getBoundingClientRect();
    if (box && (box.top < top || box.bottom > bottom)) {
      this.area.scrollTop += box.top - (top + bottom) / 2; // inside the block, never the page
    }
  }

  idAt(row, place) {
    return this.model.tokens_at[row * this.model.count + place];
  }

  // Ids and probabilities of the ten likeliest tokens, null where the message lacks them
  likeliest(row, place) {
    const { top, share, tops, count } = this.model;
    if (!top) return null;
    const at = (row * count + place) * tops;
    const shares = [...share.subarray(at, at + tops)].map((q) => q / 65535);
    return [[...top.subarray(at, at + tops)], shares];
  }
}

// Prompt, fixed tokens and the generated text, whose node is filled later
function textArea(model, node, marker) {
  const area = element("div", "text");
  const keys = "arrow keys move over the tokens, Enter chooses another in a token's place";
  makeFocusable(area, `text by ${model.title}; ${keys}`);
  const fixed = element("span", "fixed");
  model.fixed.forEach((id, n) => {
    const last = n === model.fixed.length - 1;
    fixed.append(element("span", last ? "choice" : "", piece(model, model.fixed[n - 1], id)));
  });
  const generated = element("span", "generated");
  generated.append(node);
  area.append(element("span", "prompt", model.prompt), fixed, generated, marker);
  return area;
}
