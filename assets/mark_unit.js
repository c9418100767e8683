// Tells heatmaps on the page which unit a control has chosen, without sending them again.

export default function ({ data }) {
  document.rnnvizUnit = data;
  document.dispatchEvent(new CustomEvent("rnnviz-unit"));
}
