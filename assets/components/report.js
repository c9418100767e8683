// What moves in a report: heatmaps drawn by the app's own code, and the frames of a slider.

function drawHeatmaps(host) {
  if (host.shadowRoot) return;
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = '<style></style><div class="root"></div>';
  root.querySelector("style").textContent = css;
  const data = Uint8Array.from(atob(host.dataset.message), (c) => c.charCodeAt(0));
  draw({ data, parentElement: root, setStateValue() {} });
}

// What is hidden has no size to draw for: it waits until it is shown.
function show(part) {
  part.hidden = false;
  for (const host of part.querySelectorAll(".heatmaps")) drawHeatmaps(host);
  for (const chart of part.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(chart);
}

for (const frames of document.querySelectorAll(".frames")) {
  const slider = frames.querySelector("input");
  const said = frames.querySelector("output");
  const parts = [...frames.querySelectorAll("section")];
  slider.oninput = () => {
    for (const part of parts) part.hidden = true;
    const part = parts[slider.valueAsNumber];
    show(part);
    said.textContent = part.dataset.label;
    slider.setAttribute("aria-valuetext", part.dataset.label);
  };
  slider.oninput();
}
for (const host of document.querySelectorAll(".heatmaps")) {
  if (!host.closest("[hidden]")) drawHeatmaps(host);
}
