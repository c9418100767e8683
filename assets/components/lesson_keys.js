// Page Up and Page Down lead to other stops of the lesson also from a slider, which would take them
// as steps of its own: a presenter's remote control sends them, after a slider was dragged

export default function ({ data: { back, next } }) {
  const buttons = { PageUp: back, PageDown: next };
  const leave = (event) => {
    const focused = event.composedPath()[0]; // inside a component too
    if (!(event.key in buttons) || !focused.matches?.("[role=slider], [type=range]")) return;
    event.preventDefault();
    event.stopPropagation();
    document.querySelector(`.st-key-${buttons[event.key]} button`)?.click();
  };
  addEventListener("keydown", leave, { capture: true });
  return () => removeEventListener("keydown", leave, { capture: true });
}
