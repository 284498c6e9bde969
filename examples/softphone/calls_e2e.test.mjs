// What a person does with calls: several of them, transfers, joining, video, deflection, and a page that is loaded again.

import assert from "node:assert/strict";
import { describe, test, before, after } from "node:test";
import { setTimeout } from "node:timers/promises";

import { SipServer } from "../../wasm/npm/test/browser/sip_server.mjs";
import { startDemo, tabsOf } from "./e2e_harness.mjs";

describe("the calls of the softphone", () => {
  const open = tabsOf({
    media: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--auto-accept-this-tab-capture", "--auto-select-desktop-capture-source=Entire screen"],
  });
  let demo;
  before(async () => (demo = await startDemo()));
  after(() => demo?.stop());

  /** Tabs of the first accounts: Ada, Grace, Hedy. */
  const people = async (t, count, options = {}) => {
    const tabs = [];
    for (let i = 0; i < count; i++) {
      const tab = await open(t, demo, { query: `?user=${1001 + i}`, ...options });
      await tab.connect();
      tabs.push(tab);
    }
    return tabs;
  };

  /** The first calls the second, who answers. */
  const talk = async (caller, callee, user) => {
    await caller.click(`contact-${user}`);
    await callee.click("answer");
    await caller.shows("call-state", "In call");
    await callee.shows("call-state", "In call");
  };

  test("another call puts the first on hold, and a press swaps them", async (t) => {
    const [ada, grace] = await people(t, 2);
    await ada.click("contact-echo");
    await ada.shows("call-state", "In call");
    await ada.click("add");
    await ada.lists(["Echo, In call"]);
    await ada.click("dial-back");
    await ada.shows("call-name", "Echo");
    await ada.click("add");
    await talk(ada, grace, 1002);
    await ada.lists(["Echo, On hold", "*Grace, In call"]);
    await ada.audioFlows();

    await ada.pick("Echo");
    await ada.lists(["*Echo, In call", "Grace, On hold"]);
    await ada.level("meter-remote", { above: 40 });
    await grace.shows("call-state", "Held by the other side");
    await ada.shows("hangup", "Hang up Echo");
    await ada.click("hangup");
    await ada.shows("notice", /^Call with Echo, /);
    await ada.shows("call-name", "Grace");
    await ada.shows("call-state", "On hold");
    assert.deepEqual(await ada.calls(), [], "one call needs no list");
    await ada.click("hold");
    await ada.shows("call-state", "In call");
    await Promise.all([ada.audioFlows(), grace.audioFlows()]);
    await grace.click("hangup");
    await ada.shows("outcome", /^Call with Grace/);
  });

  test("a second caller waits in the list, and neither takes the screen nor the keys", async (t) => {
    const [ada, grace, hedy] = await people(t, 3);
    await talk(ada, grace, 1002);
    await grace.page.locator("#mute").focus();
    await hedy.click("contact-1002");
    await grace.lists(["*Ada, In call", "Hedy, Incoming call"]);
    assert.deepEqual(await grace.announced(), ["alert", "Incoming call from Hedy"]);
    await grace.until(() => document.title === "Incoming: Hedy" && document.activeElement.id === "mute");
    await grace.click("line-decline");
    await hedy.shows("outcome", "Grace is busy.");
    await grace.shows("notice", "Declined the call from Hedy");
    await grace.shows("call-state", "In call");

    await hedy.click("contact-1002");
    await grace.click("line-answer");
    await grace.lists(["Ada, On hold", "*Hedy, In call"]);
    await ada.shows("call-state", "Held by the other side");
    await hedy.audioFlows();
    await ada.click("hangup");
    await grace.shows("notice", /^Call with Ada/);
    await grace.shows("call-name", "Hedy");
    await hedy.click("hangup");
    await grace.shows("outcome", /^Call with Hedy/);
  });

  test("a caller is sent to somebody else", async (t) => {
    const [ada, grace] = await people(t, 2);
    await ada.click("contact-1002");
    await grace.click("deflect");
    await grace.$("deflect-to").fill("echo");
    await grace.click("deflect-send");
    await grace.shows("outcome", "Sent Ada on to Echo");
    await ada.shows("call-state", "In call");
    await ada.shows("call-name", "Echo");
    await ada.shows("call-note", "Grace has sent your call on.");
    await ada.audioFlows();
    await ada.click("hangup");
    await ada.shows("outcome", /^Call with Echo/);
  });

  test("a transfer by number: the other side is asked, and may stay", async (t) => {
    const [ada, grace] = await people(t, 2);
    await talk(ada, grace, 1002);
    const transfer = async () => {
      await ada.click("transfer");
      await ada.$("transfer-to").fill("echo");
      await ada.click("transfer-now");
    };
    await transfer();
    await grace.shows("question-text", "Ada wants to connect you with Echo.");
    assert.deepEqual(await grace.announced(), ["alert", "Ada wants to connect you with Echo."]);
    await ada.shows("call-note", "Connecting Grace with Echo…");
    await grace.click("question-no");
    await ada.shows("problem-text", "The other side does not want to be transferred. The call is still yours.");
    await ada.shows("call-state", "In call");
    assert.equal(await grace.$("question").isVisible(), false);

    await transfer();
    await grace.click("question-yes");
    await grace.shows("call-name", "Echo");
    await grace.shows("call-note", "Ada has sent you here.");
    await ada.shows("outcome", "Grace is now with Echo.");
    await grace.shows("call-state", "In call");
    await grace.audioFlows();
    await grace.click("hangup");
    await grace.shows("outcome", /^Call with Echo/);
  });

  test("a transfer that reaches nobody leaves the call as it was", async (t) => {
    const [ada, grace] = await people(t, 2);
    await talk(ada, grace, 1002);
    await ada.click("transfer");
    await ada.$("transfer-to").fill("1004");
    await ada.click("transfer-now");
    await grace.click("question-yes");
    await ada.shows("problem-text", "The transfer did not work. Radia cannot be reached right now. The call is still yours.");
    await grace.shows("notice", "Radia cannot be reached right now.");
    await grace.shows("call-name", "Ada");
    await grace.click("hold"); // it was put on hold for the other call
    await Promise.all([ada.audioFlows(), grace.audioFlows()]);
    await ada.click("hangup");
    await ada.shows("outcome", /^Call with Grace/);
  });

  test("a question comes before a transfer: back again, or connect them", async (t) => {
    const [ada, grace, hedy] = await people(t, 3);
    await talk(ada, grace, 1002);
    const consult = async () => {
      await ada.click("transfer");
      await ada.$("transfer-to").fill("1003");
      await ada.page.keyboard.press("Enter"); // the gentler of the two
      await hedy.click("answer");
      await ada.lists(["Grace, On hold", "*Hedy, In call"]);
    };
    await consult();
    await ada.shows("consult-text", "You ask Hedy about Grace, who waits.");
    await grace.shows("call-state", "Held by the other side");
    await ada.click("consult-back");
    await hedy.shows("outcome", /^Call with Ada/);
    await ada.shows("call-name", "Grace");
    await ada.shows("call-state", "In call");
    await grace.shows("call-state", "In call");

    await consult();
    await ada.click("consult-connect");
    await grace.shows("question-text", "Ada wants to connect you with Hedy.");
    await grace.click("question-yes");
    await ada.shows("outcome", "Grace is now with Hedy.");
    await hedy.shows("call-name", "Grace");
    await grace.shows("call-name", "Hedy");
    await Promise.all([hedy.shows("call-state", "In call"), grace.shows("call-state", "In call")]);
    assert.deepEqual([await hedy.calls(), await grace.calls()], [[], []]);
    await hedy.shows("call-note", "Ada has connected you.");
    await Promise.all([hedy.audioFlows(), grace.audioFlows()]);
    await hedy.click("hangup");
    await grace.shows("outcome", /^Call with Hedy/);
  });

  test("joined calls hear each other, and are split again", async (t) => {
    const [ada, grace, hedy] = await people(t, 3);
    await talk(ada, grace, 1002);
    assert.equal(await ada.$("join").isVisible(), false);
    await ada.click("add");
    await talk(ada, hedy, 1003);
    await ada.shows("join", "Join");
    await ada.click("join");
    await ada.lists(["Grace, Joined", "*Hedy, Joined"]);
    await ada.click("mute");
    await ada.pick("Grace");
    await ada.click("mute");
    await ada.lists(["*Grace, Muted", "Hedy, Muted"]);
    await grace.level("meter-remote", { above: 40 }); // that is Hedy
    await hedy.click("mute");
    await grace.level("meter-remote", { below: 5 });
    await hedy.click("mute");
    await grace.level("meter-remote", { above: 40 });

    await ada.click("join");
    await ada.lists(["*Grace, Muted", "Hedy, On hold"]);
    await hedy.shows("call-state", "Held by the other side");
    await grace.level("meter-remote", { below: 5 });
    await ada.click("hangup");
    await ada.shows("call-name", "Hedy");
    await ada.click("hangup");
    await ada.shows("outcome", /^Call with Hedy/);
  });

  test("video of both sides comes and goes, and the screen takes its place", async (t) => {
    const [ada, grace] = await people(t, 2);
    const sees = (tab, id) => tab.until((id) => {
      const video = document.getElementById(id);
      return video.checkVisibility() && video.videoWidth > 2 && video.currentTime > 0;
    }, id);
    await talk(ada, grace, 1002);
    assert.equal(await ada.$("video-box").isVisible(), false);
    await ada.click("video");
    await sees(grace, "video-remote");
    await sees(ada, "video-local");
    assert.equal(await ada.$("video-remote").isVisible(), false);
    await grace.click("video");
    await Promise.all([sees(ada, "video-remote"), sees(grace, "video-local")]);
    await Promise.all([ada.audioFlows(), grace.audioFlows()]);

    await ada.click("keypad");
    assert.equal(await ada.$("video-box").isVisible(), false, "the keys take its place");
    await ada.click("keypad");

    await ada.click("screen");
    await ada.until(() => document.getElementById("screen").textContent.trim() === "Stop");
    await sees(grace, "video-remote");
    await ada.click("screen");
    await ada.shows("screen", "Screen");
    await ada.until(() => document.getElementById("video-local").hidden);
    await sees(ada, "video-remote");
    await ada.click("video-end");
    for (const tab of [ada, grace]) await tab.until(() => document.getElementById("video-box").hidden);
    await grace.shows("video", "Video");
    await grace.until(() => window.observed.peers.at(-1).getSenders().every(({ track }) => track?.kind !== "video")); // her camera is off
    await Promise.all([ada.audioFlows(), grace.audioFlows()]);
    await ada.click("hangup");
    await grace.shows("outcome", /^Call with Ada/);
    await grace.until(() => !document.getElementById("video-remote").srcObject);
  });

  test("who takes no video is left in peace", async (t) => {
    const [ada] = await people(t, 1);
    await ada.click("contact-echo");
    await ada.shows("call-state", "In call");
    await ada.click("video");
    await ada.shows("problem-text", "Echo does not take video.");
    await ada.shows("call-state", "In call");
    assert.equal(await ada.$("video-box").isVisible(), false);
    await ada.audioFlows();
    await ada.click("hangup");
    await ada.shows("outcome", /^Call with Echo/);
  });

  test("a call goes on after the page was loaded again, and so does one on hold", async (t) => {
    const [ada, grace, hedy] = await people(t, 3);
    await talk(ada, grace, 1002);
    await ada.click("add");
    await talk(ada, hedy, 1003);
    await ada.click("mute");
    await ada.lists(["Grace, On hold", "*Hedy, Muted"]);
    const before = await ada.$("call-timer").innerText();
    await ada.page.reload();
    await ada.shows("call-name", "Hedy");
    await ada.shows("notice", /^The page was loaded again\. Your call with (Hedy|Grace) goes on\.$/);
    await ada.lists(["Grace, On hold", "*Hedy, Muted"]);
    assert.ok((await ada.$("call-timer").innerText()) >= before, "the time goes on");
    await ada.click("mute");
    await hedy.level("meter-remote", { above: 40 });
    await Promise.all([ada.until(() => window.observed.peers.length === 2), hedy.audioFlows()]);
    await ada.pick("Grace");
    await ada.lists(["*Grace, In call", "Hedy, On hold"]);
    await grace.audioFlows();
    await grace.click("hangup");
    await ada.shows("call-name", "Hedy");
    await ada.click("hangup");
    await hedy.shows("outcome", /^Call with Ada/);
    await ada.page.reload();
    await ada.filled();
    await ada.shows("connect", "Connect");
  });

  test("a call that ended while the page was away is said to be over", async (t) => {
    const [ada, grace] = await people(t, 2, { expected: /net::ERR_/ });
    await talk(ada, grace, 1002);
    const { url } = demo;
    await ada.page.goto("about:blank");
    await grace.click("hangup");
    await grace.shows("outcome", /^Call with Ada/);
    await ada.page.goto(`${url}?user=1001`);
    await ada.shows("outcome", "The call with Grace did not outlive the reload. Call again.");
    await ada.shows("status", "Registered");
  });

  test("a far end that cannot go on with the call is said so", async (t) => {
    const [ada] = await people(t, 1);
    await ada.click("contact-echo");
    await ada.shows("call-state", "In call");
    await ada.page.reload();
    await ada.shows("outcome", "The call with Echo did not outlive the reload. Call again.");
  });

  test("a copy of the tab leaves the call alone", async (t) => {
    const [ada, grace] = await people(t, 2);
    await talk(ada, grace, 1002);
    const memory = await ada.page.evaluate(() => ({ ...sessionStorage }));
    const copy = await open(t, demo, { context: ada.page.context(), query: "?user=1001" });
    await copy.page.evaluate((memory) => Object.assign(sessionStorage, memory), memory);
    await copy.page.reload();
    await copy.filled();
    await setTimeout(3000); // it would have connected by now
    await copy.shows("connect", "Connect");
    await ada.click("mute");
    await ada.shows("call-state", "Muted");
    await grace.level("meter-remote", { below: 5 });
    await ada.click("mute");
    await Promise.all([ada.audioFlows(), grace.audioFlows()]);
    await ada.click("hangup");
    await grace.shows("outcome", /^Call with Ada/);
  });

  test("a password of one's own is asked for before a call goes on", async (t) => {
    const [ada, grace] = await people(t, 2);
    await talk(ada, grace, 1002);
    await ada.page.route("**/demo.json", (route) => route.fulfill({ status: 404 }));
    ada.complaints.push = () => 0; // the missing file is said on the console
    await ada.page.reload();
    await ada.filled();
    await ada.until(() => document.getElementById("account-lead").textContent === "Connect again to go on with your call with Grace.");
    await ada.$("password").fill("open-sesame");
    await ada.connect();
    await ada.shows("call-state", "In call");
    await Promise.all([ada.audioFlows(), grace.audioFlows()]);
    const stored = await ada.page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
    assert.ok(!stored.includes("open-sesame"));
    await grace.click("hangup");
    await ada.shows("outcome", /^Call with /);
  });

  describe("from another server", () => {
    let server;
    before(async () => (server = await SipServer.listen()));
    after(() => server.close());
    const calls = async (t, headers) => {
      const tab = await open(t, demo);
      await tab.$("server").fill(server.url);
      let contact;
      const { answer } = server;
      server.answer = (request) => {
        if (request.method === "REGISTER") contact = /<([^>]+)>/.exec(request.header("contact"))[1];
        return answer(request);
      };
      await tab.connect();
      const branch = Math.random().toString(36).slice(2);
      server.send([
        `INVITE ${contact} SIP/2.0`, `Via: SIP/2.0/WS server.invalid;branch=z9hG4bK${branch}`, "Max-Forwards: 70",
        `To: <sip:1001@sipwasm.example>`, `Call-ID: ${branch}`, "CSeq: 1 INVITE", "Contact: <sip:caller@server.invalid;transport=ws>",
        ...headers, "Content-Length: 0", "", "",
      ].join("\r\n"));
      return tab;
    };

    test("what the network tells of the caller is shown", async (t) => {
      const tab = await calls(t, [
        `From: "Bell" <sip:+15550100@server.invalid;user=phone>;tag=a`,
        `P-Asserted-Identity: "Bell" <sip:+15550100;verstat=TN-Validation-Passed@server.invalid;user=phone>`,
        `Diversion: "<b>Hedy</b>" <sip:1003@sipwasm.example>;reason=user-busy`,
        "Subject: <i>The invoice</i>",
      ]);
      await tab.shows("incoming-name", "Bell");
      await tab.shows("incoming-mark", "The network has checked this number");
      await tab.shows("incoming-details", "Diverted from <b>Hedy</b>, who is busy\n<i>The invoice</i>");
      assert.deepEqual(await tab.announced(),
        ["alert", "Incoming call from Bell, number checked by the network, Diverted from <b>Hedy</b>, who is busy, <i>The invoice</i>"]);
      await tab.shot("details");
      await tab.click("decline");
      await tab.shows("outcome", "Declined the call from Bell");
    });

    test("a number that is false is said to be", async (t) => {
      const tab = await calls(t, [`From: "Your Bank" <sip:+15550199;verstat=TN-Validation-Failed@server.invalid;user=phone>;tag=a`]);
      await tab.shows("incoming-name", "Your Bank");
      await tab.shows("incoming-mark", "This number may be false");
      await tab.click("decline");
    });

    test("who does not want to be known is not named", async (t) => {
      const tab = await calls(t, [
        `From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=a`, "Privacy: id",
        `P-Asserted-Identity: "Bell" <sip:+15550100;verstat=TN-Validation-Passed@server.invalid;user=phone>`,
      ]);
      await tab.shows("incoming-name", "Anonymous caller");
      assert.equal(await tab.$("incoming-uri").innerText(), "");
      assert.equal(await tab.$("incoming-mark").isVisible(), false);
      await tab.click("decline");
      await tab.click("tab-history");
      await tab.shows("history-entry", /^Anonymous caller/);
    });
  });

  for (const [width, height] of [[280, 800], [400, 800], [1280, 704]]) {
    test(`two calls, video and questions fit into ${width} px`, async (t) => {
      const grace = await open(t, demo, { query: "?user=1002" });
      const ada = await open(t, demo, { query: "?user=1001", viewport: { width, height } });
      await Promise.all([ada.connect(), grace.connect()]);
      const fits = async (where) => {
        await ada.fits(where);
        await ada.shot(`${where}-${width}`);
        const { y, height: h } = await ada.$("hangup").boundingBox();
        assert.ok(y >= 0 && y + h <= height, `${where}: Hang up ends at ${y + h} of ${height}`);
      };
      await grace.click("contact-1001");
      await ada.shows("incoming-name", "Grace");
      await ada.click("deflect");
      await ada.fits("incoming");
      await ada.shot(`incoming-${width}`);
      await ada.click("answer");
      await ada.shows("call-state", "In call");
      await fits("call");
      await ada.click("video");
      await grace.click("video");
      await ada.until(() => document.getElementById("video-remote").videoWidth > 2);
      await fits("video");
      await grace.click("transfer");
      await grace.$("transfer-to").fill("echo");
      await grace.click("transfer-now");
      await ada.shows("question-text", "Grace wants to connect you with Echo.");
      await fits("question");
      await ada.click("question-no");
      await ada.click("video-end");
      await ada.click("transfer");
      await fits("transfer");
      await ada.$("transfer-to").fill("echo");
      await ada.click("transfer-ask");
      await ada.shows("call-state", "In call");
      await fits("consult");
      await ada.click("add");
      await ada.fits("add");
      await ada.shot(`add-${width}`);
      await ada.click("dial-back");
      await ada.click("keypad");
      await fits("keys");
      await ada.click("hangup");
      await ada.click("hangup");
      await ada.shows("outcome", /^Call with Grace/);
    });
  }
});
