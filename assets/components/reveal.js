// Brings what a choice changed into view, where it is not: the key of an element of the page

export default function ({ data: [key] }) {
  document.querySelector(`.st-key-${key}`)?.scrollIntoView({ block: "nearest" });
}
