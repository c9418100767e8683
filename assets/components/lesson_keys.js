// Page Up and Page Down lead to other stops of the lesson from everywhere but a field for text: a
// presenter's remote control sends them. A slider would take them as steps of its own, and Streamlit
// does not hear them where a box is ticked.

const WRITTEN =
  "textarea, [contenteditable], input:not([type=range], [type=checkbox], [type=radio])";

export default function ({ data: { back, next } }) {
  const buttons = { PageUp: back, PageDown: next };
  const leave = (event) => {
    const focused = event.composedPath()[0]; // inside a component too
    if (!(event.key in buttons) || focused.matches?.(WRITTEN)) return;
    event.preventDefault();
    event.stopPropagation();
    document.querySelector(`.st-key-${buttons[event.key]} button`)?.click();
  };
  addEventListener("keydown", leave, { capture: true });
  return () => removeEventListener("keydown", leave, { capture: true });
}
