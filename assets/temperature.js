// The temperature slider: while it moves it tells the page, on release the server.

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  const input = root.querySelector("input");
  const output = root.querySelector("output");
  const show = (value) => {
    input.value = value;
    output.value = Number(value).toFixed(2);
    input.setAttribute("aria-valuetext", `temperature ${output.value}`);
    root.style.setProperty("--share", Number(value) / 2);
    document.rnnviz = { ...document.rnnviz, temperature: Number(value) };
    document.dispatchEvent(new CustomEvent("rnnviz-temperature"));
  };
  const send = () => {
    if (root.sent === Number(input.value)) return;
    root.sent = Number(input.value);
    setStateValue("temperature", root.sent);
  };
  input.oninput = () => show(input.value);
  input.onchange = send;
  for (const button of root.querySelectorAll("button")) {
    button.onclick = () => {
      show(button.value);
      send();
    };
  }
  // An answer to what this slider sent says nothing new, and perhaps it has moved on since
  if (data !== root.sent) {
    root.sent = data;
    show(data);
  }
}
