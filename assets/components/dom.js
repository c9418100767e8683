// What several components share. rnnviz/_paths.py puts this text in the place of their imports.

// Elements

export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// Change what an element says. Its text node stays, and the same words lay out nothing.
export function setText(made, words) {
  const text = made.firstChild ?? made.appendChild(document.createTextNode(""));
  if (text.data !== words) text.data = words;
}

export const hidden = (tag, className) => Object.assign(element(tag, className), { hidden: true });

export function button(words, onclick = null) {
  return Object.assign(element("button", "", words), { type: "button", onclick });
}

// A slider of whole numbers in its label, with its value beside the words; `kind` is a class more
export function rangeSlider(label, limits, kind = "") {
  const block = element("label", `slider ${kind}`.trim());
  const [words, value, input] = [element("span", "", label), element("output"), element("input")];
  Object.assign(input, { type: "range", step: 1, ...limits });
  block.append(words, value, input);
  return { block, value, input };
}

const SVG = "http://www.w3.org/2000/svg";

export function svgElement(kind, attributes, text = "") {
  const made = document.createElementNS(SVG, kind);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

// The heading of a model: its colour, its label, what it is, and perhaps more
export function modelHeader({ color, label, title }, ...more) {
  const header = element("header");
  const swatch = element("i", "swatch");
  swatch.style.backgroundColor = color;
  header.append(swatch, element("b", "", label), element("span", "title", title), ...more);
  return header;
}

// Keyboard and screen readers

// Let an element take the focus and have its keys handled by the component
export function makeFocusable(area, label) {
  area.tabIndex = 0;
  area.setAttribute("role", "application");
  area.setAttribute("aria-label", label);
}

export const hasModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;

// An invisible line that a screen reader reads aloud when `speak` changes it
export function spokenLine() {
  const line = element("div", "spoken");
  line.setAttribute("aria-live", "polite");
  return line;
}

export function speak(line, elements) {
  line.textContent = elements.map((each) => each.textContent).join(", ");
}

// The box beside the pointer

// Right of and below a point of the window, on the other side where there is no room
export function floatBeside(box, { clientX, clientY }) {
  const beside = (to, size, limit) =>
    Math.max(4, Math.min(limit - size - 4, to + size + 18 > limit ? to - size - 14 : to + 14));
  const left = beside(clientX, box.offsetWidth, innerWidth);
  box.style.transform = `translate(${left}px, ${beside(clientY, box.offsetHeight, innerHeight)}px)`;
}

// A box is fixed to the window: it would stay behind when the page scrolls
export function hideOnScroll(box, signal) {
  const hide = () => {
    box.hidden = true;
  };
  document.addEventListener("scroll", hide, { signal, capture: true });
}

// Lifetime. Streamlit calls a component again with new data on the same root.

// A signal for listeners on the document: it removes those of the call before
export function renewSignal(root) {
  root.controller?.abort();
  root.controller = new AbortController();
  return root.controller.signal;
}

// What a component returns to Streamlit. It may be called when the next call has already drawn on
// the same root, whose listeners must then stay.
export const cleanUp = (root) => () => {
  if (!root.isConnected) root.controller?.abort();
};

// Draw with new data on the same root. The focus stays on the element that has the same number among
// those of a selector.
export function redraw(root, focusable, draw) {
  const focus = [...root.querySelectorAll(focusable)].indexOf(root.getRootNode().activeElement);
  draw();
  freePlace(root);
  root.querySelectorAll(focusable)[focus]?.focus({ preventScroll: true });
  return cleanUp(root);
}

// Events between the components of a page

export function announce(name, detail) {
  document.dispatchEvent(new CustomEvent(`rnnviz-${name}`, { detail }));
}

// Announce a value and keep it for components that are drawn later: they find it with `told`
export function tell(name, value) {
  document.rnnviz = { ...document.rnnviz, [name]: value };
  announce(name, value);
}

export const told = (name) => document.rnnviz?.[name];

export function listen(name, react, signal) {
  document.addEventListener(`rnnviz-${name}`, ({ detail }) => react(detail), { signal });
}

// The place that the page kept for a component, which is from now on as high as what is drawn
export function freePlace(root) {
  const place = root.getRootNode().host?.closest(".stElementContainer");
  if (place) Object.assign(place.style, { flex: "none", height: "auto", overflow: "visible" });
}

// Data and numbers

// The JSON header of a message (after its length as a uint32), and where the header ends
export function readHeader(buffer) {
  const end = 4 + new DataView(buffer).getUint32(0, true);
  return [JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, end - 4))), end];
}

// The nearest index into `count` items
export const clamp = (n, count) => Math.max(0, Math.min(count - 1, n));

// A number's text with a true minus sign
export const minus = (text) => text.replace("-", "−");

// A number to be read: three significant digits, as in the equations (figures/equations.py)
export function digits(value) {
  const size = Math.abs(value);
  if (size && size < 1e-4) return minus(value.toExponential(2));
  return minus(size >= 999.5 ? value.toFixed(0) : value ? value.toPrecision(3) : "0");
}

// A share of 1 to be read
export function percentText(share) {
  if (share > 0 && share < 0.001) return "<0.1%";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
}

// Send what a person does, with its time: Streamlit takes a value that it has got before for no
// change, and a cell is clicked again after another control has chosen another
export const sender = (setStateValue) => (name, value) => setStateValue(name, [value, Date.now()]);
