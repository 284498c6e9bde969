// A section of the report: phones that belong together, the cases run with them, and what to print when one fails.

import { recordSip, within } from "./chromium.mjs";
import { RemotePhone } from "./remote_phone.mjs";

const PAGE_LIMIT_MS = 20_000;

export class Section {
  /** The SIP messages of the section's pages, in order. */
  trace = [];
  #title;
  #pages;
  #browsers;
  #tally;
  #signal;
  #expected;
  #contexts = [];
  #opened = 0;
  #complaints = [];

  /**
   * @param {object} options
   * @param {string} options.title stands before the name of each case
   * @param {{url: string}} options.pages the web server
   * @param {object[]} options.browsers the first phone is opened in the first of them, the others in the last
   * @param {{passed: number, failed: number}} options.tally is counted up
   * @param {AbortSignal} options.signal ends the run
   * @param {RegExp} options.expected errors that a page may log; default: none
   */
  constructor({ title, pages, browsers, tally, signal, expected }) {
    this.#title = title;
    this.#pages = pages;
    this.#browsers = browsers;
    this.#tally = tally;
    this.#signal = signal;
    this.#expected = expected;
  }

  /**
   * Opens a phone in a browser context of its own. With `slow`, what it sends can be delayed; with `voice`, its microphone is silent until
   * it is told to speak.
   */
  async open(library, user, { slow, voice } = {}) {
    const browser = this.#opened++ === 0 ? this.#browsers[0] : this.#browsers.at(-1);
    const context = await browser.newContext();
    if (slow) await context.addInitScript(delayWebSockets);
    if (voice) await context.addInitScript(speakInTones);
    this.#contexts.push(context);
    const page = await context.newPage();
    recordSip(page, `${user} ${library}`, this.trace);
    const complain = (text) => { if (!this.#expected?.test(text)) this.#complaints.push({ library, text }); };
    page.on("pageerror", (error) => complain(error.stack ?? String(error)));
    page.on("console", (message) => { if (message.type() === "error") complain(message.text()); });
    await page.goto(`${this.#pages.url}/phones/phone.html?library=${library}`);
    await page.waitForFunction(() => window.phone, null, { timeout: PAGE_LIMIT_MS });
    return new RemotePhone(page, library, user);
  }

  /** Closes the phones. */
  async close() {
    const old = this.#contexts;
    this.#contexts = [];
    this.#opened = 0;
    await within(PAGE_LIMIT_MS, "closing the pages", Promise.allSettled(old.map((context) => context.close())));
  }

  /** Runs one case, prints its line with the note that it may return, and resolves with whether it passed. */
  async run(name, body) {
    const from = this.trace.length;
    const start = performance.now();
    let note;
    try {
      note = await body();
      if (this.#complaints.some(({ library }) => library === "sipwasm")) throw new Error("it went well, but the page of sipwasm complains");
    } catch (error) {
      this.fail(name, error, this.trace.slice(from));
      return false;
    } finally {
      this.#complaints = [];
    }
    this.#tally.passed++;
    console.log(`ok    ${this.#title}  ${name}  ${Math.round(performance.now() - start)} ms${note ? `: ${note}` : ""}`);
    return true;
  }

  /** Records a case that failed. */
  fail(name, error, messages = []) {
    this.#signal.throwIfAborted();
    this.#tally.failed++;
    // playwright appends the stack of the page to the message
    console.log(`FAIL  ${this.#title}  ${name}: ${error.message.split("\n    at ")[0]}`);
    for (const { library, text } of this.#complaints) console.log(`    page: ${library}: ${text}`);
    const first = messages[0]?.time;
    for (const { time, phone, direction, text } of messages) {
      console.log(`--- +${time - first} ms  ${phone} ${direction === "out" ? "sends" : "receives"}`);
      console.log(text.trimEnd().replace(/^/gm, "    "));
    }
  }
}

/** Runs in the page: what it sends by WebSocket leaves `window.latency` milliseconds later, in order. */
function delayWebSockets() {
  const Base = window.WebSocket;
  window.latency = 0;
  window.WebSocket = class extends Base {
    #last = 0; // when the last message leaves

    send(data) {
      const now = performance.now();
      this.#last = Math.max(this.#last, now + window.latency);
      if (this.#last <= now) super.send(data);
      else setTimeout(() => { if (this.readyState === Base.OPEN) super.send(data); }, this.#last - now);
    }
  };
}

/** Runs in the page: `window.speak(key)` sends that key's tone (ITU-T Q.23) by whatever was opened as the microphone. */
function speakInTones() {
  const context = new AudioContext();
  const microphone = context.createMediaStreamDestination();
  const gate = new GainNode(context, { gain: 0 });
  gate.connect(microphone);
  const tones = [0, 1].map(() => new OscillatorNode(context));
  for (const tone of tones) {
    tone.connect(gate);
    tone.start();
  }
  navigator.mediaDevices.getUserMedia = async () => microphone.stream.clone();
  window.speak = (key) => {
    const at = ["123A", "456B", "789C", "*0#D"].map((row) => row.indexOf(key));
    const row = at.findIndex((column) => column >= 0);
    tones[0].frequency.value = [697, 770, 852, 941][row];
    tones[1].frequency.value = [1209, 1336, 1477, 1633][at[row]];
    gate.gain.setValueAtTime(0.25, context.currentTime);
    gate.gain.setValueAtTime(0, context.currentTime + 0.3);
  };
}
