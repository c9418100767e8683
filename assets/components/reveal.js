// Brings what a choice changed into view, where it is not: the key of an element of the page, which
// may be drawn a little later

const TRIES = 50;

export default function ({ data: [key] }) {
  const reveal = (left) => {
    const element = document.querySelector(`.st-key-${key}`);
    if (element) element.scrollIntoView({ block: "nearest" });
    else if (left) setTimeout(reveal, 100, left - 1);
  };
  reveal(TRIES);
}
