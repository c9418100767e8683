// Completes the address with which a page was opened, in its own entry of the browser's history

export default function ({ data: [opened, completed] }) {
  const shown = new URLSearchParams(location.search).toString();
  if (shown === new URLSearchParams(opened).toString() && opened !== completed) {
    history.replaceState(history.state, "", `${location.pathname}?${completed}${location.hash}`);
  }
}
