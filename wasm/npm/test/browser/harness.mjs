// A page with the package in it, for one test.

import assert from "node:assert/strict";
import { BROWSERS } from "../interop/browsers.mjs";
import { servePages } from "../interop/chromium.mjs";

/** The browser that the tests run in. */
export const BROWSER = process.env.SIPWASM_BROWSER || "chromium";

/**
 * Gives `open(t)`: a blank page in a context of its own, closed with the test. The page has a strict
 * Content-Security-Policy. The test fails when the page logs an error that `expected` does not match.
 */
export function pagesFor({ before, after }, launchOptions) {
  let browser;
  let pages;
  before(async () => {
    [browser, pages] = await Promise.all([BROWSERS[BROWSER](launchOptions), servePages()]);
  });
  after(async () => {
    await browser?.close();
    await pages?.close();
  });
  return async (t, { expected } = {}) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    await page.goto(`${pages.url}/browser/blank.html`);
    t.after(async () => {
      await context.close();
      assert.deepEqual(complaints.filter((text) => !expected?.test(text)), [], "errors of the page");
    });
    return page;
  };
}
