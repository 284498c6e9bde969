// Shows the phone: every change goes through render, which sets the whole page from what is true now.

import type { Demo } from "./account.js";
import { byId, duration, el, icon, setIcon, setText } from "./dom.js";
import type { Phone } from "./phone.js";

const keys: [string, string][] = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", ""], ["#", ""],
];
const spoken: Record<string, string> = { "*": "star", "#": "hash" };

const statuses = { offline: "Offline", connecting: "Connecting…", waiting: "Reconnecting…", registered: "Registered", error: "Not connected" };

type ViewName = "account" | "dial" | "incoming" | "call";

export class View {
  readonly #phone: Phone;
  readonly #number = byId<HTMLInputElement>("number");
  #shown: ViewName = "account";

  constructor(phone: Phone, dial: (target: string) => void) {
    this.#phone = phone;
    this.#pad("dial-pad", "key", (digit) => this.#type(digit));
    this.#plus(byId("dial-pad").querySelector<HTMLButtonElement>("[data-testid=key-0]")!);
    this.#pad("tone-pad", "tone", (digit) => void phone.tone(digit));
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
    byId("answer").addEventListener("click", () => void phone.answer());
    byId("decline").addEventListener("click", () => void phone.hangup());
    byId("hangup").addEventListener("click", () => void phone.hangup());
    byId("mute").addEventListener("click", () => void phone.toggleMute());
    byId("hold").addEventListener("click", () => void phone.toggleHold());
    byId("sound").addEventListener("click", () => void phone.playSound?.());
    byId("disconnect").addEventListener("click", () => void phone.disconnect());
    byId("try-now").addEventListener("click", () => phone.tryNow());
    byId("keypad").addEventListener("click", () => this.#keypad(byId("tones").hidden === true));
    // Keys of the keyboard send tones while the keypad is open.
    byId("view-call").addEventListener("keydown", ({ key, repeat, ctrlKey, metaKey, altKey }) => {
      if (!byId("tones").hidden && /^[0-9*#]$/.test(key) && !repeat && !ctrlKey && !metaKey && !altKey) void phone.tone(key);
    });
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
    const { connection, account, call } = phone;

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

    const ringing = call?.direction === "incoming" && (call.state === "ringing" || call.state === "answering");
    this.#show(!account ? "account" : !call ? "dial" : ringing ? "incoming" : "call");
    byId("lists").hidden = !account || call !== null;
    for (const button of document.querySelectorAll<HTMLButtonElement>("#lists li button")) button.disabled = connection !== "registered";

    byId<HTMLButtonElement>("dial").disabled = connection !== "registered" || !this.#number.value.trim();
    setText(byId("dial-why"), away ? "You can call again when the connection is back." : "");
    setText(byId("outcome"), phone.outcome?.text ?? "");
    byId("outcome").dataset["tone"] = phone.outcome?.bad ? "bad" : "";
    // Said at once to those who do not look: it has a place of its own, because the views come and go.
    setText(byId("announcement"), !call ? phone.outcome?.text ?? "" : ringing ? `Incoming call from ${phone.who}` : "");
    if (ringing) this.#renderIncoming(phone);
    else if (call) this.#renderCall(phone);
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

  #renderIncoming(phone: Phone): void {
    setText(byId("incoming-name"), phone.who);
    setText(byId("incoming-uri"), phone.address);
    setText(byId("incoming-avatar"), initial(phone.who));
    setText(byId("incoming-title"), phone.doing === "accept" ? "Answering…" : "Incoming call");
    byId<HTMLButtonElement>("answer").disabled = phone.doing !== null;
  }

  #renderCall(phone: Phone): void {
    const call = phone.call!;
    const { local, remote } = call.onHold;
    const talking = call.state === "established" || call.state === "accepted";
    setText(byId("call-name"), phone.who);
    setText(byId("call-uri"), phone.address);
    setText(byId("call-avatar"), initial(phone.who));

    const state = byId("call-state");
    setText(state,
      call.state === "preparing" ? "Opening the microphone…"
      : call.state === "calling" ? "Calling…"
      : call.state === "ringing" ? "Ringing…"
      : call.state === "canceling" || phone.doing === "hangup" ? "Hanging up…"
      : local && remote ? "On hold, by both sides"
      : local ? "On hold"
      : remote ? "Held by the other side"
      : call.muted ? "Muted"
      : "In call");
    state.dataset["tone"] = local || remote ? "held" : "";
    byId("call-timer").hidden = call.startTime === undefined;
    setText(byId("call-timer"), duration(call.duration));
    const cut = phone.connection !== "registered";
    setText(byId("call-note"), talking && cut ? "The call goes on: its sound does not need the server. Hold does." : "");

    const button = (id: string) => byId<HTMLButtonElement>(id);
    for (const id of ["mute", "hold", "keypad"]) button(id).disabled = !talking || phone.doing !== null || (id === "hold" && cut);
    // The label says what a press does; that the button is pressed as well would say the opposite.
    button("mute").toggleAttribute("data-on", call.muted);
    setIcon(button("mute"), call.muted ? "mic-off" : "mic");
    setText(button("mute").querySelector("span")!, call.muted ? "Unmute" : "Mute");
    button("hold").toggleAttribute("data-on", local);
    setIcon(button("hold"), local ? "play" : "pause");
    setText(button("hold").querySelector("span")!, local ? "Resume" : "Hold");
    setText(byId("hangup-label"), talking ? "Hang up" : "Cancel");
    setText(byId("tones-sent"), phone.tones);
    byId("sound").hidden = !phone.playSound;
  }

  #show(name: ViewName): void {
    if (name === this.#shown) return;
    const focus = document.activeElement;
    // Only who was in the view that goes away loses the place and is given a new one.
    const lost = focus === document.body || byId(`view-${this.#shown}`).contains(focus) || byId("lists").contains(focus);
    this.#shown = name;
    for (const other of ["account", "dial", "incoming", "call"]) byId(`view-${other}`).hidden = other !== name;
    this.#keypad(false);
    if (name === "incoming" || name === "call") {
      this.pane("phone");
      // The view, not its first button: a key pressed while typing must not take the call.
      if (lost) byId(`view-${name}`).focus();
    } else if (lost && matchMedia("(pointer: fine)").matches) {
      byId(name === "dial" ? "number" : "connect").focus();
    }
    byId("phone").scrollTop = 0;
  }

  #keypad(open: boolean): void {
    byId("tones").hidden = !open;
    byId("meters").hidden = open;
    byId("keypad").ariaExpanded = String(open);
  }

  #type(digit: string): void {
    this.#number.setRangeText(digit, this.#number.selectionStart ?? 0, this.#number.selectionEnd ?? 0, "end");
    this.render();
  }

