// The few things that this page needs from a framework.

/** The element with this id, which index.html promises to have. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element #${id}`);
  return found as unknown as T;
}

type Child = Node | string | null;

/** Makes an element. Strings become text nodes, so that nothing from the network is ever read as markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((c) => c !== null));
  return node;
}

const svg = "http://www.w3.org/2000/svg";

/** One of the icons of index.html. */
export function icon(name: string, className = ""): SVGSVGElement {
  const node = document.createElementNS(svg, "svg");
  node.setAttribute("aria-hidden", "true");
  if (className) node.setAttribute("class", className);
  const use = document.createElementNS(svg, "use");
  use.setAttribute("href", `#i-${name}`);
  node.append(use);
  return node;
}

/** Exchanges the icon of a button. */
export function setIcon(button: Element, name: string): void {
  const use = button.querySelector("use");
  if (use?.getAttribute("href") !== `#i-${name}`) use?.setAttribute("href", `#i-${name}`);
}

/** Sets text only when it changes: a live region would be read again otherwise. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** "0:07", "12:40", "1:02:03". */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** Local storage that may be full, forbidden or spoilt; the page works without it. */
export const store = {
  get<T>(area: "localStorage" | "sessionStorage", key: string): T | undefined {
    try {
      const text = window[area].getItem(key);
      return text === null ? undefined : (JSON.parse(text) as T);
    } catch {
      return undefined;
    }
  },
  set(area: "localStorage" | "sessionStorage", key: string, value: unknown): void {
    try {
      window[area].setItem(key, JSON.stringify(value));
    } catch {
      // Private windows and full disks: nothing is remembered.
    }
  },
};
