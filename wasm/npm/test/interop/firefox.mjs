// Debian's Firefox ESR by puppeteer-core over WebDriver BiDi, behind the part of playwright's interface that the tests
// use, so that they do not know which browser they have: newContext; addInitScript, newPage, close; goto, reload,
// evaluate, waitForFunction and the events pageerror, console and websocket.

import { setTimeout as wait } from "node:timers/promises";
import puppeteer from "puppeteer-core";
import { findProgram } from "./chromium.mjs";

const POLL_MS = 20;

const PREFERENCES = {
  // Camera, and sound, without a click.
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.getdisplaymedia.enabled": true,
  // Without these a machine that has loopback alone gathers no ICE candidate.
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  // Video by what is built in; the codec that Firefox would download is never there.
  "media.gmp-manager.updateEnabled": false,
  "media.gmp-provider.enabled": false,
  // Nothing but the pages of the tests talks to anybody.
  "network.proxy.type": 0,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.dns.disablePrefetch": true,
  "network.prefetch-next": false,
  "network.trr.mode": 5,
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.region.network.url": "",
  "browser.search.update": false,
  "browser.topsites.contile.enabled": false,
  "datareporting.healthreport.uploadEnabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.push.connection.enabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "geo.provider.network.url": "",
  "security.OCSP.enabled": 0,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "",
};

const MICROPHONES = {
  fake: { "media.navigator.streams.fake": true },
  refused: { "media.navigator.streams.fake": true, "media.navigator.permission.disabled": false, "permissions.default.microphone": 2 },
  absent: { "media.navigator.streams.fake": false },
};

/** Launches Firefox; the options are those of launchChromium. */
export async function launchFirefox({ microphone = "fake", ownSignals = false } = {}) {
  return new Firefox(await puppeteer.launch({
    browser: "firefox",
    executablePath: findProgram("Firefox", ["firefox-esr", "firefox"]),
    headless: true,
    acceptInsecureCerts: true,
    handleSIGINT: !ownSignals,
    handleSIGTERM: !ownSignals,
    handleSIGHUP: !ownSignals,
    extraPrefsFirefox: { ...PREFERENCES, ...MICROPHONES[microphone] },
  }));
}

class Firefox {
  #browser;

  constructor(browser) { this.#browser = browser; }

  async newContext() { return new Context(await this.#browser.createBrowserContext()); }
  close() { return this.#browser.close(); }
}

class Context {
  #context;
  #scripts = [recordWebSockets];

  constructor(context) { this.#context = context; }

  /** Runs in each page that is opened from now on, before its own scripts. */
  async addInitScript(script) { this.#scripts.push(script); }

  async newPage() {
    const page = await this.#context.newPage();
    for (const script of this.#scripts) await page.evaluateOnNewDocument(script);
    return new Page(page);
  }

  close() { return this.#context.close(); }
}

class Page {
  #page;

  constructor(page) { this.#page = page; }

  goto(url) { return this.#page.goto(url); }
  reload() { return this.#page.reload(); }
  evaluate(script, argument) { return this.#page.evaluate(script, argument); }

  async waitForFunction(script, argument, { timeout = 30_000 } = {}) {
    const deadline = performance.now() + timeout;
    while (!(await this.#page.evaluate(script, argument))) {
      if (performance.now() > deadline) throw new Error(`not within ${timeout / 1000} s: ${script}`);
      await wait(POLL_MS);
    }
  }

  on(event, listener) {
    if (event === "websocket") this.#page.on("console", (message) => tellOfFrame(message, listener));
    else if (event === "console") this.#page.on("console", (message) => { if (!isFrame(message)) listener(message); });
    else this.#page.on(event, listener);
  }
}

// WebDriver BiDi does not tell what passes a WebSocket, so the page does, in its console: what stands there comes in
// order with all else that the page says.
const MARK = "websocket-frame";
const isFrame = (message) => message.type() === "debug" && message.text().startsWith(`${MARK} `);

function tellOfFrame(message, listener) {
  if (!isFrame(message)) return;
  const [, direction] = message.text().split(" ", 2);
  const payload = message.text().slice(`${MARK} ${direction} `.length);
  listener({ on: (event, told) => { if (event === `frame${direction}`) told({ payload }); } });
}

/** Runs in the page. */
function recordWebSockets() {
  const Base = window.WebSocket;
  const tell = (direction, data) => console.debug(`websocket-frame ${direction} ${data}`);
  window.WebSocket = class WebSocket extends Base {
    constructor(...rest) {
      super(...rest);
      this.addEventListener("message", ({ data }) => tell("received", data));
    }

    send(data) {
      super.send(data);
      tell("sent", data);
    }
  };
}
