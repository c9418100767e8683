// The temperature slider: while it moves it tells the page, on release the server.

import { freePlace, tell } from "./dom.js";
import { followRange, keepParts, keepToSend, newSending, readAnswer, sendNow } from "./sending.js";

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  freePlace(root);
  return keepParts(root, build, take, data, setStateValue);
}

function build(root) {
  const sending = newSending();
  const input = root.querySelector("input");
  const output = root.querySelector("output");
  const show = (value) => {
    input.value = value;
    output.value = value.toFixed(2);
    input.setAttribute("aria-valuetext", `temperature ${output.value}`);
    tell("temperature", value);
  };
  const change = (value) => {
    show(value);
    keepToSend(sending, "temperature", value);
  };
  followRange(sending, input, () => change(Number(input.value)));
  for (const button of root.querySelectorAll("button")) {
    button.onclick = () => {
      change(Number(button.value));
      sendNow(sending);
    };
  }
  return { sending, show };
}

// The slider may have moved on since: then what Python says is too old
function take({ sending, show }, data) {
  const { buffer, isOld } = readAnswer(sending, data);
  if (!isOld) show(new DataView(buffer).getFloat64(0, true));
}
