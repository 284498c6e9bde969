// Who this tab is: the fields of the account form and what fills them.

import { byId, el, store } from "./dom.js";

export interface Account {
  user: string;
  password: string;
  displayName: string;
  server: string;
  domain: string;
}

/** What the program behind this page says about itself at /demo.json. */
export interface Demo {
  domain: string;
  password: string;
  accounts: { user: string; name: string }[];
  /** Extensions that answer by themselves. */
  services: { user: string; name: string; about: string }[];
}

export async function loadDemo(): Promise<Demo | null> {
  try {
    const response = await fetch("/demo.json");
    return response.ok ? ((await response.json()) as Demo) : null;
  } catch {
    return null; // the page is served by something else: the form starts empty
  }
}

const field = (id: string) => byId<HTMLInputElement>(id);

export class AccountForm {
  readonly #form = byId<HTMLFormElement>("view-account");
  readonly #demo: Demo | null;
  /** The display name that the form filled in by itself; what the person typed is left alone. */
  #suggested = "";

  constructor(demo: Demo | null, submit: (account: Account) => void) {
    this.#demo = demo;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(this.value());
    });
    field("user").addEventListener("input", () => this.#suggestName());
  }

  /** Fills in the demo's values and an account that no other tab of this browser uses. */
  async fill(): Promise<void> {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const last = store.get<Partial<Account>>("sessionStorage", "account") ?? {};
    const users = this.#demo?.accounts.map((a) => a.user) ?? [];
    const wanted = new URLSearchParams(location.search).get("user");
    const candidates = wanted ? [wanted] : last.user ? [last.user, ...users] : users;
    field("user").value = (await claim(candidates)) ?? candidates[0] ?? "";
    field("server").value = last.server ?? (this.#demo ? `${scheme}//${location.host}/ws` : "");
    field("domain").value = last.domain ?? this.#demo?.domain ?? "";
    field("password").value = this.#demo?.password ?? "";
    if (last.displayName !== undefined && last.user === field("user").value) field("display-name").value = last.displayName;
    else this.#suggestName();
    if (!this.#demo) return;

    byId("accounts").replaceChildren(...this.#demo.accounts.map((a) => el("option", { value: a.user }, a.name)));
    byId("account-lead").textContent = "A server runs inside this demo, and its values are filled in.";
    const hint = byId("demo-hint");
    hint.replaceChildren(
      "Accounts ", users.slice(0, 1).join(""), "–", users.slice(-1).join(""), ", password ",
      el("code", {}, this.#demo.password),
    );
    hint.hidden = false;
  }

  /** What the form holds, when it is the account that this tab used before it was loaded again. A copy of the tab has the same memory,
   *  and not the account. */
  async stored(): Promise<Account | null> {
    const now = this.#read();
    if (store.get<Partial<Account>>("sessionStorage", "account")?.user !== now.user) return null;
    return !navigator.locks || (await claim([now.user], 2000)) ? now : null; // the page before may not be gone yet
  }

  value(): Account {
    const account = this.#read();
    const { password: _, ...rest } = account; // a password is not written to disk
    store.set("sessionStorage", "account", rest);
    void claim([account.user]);
    return account;
  }

  #read(): Account {
    return {
      user: field("user").value.trim(),
      password: field("password").value,
      displayName: field("display-name").value.trim(),
      server: field("server").value.trim(),
      domain: field("domain").value.trim(),
    };
  }

  /** Lets another tab have the account. */
  release(): void {
    held?.release();
    held = null;
  }

  /** While a connection is being made the fields hold still and the button gives it up. */
  busy(on: boolean): void {
    for (const id of ["user", "password", "display-name", "server", "domain"]) field(id).readOnly = on;
    byId("connect").textContent = on ? "Cancel" : "Connect";
    this.#form.ariaBusy = String(on);
  }

  #suggestName(): void {
    const name = field("display-name");
    if (name.value !== this.#suggested) return;
    this.#suggested = this.#demo?.accounts.find((a) => a.user === field("user").value.trim())?.name ?? "";
    name.value = this.#suggested;
  }
}

/** The account that this tab has claimed. */
let held: { user: string; release: () => void } | null = null;

/**
 * Takes the first of these accounts that no other tab uses, in exchange for the one taken before, until it is released
 * or this tab closes. A Web Lock is just that: the browser itself gives it back, however the tab goes. Resolves with
 * undefined when all are taken, or where there are no locks. `patience`: how long to wait for each, in milliseconds.
 */
function claim(users: string[], patience = 0): Promise<string | undefined> {
  if (held && held.user === users[0]) return Promise.resolve(held.user);
  held?.release();
  held = null;
  return new Promise((resolve) => {
    const next = (index: number) => {
      const user = users[index];
      if (user === undefined || !navigator.locks) return resolve(undefined);
      const options = patience ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true };
      navigator.locks.request(`softphone account ${user}`, options, (lock) => {
        if (!lock) return next(index + 1);
        resolve(user);
        return new Promise<void>((release) => (held = { user, release }));
      }).catch(() => next(index + 1)); // the time is up
    };
    next(0);
  });
}
