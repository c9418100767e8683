// What is said of the choice, below the picture and beside its sliders.

import { clamp } from "./dom.js";
import { logNorm, nats, shareAt, short, windowStart } from "./unrolled_data.js";

const named = (view, t) => `token ${t + 1} “${view.tokens[t]}”`;
const forgetText = (view, step) => (step ? named(view, step) : "nothing yet: drag");

export function say(parts) {
  const { view, choice, place, forget, first, window, remember, told, change } = parts;
  const last = choice.first + place.count - 1;
  first.value.value = `${choice.first + 1} to ${last + 1} of ${view.steps}`;
  window.value.value = choice.window ? `${choice.window} tokens` : "none: whole text";
  const step = choice.forgetting ?? view.forgotten; // while the slider moves, where it points
  forget.input.value = step ? clamp(step - choice.first, place.count) : 0;
  forget.value.value = forgetText(view, step);
  for (const { input, value } of [forget, first, window])
    input.setAttribute("aria-valuetext", value.value);
  remember.hidden = !view.forgotten;
  told.textContent = gradientText(view, choice, last);
  const means = meansAfter(view);
  change.textContent = means
    ? `From ${named(view, view.forgotten)} on, the mean loss is ${nats(means[0])} nats instead of ${nats(means[1])}.`
    : "";
}

function gradientText(view, { target, window, first }, last) {
  if (target < first || target > last) return "Click a loss to send its gradient back.";
  const uncounted = view.counts[target] ? "" : " It does not count: what follows is random.";
  const start = Math.max(
    first,
    windowStart(target, window),
    target >= view.forgotten ? view.forgotten : 0,
  );
  const lane = view.lanes[0];
  const norm = logNorm(view, lane.at, target, target, 0);
  const whole = `The loss after ${named(view, target)} is ${nats(view.losses[target])} nats; its gradient has the norm ${short(10 ** norm)} at the top h.`;
  const share = short(shareAt(view, lane.at, target, start, window));
  const left = start < target ? ` ${target - start} steps back, ${share} of that is left.` : "";
  const cut = start > first ? ` Before ${named(view, start)} it is exactly 0.` : "";
  return whole + left + cut + uncounted;
}

// The mean loss from the forgotten place on, now and if nothing were forgotten; null without one
function meansAfter({ forgotten, losses, before, counts }) {
  const after = losses.map((_, t) => t).filter((t) => forgotten && t >= forgotten && counts[t]);
  const mean = (values) => after.reduce((sum, t) => sum + values[t], 0) / after.length;
  return after.length ? [mean(losses), mean(before)] : null;
}