  /** A long press of this key types "+", as on telephones. */
  #plus(key: HTMLButtonElement): void {
    let timer = 0;
    let typed = false;
    key.querySelector("small")!.textContent = "+";
    key.setAttribute("aria-description", "hold for plus");
    key.addEventListener("pointerdown", ({ button }) => {
      typed = false;
      if (button !== 0) return;
      timer = window.setTimeout(() => {
        typed = true;
        this.#type("+");
      }, 500);
    });
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) key.addEventListener(end, () => window.clearTimeout(timer));
    key.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch asks for one
    // Before the listener of the pad, which types the digit.
    key.addEventListener("click", (event) => {
      if (typed && event.detail > 0) event.stopImmediatePropagation(); // 0: by the keyboard
      typed = false;
    }, { capture: true });
  }

  #pad(id: string, testId: string, press: (digit: string) => void): void {
    byId(id).append(...keys.map(([digit, letters]) => {
      const button = el(
        "button",
        { type: "button", "aria-label": spoken[digit] ?? digit, "data-testid": `${testId}-${spoken[digit] ?? digit}` },
        digit, el("small", { "aria-hidden": "true" }, letters),
      );
      button.addEventListener("click", () => press(digit));
      return button;
    }));
  }
}

function initial(name: string): string {
  return (/[\p{L}\p{N}]/u.exec(name)?.[0] ?? "?").toUpperCase();
}
