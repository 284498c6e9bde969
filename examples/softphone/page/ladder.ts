// The live SIP trace, drawn as the ladder diagram of a textbook: two lifelines, an arrow for each message.

import { byId, el, setText } from "./dom.js";
import { summarize, type Summary } from "./sip.js";

export interface TracedMessage {
  time: number;
  direction: "in" | "out";
  server: string;
  text: string;
}

/** Beyond this many messages the oldest go, so that a tab may stay open for days. */
const most = 500;
/** Of keep-alives there are as few, or those of a quiet hour would push the calls out. */
const mostKeepAlives = 50;
/** The group of OPTIONS that belong to no call: how either side asks whether the other one lives. No Call-ID has a space. */
const keepAlive = "keep alive";
/** A silence longer than this is drawn as a break of the lifelines. */
const silence = 3000;

const everything = "All messages";
const allButKeepAlives = "All but keep-alives";

interface Row extends TracedMessage {
  group: string;
  node: HTMLLIElement;
  gap: HTMLLIElement | null;
}

export class Ladder {
  readonly #list = byId<HTMLOListElement>("ladder");
  readonly #sheet = byId("sheet");
  readonly #filter = byId<HTMLSelectElement>("trace-filter");
  readonly #jump = byId<HTMLButtonElement>("trace-jump");
  /** Call-ID to what the filter calls it. */
  readonly #groups = new Map<string, string>();
  #rows: Row[] = [];
  #calls = 0;
  #registrations = 0;
  #follow = true;

