// What moves in an HTML report: heatmaps, drawn as in the app, and parts that a slider chooses from.
// rnnviz/figures/report.py defines `draw` (of heatmaps.js) and `css` above, and Plotly on the page.

function drawHeatmaps(host) {
  if (host.shadowRoot) return;
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = '<style></style><div class="root"></div>';
  root.querySelector("style").textContent = css;
  const data = Uint8Array.from(atob(host.dataset.message), (c) => c.charCodeAt(0));
  draw({ data, parentElement: root, setStateValue() {} });
}

// A hidden part has no size to draw for, so its heatmaps are drawn when it is first shown
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
