// A phone page, seen from the test.

import { within } from "./chromium.mjs";
import { DOMAIN, passwordOf } from "./kamailio.mjs";

/** A case that waits longer than this has failed; on an idle machine none needs a quarter of it. */
export const LIMIT_MS = 10_000;

/** `phone.do.hold()` runs the adapter's hold() in the page. */
export class RemotePhone {
  constructor(page, library, user) {
    this.page = page;
    this.library = library;
    this.user = user;
    this.do = new Proxy({}, {
      get: (_, verb) => (...args) => within(LIMIT_MS + 1000, `${library} ${verb}`,
        page.evaluate(([name, values]) => window.phone[name](...values), [verb, args])),
    });
  }

  /**
   * @param {string | (string | {url: string, priority: number})[]} servers
   * @param {object} options what the adapter's register() takes besides account and servers
   */
  register(servers, options = {}) {
    return this.do.register({
      uri: `sip:${this.user}@${DOMAIN}`, servers: [servers].flat(), username: this.user, password: passwordOf(this.user), ...options,
    });
  }

  /** Waits for an event and takes it. */
  until(event, limitMs = LIMIT_MS) {
    return within(limitMs + 1000, `${this.library} until ${event}`,
      this.page.evaluate(([name, limit]) => window.phone.until(name, limit), [event, limitMs]));
  }

  /** Loads the page again: what it had in memory is gone. */
  async reload() {
    await this.page.reload();
    await this.page.waitForFunction(() => window.phone);
  }

  /** Sends one key's tone in place of the microphone; for phones that were opened with `voice`. */
  speak(key) {
    return this.page.evaluate((name) => window.speak(name), key);
  }

  /** From now on what it sends takes so many milliseconds longer; for phones that were opened with `slow`. */
  delay(ms) {
    return this.page.evaluate((latency) => { window.latency = latency; }, ms);
  }

  knows(property) {
    return within(LIMIT_MS, `${this.library} ${property}`, this.page.evaluate((name) => window.phone[name], property));
  }
}
