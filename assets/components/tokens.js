// A text as a row of tokens, and which of them is at a place in the raw text.
// Tokens are other people's text: they reach the page through textContent alone.

import { element, makeFocusable } from "./dom.js";
import { tint } from "./heatmaps_colors.js";

export function textBlock(text, k, table, keys) {
  const block = element("div", "text");
  const words = text.starts.some((start, i) => text.ends[i] - start > 1);
  block.classList.toggle("words", words);
  makeFocusable(block, `text, ${text.tokens.length} tokens; ${keys}`);
  block.tokens = text.tokens.map((token, i) => {
    const span = element("span", "token", token);
    Object.assign(span, { text: k, index: i }); // what the pointer is over: see `hit`
    const value = text.values?.[i] ?? null;
    if (value !== null) tint(span, text, value, table);
    else span.classList.toggle("pale", text.values !== null);
    block.append(span);
    if (token.endsWith("⏎")) block.append(element("br"));
    else if (token.endsWith("␣")) block.append(element("wbr"));
    return span;
  });
  return block;
}

export function markToken(block, text, place, pinned) {
  block.marked?.classList.remove("marked");
  block.held?.classList.remove("pinned");
  block.marked = block.tokens[tokenAt(text, place)];
  block.held = block.tokens[tokenAt(text, pinned)];
  block.held?.classList.add("pinned");
  block.marked?.classList.add("marked");
  if (!block.marked) return;
  const [top, height] = [block.marked.offsetTop, block.clientHeight];
  if (top < block.scrollTop || top + block.marked.offsetHeight > block.scrollTop + height) {
    block.scrollTop = top - height / 2; // inside the block, never the page
  }
}

// The token at a place, or the last one before it in a gap; null outside the text
export function tokenAt({ starts, ends }, place) {
  let [low, high] = [0, starts.length - 1];
  if (place === null || high < 0) return null;
  if (place < starts[0] || place > Math.max(starts[high], ends[high] - 1)) return null;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}
