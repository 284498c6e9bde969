// The list of the calls, when there is more than one to see: who, how it stands, and the way there.

import { byId, duration, el, setText } from "./dom.js";
import type { Line } from "./line.js";
import type { Phone } from "./phone.js";
import { standing } from "./words.js";

interface Row {
  node: HTMLLIElement;
  update(): void;
}

export class CallsView {
  readonly #phone: Phone;
  /** Kept, so that the keyboard does not lose its place when something changes. */
  readonly #rows = new Map<Line, Row>();

  constructor(phone: Phone) {
    this.#phone = phone;
  }

  render(): void {
    const { all, current, dialling } = this.#phone.lines;
    byId("calls").hidden = all.length < (dialling || (current && !all.includes(current)) ? 1 : 2);
    for (const [line, row] of this.#rows) {
      if (all.includes(line)) continue;
      row.node.remove();
      this.#rows.delete(line);
    }
    for (const line of all) {
      let row = this.#rows.get(line);
      if (!row) {
        row = this.#row(line);
        this.#rows.set(line, row);
        byId("calls-list").append(row.node);
      }
      row.update();
    }
  }

  #row(line: Line): Row {
    const { lines } = this.#phone;
    const name = el("b");
    const state = el("i");
    const hint = el("span", { class: "hint" });
    const pick = el("button", { type: "button", class: "pick", "data-testid": "line" }, el("span", {}, name, state), hint);
    pick.addEventListener("click", () => void lines.select(line));
    const decline = el("button", { type: "button", class: "hang small", "data-testid": "line-decline" }, "Decline");
    decline.addEventListener("click", () => void line.hangup());
    const answer = el("button", { type: "button", class: "call small", "data-testid": "line-answer" }, "Answer");
    answer.addEventListener("click", () => void line.answer().then((done) => (done ? lines.select(line) : undefined)));
    const node = el("li", {}, pick);
    const update = () => {
      const shown = line === lines.current && !lines.dialling;
      const elsewhere = line.rings && !shown;
      setText(name, line.who);
      setText(state, line.since === undefined ? standing(line) : `${standing(line)} ${duration(line.duration)}`);
      // What a press of the row does.
      setText(hint, shown ? "" : line.talks && line.call.onHold.local && !line.joined ? "Swap" : "Show");
      pick.setAttribute("aria-current", String(shown));
      if (elsewhere && !answer.isConnected) node.append(decline, answer);
      else if (!elsewhere) for (const button of [decline, answer]) button.remove();
      decline.ariaLabel = `Decline the call from ${line.who}`;
      answer.ariaLabel = `Answer the call from ${line.who}`;
      answer.disabled = line.doing !== null;
    };
    return { node, update };
  }
}
