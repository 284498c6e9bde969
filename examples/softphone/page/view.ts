// Shows the phone: every change goes through render, which sets the whole page from what is true now.

import type { Demo } from "./account.js";
import { CallView } from "./call_view.js";
import { CallsView } from "./calls_view.js";
import { byId, el, icon, setText } from "./dom.js";
import type { Line } from "./line.js";
import { fillPad, plusKey } from "./pad.js";
import type { Phone } from "./phone.js";

const statuses = { offline: "Offline", connecting: "Connecting…", waiting: "Reconnecting…", registered: "Registered", error: "Not connected" };

type ViewName = "account" | "dial" | "incoming" | "call";

export class View {
  readonly #phone: Phone;
  readonly #number = byId<HTMLInputElement>("number");
  readonly #call: CallView;
  readonly #calls: CallsView;
  #shown: ViewName = "account";

  constructor(phone: Phone, dial: (target: string) => void) {
    this.#phone = phone;
    this.#call = new CallView(phone);
    this.#calls = new CallsView(phone);
    fillPad("dial-pad", "key", (digit) => this.#type(digit));
    plusKey("dial-pad", (digit) => this.#type(digit));
    byId("dial-pad").addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey }) => {
      if (/^[0-9*#+]$/.test(key) && !ctrlKey && !metaKey && !altKey) this.#type(key);
    });
    this.#number.addEventListener("input", () => this.render());
    byId("erase").addEventListener("click", () => {
      this.#number.value = this.#number.value.slice(0, -1);
      this.#number.focus();
      this.render();
    });
    byId("view-dial").addEventListener("submit", (event) => {
      event.preventDefault();
      dial(this.#number.value);
    });
    byId("dial-back").addEventListener("click", () => phone.lines.dialAnother(false));
    byId("question-yes").addEventListener("click", () => void phone.lines.accept());
    byId("question-no").addEventListener("click", () => phone.lines.decline());
    byId("disconnect").addEventListener("click", () => void phone.disconnect());
    byId("try-now").addEventListener("click", () => phone.tryNow());
    for (const list of ["contacts", "history"]) byId(`tab-${list}`).addEventListener("click", () => this.list(list));
    for (const pane of ["phone", "trace"]) byId(`pane-${pane}`).addEventListener("click", () => this.pane(pane));
  }

  /** Which list stands under the dial pad. */
  list(name: string): void {
    for (const other of ["contacts", "history"]) {
      byId(other).hidden = other !== name;
      byId(`tab-${other}`).ariaPressed = String(other === name);
    }
  }

  /** Which sheet a narrow window shows. */
  pane(name: string): void {
    byId("app").dataset["pane"] = name;
    for (const other of ["phone", "trace"]) byId(`pane-${other}`).ariaPressed = String(other === name);
  }

  /** Lists whom this account may call. */
  contacts(demo: Demo | null, self: string, dial: (target: string) => void): void {
    const people = (demo?.accounts ?? []).filter((a) => a.user !== self).map((a) => ({ ...a, about: a.user }));
    const all = [...(demo?.services ?? []), ...people];
    byId("tab-contacts").hidden = all.length === 0;
    this.list(all.length ? "contacts" : "history");
    byId("people").replaceChildren(...all.map(({ user, name }) => el("option", { value: user }, name)));
    byId("contacts").replaceChildren(...all.map(({ user, name, about }) => {
      const button = el(
        "button",
        { type: "button", "data-testid": `contact-${user}`, "aria-label": `Call ${name}` },
        el("span", { class: "avatar", "aria-hidden": "true" }, name.slice(0, 1)),
        el("span", {}, el("b", {}, name), el("i", {}, about)),
        icon("phone", "go"),
      );
      button.addEventListener("click", () => dial(user));
      return el("li", {}, button);
    }));
  }

  render(): void {
    const phone = this.#phone;
    const { connection, account, lines } = phone;
    const { current, all, question } = lines;

    // Signed in, and the server is not there: the attempts come by themselves.
    const away = account !== null && (connection === "waiting" || connection === "connecting");
    byId("chip").dataset["state"] = connection;
    byId("chip").toggleAttribute("data-away", away);
    const seconds = Math.ceil((phone.retryAt - Date.now()) / 1000);
    setText(byId("status"), connection === "waiting" && seconds > 0 ? `Reconnecting in ${seconds} s…` : statuses[connection]);
    // Who listens hears once that attempts are made and once that one succeeded, and neither the seconds nor each attempt.
    setText(byId("status-said"), away ? statuses.waiting : statuses[connection]);
    const problem = phone.trouble ?? phone.broken;
    setText(byId("problem-text"), problem?.text ?? "");
    // What mends itself is no alarm, and must not push the call off the screen.
    byId("problem").toggleAttribute("data-mending", away && !phone.trouble);
    setText(byId("problem-detail"), away && !phone.trouble ? "" : problem?.detail ?? "");
    byId("problem").hidden = !problem;
    byId("try-now").hidden = !away;
    setText(byId("notice"), phone.notice);

    byId("identity").hidden = !account;
    if (account) {
      const name = account.displayName || account.user;
      setText(byId("me-avatar"), name.slice(0, 1).toUpperCase());
      setText(byId("me-name"), name);
      setText(byId("me-uri"), `${account.user}@${account.domain}`);
    }
    this.#renderDevices(phone.devices);

    byId("question").hidden = !question;
    setText(byId("question-text"), question?.text ?? "");
    setText(byId("question-yes"), question?.yes ?? "");

    const dialling = !current || lines.dialling;
    this.#show(!account ? "account" : dialling ? "dial" : current.rings ? "incoming" : "call");
    byId("phone").toggleAttribute("data-several", account !== null && all.length > 1);
    byId("phone").toggleAttribute("data-dialling", current !== null && lines.dialling);
    byId("lists").hidden = !account || !dialling;
    for (const button of document.querySelectorAll<HTMLButtonElement>("#lists li button")) button.disabled = connection !== "registered";

    byId<HTMLButtonElement>("dial").disabled = connection !== "registered" || !this.#number.value.trim();
    byId("dial-back").hidden = !current;
    setText(byId("dial-why"), away ? "You can call again when the connection is back." : "");
    setText(byId("outcome"), lines.outcome?.text ?? "");
    byId("outcome").dataset["tone"] = lines.outcome?.bad ? "bad" : "";
    // Said at once to those who do not look: it has a place of its own, because the views come and go.
    const caller = all.find(({ rings }) => rings);
    setText(byId("announcement"), caller ? incoming(caller) : question?.text ?? (all.length ? "" : lines.outcome?.text ?? ""));
    this.#calls.render();
    this.#call.render();
  }

  #renderDevices(devices: string[]): void {
    byId("devices").hidden = devices.length === 0;
    setText(byId("devices-count"), `Also registered: ${devices.length} other ${devices.length === 1 ? "device" : "devices"}`);
    const list = byId("devices-list");
    // Only when it is another list: somebody may be selecting text in it.
    if (devices.join("\n") !== [...list.children].map((item) => item.textContent).join("\n")) {
      list.replaceChildren(...devices.map((device) => el("li", {}, device)));
    }
  }

  #show(name: ViewName): void {
    if (name === this.#shown) return;
    const focus = document.activeElement;
    // Only who was in the view that goes away loses the place and is given a new one.
    const lost = focus === document.body || byId(`view-${this.#shown}`).contains(focus) || byId("lists").contains(focus);
    this.#shown = name;
    for (const other of ["account", "dial", "incoming", "call"]) byId(`view-${other}`).hidden = other !== name;
    if (name === "incoming" || name === "call") {
      this.pane("phone");
      // The view, not its first button: a key pressed while typing must not take the call.
      if (lost) byId(`view-${name}`).focus();
    } else if (lost && matchMedia("(pointer: fine)").matches) {
      byId(name === "dial" ? "number" : "connect").focus();
    }
    byId("phone").scrollTop = 0;
  }

  #type(digit: string): void {
    this.#number.setRangeText(digit, this.#number.selectionStart ?? 0, this.#number.selectionEnd ?? 0, "end");
    this.render();
  }
}

/** What there is to know before one decides. */
function incoming({ who, details: { mark, lines } }: Line): string {
  const checked = mark === "verified" ? ["number checked by the network"] : mark ? ["the number may be false"] : [];
  return [`Incoming call from ${who}`, ...checked, ...lines].join(", ");
}
