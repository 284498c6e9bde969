// The title of the tab flashes while somebody calls. What is heard is made by the package: its option `tones`.

const title = document.title;
let flash = 0;

/** Null ends it. */
export function announce(text: string | null): void {
  window.clearInterval(flash);
  document.title = text ?? title;
  if (text === null) return;
  let shown = true;
  flash = window.setInterval(() => (document.title = (shown = !shown) ? text : title), 1000);
}
