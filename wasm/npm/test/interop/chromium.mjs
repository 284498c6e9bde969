// Chromium by playwright-core, and the web server for the pages of the tests.

import { accessSync, constants, createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

// Directories by the first segment of the path.
const DIRECTORIES = {
  phones: join(ROOT, "wasm/npm/test/interop/phones"),
  peers: join(ROOT, "build/interop"),
  browser: join(ROOT, "wasm/npm/test/browser"),
  peer: join(ROOT, "build/peer"),
  sipwasm: join(ROOT, "wasm/npm/dist"),
};
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

const MICROPHONES = {
  fake: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  refused: ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
  absent: ["--use-fake-ui-for-media-stream", "--disable-audio-input"],
};

/**
 * Launches Chromium.
 * @param {object} options
 * @param {"fake"|"refused"|"absent"} options.microphone default: a fake one that beeps, permitted without asking
 * @param {string[]} options.media the flags that decide about microphone and permission, in its place
 * @param {boolean} options.autoplay false: the page plays nothing before somebody has touched it, as browsers want it
 * @param {boolean} options.ownSignals the caller closes the browser on SIGINT, SIGTERM and SIGHUP; otherwise
 * playwright does and then ends this process
 * @param {string} options.profile the folder of a profile. Then the result is its one browser context, which keeps compiled
 * code between pages; those of a browser without a profile do not
 */
export function launchChromium({ microphone = "fake", media = MICROPHONES[microphone], autoplay = true, ownSignals = false, profile } = {}) {
  const options = {
    executablePath: findProgram("Chromium", ["chromium", "chromium-browser", "google-chrome"]),
    handleSIGINT: !ownSignals,
    handleSIGTERM: !ownSignals,
    handleSIGHUP: !ownSignals,
    args: [
      ...media,
      // Tests run as root in containers, where the sandbox cannot be set up.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      `--autoplay-policy=${autoplay ? "no-user-gesture-required" : "document-user-activation-required"}`,
      // For wss with a certificate made a second ago.
      "--ignore-certificate-errors",
      // Without these a machine that has loopback alone gathers no ICE candidate.
      "--allow-loopback-in-peer-connection",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  };
  return profile === undefined ? chromium.launch(options) : chromium.launchPersistentContext(profile, options);
}

/** The first of these names that is in PATH. */
export function findProgram(what, names) {
  for (const directory of process.env.PATH.split(delimiter)) {
    for (const name of names) {
      const file = join(directory, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // look on
      }
    }
  }
  throw new Error(`${what} is not installed: run make setup`);
}

/**
 * Serves the pages on a free port of 127.0.0.1, which browsers treat as a secure context.
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function servePages() {
  const server = createServer((request, response) => {
    const [, room, ...rest] = new URL(request.url, "http://localhost").pathname.split("/");
    const file = DIRECTORIES[room] && join(DIRECTORIES[room], normalize(`/${rest.join("/")}`));
    if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}

/**
 * Records the SIP messages of a page's WebSockets, whatever library sends them.
 * @returns {Array<{time: number, phone: string, direction: "in"|"out", text: string}>} grows as messages pass
 */
export function recordSip(page, phone, into = []) {
  page.on("websocket", (socket) => {
    const record = (direction) => ({ payload }) => {
      into.push({ time: Date.now(), phone, direction, text: mask(String(payload)).replaceAll("\r\n", "\n") });
    };
    socket.on("framesent", record("out"));
    socket.on("framereceived", record("in"));
  });
  return into;
}

// A digest response is as good as a password to whoever can guess offline.
const mask = (text) => text.replace(/(\bresponse=)"[0-9a-f]+"/gi, '$1"…"');

/** Fails when the promise takes longer than the limit. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