  constructor(say: (text: string) => void) {
    this.#filter.addEventListener("change", () => this.#show());
    byId("trace-clear").addEventListener("click", () => this.clear());
    byId("trace-copy").addEventListener("click", async () => {
      const count = this.#visible().length;
      try {
        await navigator.clipboard.writeText(this.#asText());
        say(`${count} ${count === 1 ? "message" : "messages"} copied.`);
      } catch {
        say("The browser does not let this page use the clipboard.");
      }
    });
    this.#sheet.addEventListener("scroll", () => {
      if (this.#sheet.clientHeight === 0) return; // it is not shown, and nobody scrolled
      this.#follow = this.#sheet.scrollHeight - this.#sheet.scrollTop - this.#sheet.clientHeight < 40;
      if (this.#follow) this.#jump.hidden = true;
    });
    this.#jump.addEventListener("click", () => this.#toEnd());
    // While the sheet is not shown it cannot be scrolled; it catches up when it is, or when it changes its size.
    new ResizeObserver(() => this.#follow && this.#toEnd()).observe(this.#sheet);
  }

  /** Names the lifelines. */
  heads(local: string, remote: string): void {
    setText(byId("head-local"), local);
    setText(byId("head-remote"), remote);
  }

  add(message: TracedMessage): void {
    const summary = summarize(message.text);
    const group = summary.method === "OPTIONS" && !this.#groups.has(summary.callId) ? keepAlive : summary.callId;
    // Keep-alives and the rest are never shown together, so that neither interrupts the other.
    const last = this.#rows.findLast((row) => (row.group === keepAlive) === (group === keepAlive));
    const pause = last ? message.time - last.time : 0;
    const gap = pause > silence ? el("li", { class: "gap" }, `${(pause / 1000).toFixed(pause < 10000 ? 1 : 0)} s later`) : null;
    const row: Row = { ...message, group, gap, node: this.#draw(message, summary, group, last?.group === group) };
    this.#rows.push(row);
    if (gap) this.#list.append(gap);
    this.#list.append(row.node);
    const ofKind = this.#rows.filter((row) => (row.group === keepAlive) === (group === keepAlive));
    if (ofKind.length > (group === keepAlive ? mostKeepAlives : most)) this.#remove(ofKind[0]!);
    this.#show();
    if (row.node.hidden) return;
    if (this.#follow) this.#toEnd();
    else this.#jump.hidden = false;
  }

  clear(): void {
    this.#rows = [];
    this.#groups.clear();
    this.#list.replaceChildren();
    this.#filter.replaceChildren(el("option", { value: "" }, everything));
    this.#show();
    this.#jump.hidden = true;
  }

  #remove(old: Row): void {
    this.#rows.splice(this.#rows.indexOf(old), 1);
    old.gap?.remove();
    old.node.remove();
    if (this.#rows.some((row) => row.group === old.group)) return;
    this.#groups.delete(old.group);
    for (const option of [...this.#filter.options]) if (option.value && option.value === old.group) option.remove();
  }

  /** What the margin calls the exchange that a message belongs to; a new one becomes a choice of the filter. */
  #group(group: string, summary: Summary, direction: "in" | "out"): string {
    const known = this.#groups.get(group);
    if (known) return known;
    const other = direction === "out" ? summary.to : summary.from;
    const name =
      group === keepAlive ? "Keep-alives"
      : summary.method === "REGISTER" ? `Registration ${++this.#registrations}`
      : summary.method === "INVITE" ? `Call ${++this.#calls}, ${other}`
      : summary.method || "Other";
    this.#groups.set(group, name);
    this.#filter.append(el("option", { value: group }, name));
    // What the first choice shows is not everything from now on.
    if (group === keepAlive) this.#filter.options[0]!.text = allButKeepAlives;
    return name;
  }

  /** The margin names an exchange where it begins or goes on after another one; in between its name would be noise. */
  #draw(message: TracedMessage, summary: Summary, group: string, sameAsBefore: boolean): HTMLLIElement {
    const name = this.#group(group, summary, message.direction);
    const label = el("span", { class: "label" }, el("b", {}, summary.title), ` ${summary.subject}`);
    if (summary.sdp) label.append(el("span", { class: "sdp" }, summary.sdp === "sendrecv" ? "SDP" : `SDP ${summary.sdp}`));
    const way = message.direction === "out" ? "sent to the server" : "received from the server";
    const full = el("div", { class: "full" });
    const details = el(
      "details",
      {},
      el(
        "summary",
        {},
        el("time", { class: "at" }, clock(message.time)),
        el("span", { class: "lane" }, label, el("span", { class: "hidden" }, way), el("span", { class: "arrow", "aria-hidden": "true" })),
        el("span", { class: sameAsBefore ? "hidden" : "mark" }, name),
      ),
      full,
    );
    // The whole text is put into the page when it is asked for: five hundred of them would weigh.
    details.addEventListener("toggle", () => full.replaceChildren(...(details.open ? [pretty(message.text)] : [])));
    return el(
      "li",
      { "data-class": summary.kind, "data-dir": message.direction, "data-method": summary.method, "data-testid": "message" },
      details,
    );
  }

  #visible(): Row[] {
    const filter = this.#filter.value;
    return this.#rows.filter((row) => (filter ? row.group === filter : row.group !== keepAlive));
  }

  #show(): void {
    const filter = this.#filter.value;
    const visible = new Set(this.#visible());
    for (const row of this.#rows) {
      row.node.hidden = !visible.has(row);
      // A silence between two messages of different calls means nothing when one of them is not shown.
      if (row.gap) row.gap.hidden = filter !== "" || row.group === keepAlive;
    }
    setText(byId("trace-count"), filter ? `${visible.size} of ${this.#rows.length}` : String(visible.size));
    byId("trace-empty").hidden = visible.size > 0;
  }

  #toEnd(): void {
    this.#sheet.scrollTop = this.#sheet.scrollHeight;
    this.#jump.hidden = true;
  }

  #asText(): string {
    return this.#visible()
      .map((row) => `${clock(row.time)} ${row.direction === "out" ? "──▶" : "◀──"} ${row.server}\n${row.text.replace(/\r\n/g, "\n")}`)
      .join("\n\n");
  }
}

/** "14:03:59.071", the time of day with milliseconds. */
function clock(time: number): string {
  const d = new Date(time);
  const n = (value: number, width: number) => String(value).padStart(width, "0");
  return `${n(d.getHours(), 2)}:${n(d.getMinutes(), 2)}:${n(d.getSeconds(), 2)}.${n(d.getMilliseconds(), 3)}`;
}

/** The message as it came, with its start line, header names and body told apart. */
function pretty(text: string): HTMLPreElement {
  const pre = el("pre", { tabindex: "0", "data-testid": "message-text" });
  const [head = "", ...rest] = text.split(/(?<=\r?\n)\r?\n/);
  head.split(/(?<=\n)/).forEach((line, index) => {
    const name = /^[!-9;-~]+(?=\s*:)/.exec(line)?.[0];
    if (index === 0) pre.append(el("span", { class: "first" }, line));
    else if (name) pre.append(el("span", { class: "field" }, name), line.slice(name.length));
    else pre.append(line);
  });
  const body = rest.join("\r\n");
  if (body) pre.append("\n", el("span", { class: "body" }, body));
  return pre;
}
