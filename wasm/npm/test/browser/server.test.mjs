// Servers that are away, close the connection, or do not take the password.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DOMAIN, freePorts, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { CONNECTION_FAILED } from "../interop/server_cases.mjs";
import { pagesFor } from "./harness.mjs";
import { SipServer } from "./sip_server.mjs";


describe("servers", () => {
  const open = pagesFor({ before, after });

  test("an unreachable server gives connection-failed, and registering works once it is there", async (t) => {
    const [port] = await freePorts(1);
    const page = await open(t, { expected: CONNECTION_FAILED });
    const failed = await page.evaluate(async (url) => {
      const { UserAgent, SipError } = await import("/sipwasm/index.js");
      window.ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
      const register = await window.ua.register().then(() => undefined, (error) => error);
      const call = await window.ua.call("1002").answered.then(() => undefined, (error) => error);
      return { typed: register instanceof SipError, register: register?.code, call: call?.code, names: register?.message.includes(url) };
    }, `ws://127.0.0.1:${port}`);
    assert.deepEqual(failed, { typed: true, register: "connection-failed", call: "connection-failed", names: true });

    const server = await SipServer.listen(port);
    t.after(() => server.close());
    const registered = await page.evaluate(async () => {
      const event = new Promise((resolve) => { window.ua.on("registered", resolve); });
      await window.ua.register();
      return event;
    });
    assert.equal(registered.expires, 600);
    assert.deepEqual(registered.bindings.map(({ own }) => own), [true]);
  });

  test("a connection that the server closes is reported with its code, and registering connects again", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const page = await open(t);
    await page.evaluate(async (url) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      window.ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
      window.gone = new Promise((resolve) => { window.ua.on("disconnected", resolve); });
      await window.ua.register();
    }, server.url);
    server.closeConnections(1008);
    const { gone, again } = await page.evaluate(async () => {
      const { code, error } = await window.gone;
      await window.ua.register();
      return { gone: { code, error: error?.code }, again: true };
    });
    assert.deepEqual(gone, { code: 1008, error: "connection-lost" });
    assert.ok(again);
  });

  test("a wrong password gives unauthorized each time, and the right one still works", async (t) => {
    const kamailio = await startKamailio();
    t.after(() => kamailio.stop());
    const page = await open(t);
    const result = await page.evaluate(async ({ servers, uri, password }) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const trace = [];
      const codes = [];
      const wrong = await UserAgent.create({ uri, servers, credentials: { password: "not the password" } });
      wrong.on("trace", ({ text }) => trace.push(text));
      for (let i = 0; i < 2; i++) codes.push(await wrong.register().then(() => "ok", ({ code, status }) => `${code} ${status}`));
      await wrong.close();
      const right = await UserAgent.create({ uri, servers, credentials: { password } });
      codes.push(await right.register().then(() => "ok", ({ code }) => code));
      await right.close();
      return { codes, traced: trace.length > 0, secrets: trace.filter((text) => /response="?[0-9a-f]{32}/.test(text)) };
    }, { servers: [kamailio.ws], uri: `sip:1001@${DOMAIN}`, password: passwordOf("1001") });
    assert.deepEqual(result, { codes: ["unauthorized 401", "unauthorized 401", "ok"], traced: true, secrets: [] });
  });
});
