// How a text is cut: as `cut` of rnnviz/analysis/windows.py does it, which a test compares.

// All tokens but the last are inputs, and the target of each is the next token. `used`: how many of
// them are read; one more is then the last target, and the rest is left over.
export function cutTokens(count, rows, length) {
  const samples = Math.max(0, Math.floor((count - 1) / (rows * length)));
  const used = samples * rows * length;
  return { count, rows, length, samples, used, leftOver: used ? count - 1 - used : count };
}

// Where token `i` is read: its row, its column in the row, its window and its step, all from 0
export function placeOf({ samples, length }, i) {
  const column = i % (samples * length);
  return {
    row: Math.floor(i / (samples * length)),
    column,
    sample: Math.floor(column / length),
    step: column % length,
  };
}

// The first token of a row of a window
export const firstOf = ({ samples, length }, sample, row) => (row * samples + sample) * length;
