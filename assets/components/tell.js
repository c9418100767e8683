// Tells the other components of a page one value, without sending them their data again.

export default function ({ data: [name, value] }) {
  document.rnnviz = { ...document.rnnviz, [name]: value };
  document.dispatchEvent(new CustomEvent(`rnnviz-${name}`));
}
