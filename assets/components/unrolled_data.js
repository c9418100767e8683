// What a message of rnnviz/figures/unrolled_message.py says of losses and states.

import { minus, readHeader } from "./dom.js";

export function decodeCopies(buffer) {
  const [view, end] = readHeader(buffer);
  const steps = view.losses.length;
  const count = (view.lanes.length + view.inputs.length) * steps * view.reach;
  view.norms = new Float32Array(buffer, end, count);
  view.cells = new Uint8Array(buffer, end + 4 * count);
  return Object.assign(view, { steps, layers: view.inputs.length });
}

// Where the window of truncated BPTT begins that a step lies in; windows are counted from the start
// of the text, 0 is none
export const windowStart = (step, window) => (window ? step - (step % window) : 0);

// log10 of the norm of the gradient of the loss after step `t` by what array number `at` has at
// step `s`: -Infinity where nothing of it arrives, as before the window of truncated BPTT
export function logNorm({ norms, steps, reach }, at, t, s, window) {
  const distance = t - s;
  const out = s < windowStart(t, window) || distance < 0 || distance >= reach;
  return out ? Number.NEGATIVE_INFINITY : norms[(at * steps + t) * reach + distance];
}

// The share of the gradient that the loss after step `t` has at the top h of its own step
export function shareAt(view, at, t, s, window) {
  const whole = logNorm(view, view.lanes[0].at, t, t, 0);
  if (whole === Number.NEGATIVE_INFINITY) return 0;
  return 10 ** (logNorm(view, at, t, s, window) - whole);
}

// Two digits of a share, as few characters as they take
export function short(share) {
  if (share === 0) return "0";
  if (share >= 0.00995 && share < 99.5) return String(Number(share.toPrecision(2)));
  const [digit, power] = share.toExponential(0).split("e");
  return minus(`${digit}e${Number(power)}`);
}

export const nats = (loss) =>
  loss > 0 && loss < 0.0005 ? "<0.001" : loss.toFixed(loss < 10 ? 2 : 1);

// What a matrix is called, and where it stands
export const weightName = ({ layer }, layers) =>
  layer === null ? "output" : layers > 1 ? `layer ${layer + 1}` : "";
