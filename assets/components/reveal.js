// Brings what a choice changed into view, where it is not: the key of an element of the page. It and
// what is above it may be drawn a little later, so it is followed until a person acts.

const LONGEST = 60_000; // milliseconds
const EVERY = 100;
const ACTS = ["wheel", "touchmove", "pointerdown", "keydown"];

export default function ({ data: [key] }) {
  const show = () => document.querySelector(`.st-key-${key}`)?.scrollIntoView({ block: "nearest" });
  const following = setInterval(show, EVERY);
  const end = () => clearInterval(following);
  const ended = AbortSignal.timeout(LONGEST);
  ended.addEventListener("abort", end);
  for (const act of ACTS) addEventListener(act, end, { capture: true, signal: ended });
  show();
}
