// The temperature slider: while it moves it tells the page, on release the server.

import { freePlace, tell } from "./dom.js";

export default function ({ data: [given], parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const input = root.querySelector("input");
  const output = root.querySelector("output");
  freePlace(root);
  const show = (value) => {
    input.value = value;
    output.value = Number(value).toFixed(2);
    input.setAttribute("aria-valuetext", `temperature ${output.value}`);
    tell("temperature", Number(value));
  };
  const send = () => {
    if (root.sent.at(-1) === Number(input.value)) return;
    root.sent.push(Number(input.value));
    setStateValue("temperature", Number(input.value));
  };
  input.oninput = () => show(input.value);
  input.onchange = send;
  for (const button of root.querySelectorAll("button")) {
    button.onclick = () => {
      show(button.value);
      send();
    };
  }
  // The server answers each value with a rerun. An answer to what this slider sent is not shown,
  // because the slider may have moved on since; any other value comes from elsewhere and is shown.
  root.sent ??= [];
  const answered = root.sent.lastIndexOf(given);
  root.sent.splice(0, answered); // the answered one stays: it is what the server has
  if (answered < 0) {
    root.sent = [given];
    show(given);
  }
}
