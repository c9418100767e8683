// On a phone the open sidebar covers the page: it is closed when another choice was made in it.

const COVERED = "(max-width: 767px)"; // Streamlit lays the sidebar over the page up to this width

export default function ({ data: [choice], parentElement }) {
  const before = parentElement.choice;
  parentElement.choice = choice;
  if (before === undefined || before === choice || !matchMedia(COVERED).matches) return;
  document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
}
