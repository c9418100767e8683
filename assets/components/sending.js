// What a person does, sent to Python and numbered. An answer has the number of what Python had got,
// so one to something older cannot undo what was done since. rnnviz/app/components.py puts that
// number at the end of a message, after one of the session: another session, as of a server that
// was started again, counts anew.

import { cleanUp, redraw } from "./dom.js";

const PAUSE = 300; // milliseconds without a key, after which what the keys did is sent

export const newSending = () => ({
  session: null,
  count: 0,
  due: null,
  timer: 0,
  setStateValue: null,
});

// A component whose parts stay on the page when Python answers, since a person may hold one of them
// by then: `build(root)` makes them, with their `sending`, and `take(parts, data)` takes an answer
export function keepParts(root, build, take, data, setStateValue) {
  root.parts ??= build(root);
  root.parts.sending.setStateValue = setStateValue;
  take(root.parts, data);
  return cleanUp(root);
}

// A component that is drawn anew with each answer, except with one that is too old: another follows.
// `draw(buffer)` draws what a message says. What is sent goes through the `sending` of its root.
export function redrawAnswer(root, focusable, { data, setStateValue }, draw) {
  root.sending ??= newSending();
  root.sending.setStateValue = setStateValue;
  const { buffer, isOld } = readAnswer(root.sending, data);
  return isOld ? cleanUp(root) : redraw(root, focusable, () => draw(buffer));
}

// The bytes of a message, in a copy because it may be unaligned, and whether it is too old: something
// was done since
export function readAnswer(sending, data) {
  const { buffer } = data.slice();
  const view = new DataView(buffer, buffer.byteLength - 8);
  const [session, number] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (session !== sending.session) Object.assign(sending, { session, count: number });
  return { buffer, isOld: sending.due !== null || number < sending.count };
}

// Keep a value that `sendNow` is to send
export function keepToSend(sending, name, value) {
  if (sending.due && sending.due.name !== name) sendNow(sending);
  sending.due = { name, value };
}

export function sendNow(sending) {
  clearTimeout(sending.timer);
  if (!sending.due) return;
  const { name, value } = sending.due;
  sending.due = null;
  sending.count += 1;
  sending.setStateValue(name, [value, sending.count]);
}

export function sendValue(sending, name, value) {
  keepToSend(sending, name, value);
  sendNow(sending);
}

// Follow a slider: `change` is called while it moves, `release` when what it changed is to be sent.
// A key changes its value at once, and another may follow.
export function followRange(sending, input, change, release = () => sendNow(sending)) {
  let byKey = false;
  input.onkeydown = () => {
    byKey = true;
  };
  input.onpointerdown = () => {
    byKey = false;
  };
  input.oninput = change;
  input.onchange = () => {
    if (byKey) sendSoon(sending);
    else release();
  };
  input.onpointerup = input.onblur = () => sendNow(sending);
}

// After a key: another may follow
export function sendSoon(sending) {
  clearTimeout(sending.timer);
  sending.timer = setTimeout(sendNow, PAUSE, sending);
}
