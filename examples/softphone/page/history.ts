// The last calls of this account.

import { byId, el, icon, store } from "./dom.js";

export interface Entry {
  who: string;
  /** What to dial to reach them again. */
  target: string;
  direction: "outgoing" | "incoming";
  /** When it began, in milliseconds since 1970. */
  time: number;
  /** How long they talked, "0:42"; null when nobody answered. */
  talked: string | null;
}

const most = 12;

export class History {
  readonly #dial: (target: string) => void;
  #key = "";
  #entries: Entry[] = [];

  constructor(dial: (target: string) => void) {
    this.#dial = dial;
  }

  /** Shows the calls of another account. */
  open(account: string): void {
    this.#key = `history ${account}`;
    this.#entries = store.get<Entry[]>("localStorage", this.#key) ?? [];
    this.#draw();
  }

  add(entry: Entry): void {
    this.#entries = [entry, ...this.#entries].slice(0, most);
    store.set("localStorage", this.#key, this.#entries);
    this.#draw();
  }

  #draw(): void {
    const none = el("li", { class: "nobody" }, "No calls yet.");
    byId("history").replaceChildren(...(this.#entries.length ? this.#entries.map((entry) => this.#row(entry)) : [none]));
  }

  #row({ who, target, direction, time, talked }: Entry): HTMLLIElement {
    const missed = direction === "incoming" && talked === null;
    const what = missed ? "Missed" : talked === null ? "Not answered" : talked;
    const button = el(
      "button",
      { type: "button", class: missed ? "missed" : "", "data-testid": "history-entry", "aria-label": `Call ${who}. ${direction}, ${what}` },
      icon(direction === "incoming" ? "in" : "out"),
      el("span", {}, el("b", {}, who), el("i", {}, what)),
      el("time", { datetime: new Date(time).toISOString() }, when(time)),
    );
    button.addEventListener("click", () => this.#dial(target));
    return el("li", {}, button);
  }
}

/** The time of day, and the date when it was not today. */
function when(time: number): string {
  const d = new Date(time);
  const clock = d.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return d.toDateString() === new Date().toDateString() ? clock : `${d.toLocaleDateString([], { day: "numeric", month: "short" })} ${clock}`;
}
