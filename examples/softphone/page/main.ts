// Puts the parts together: the phone, what shows it, and what makes it heard.

import { load } from "sipwasm";

import { AccountForm, loadDemo } from "./account.js";
import { byId } from "./dom.js";
import { History } from "./history.js";
import { keptCalls } from "./kept.js";
import { Ladder } from "./ladder.js";
import { Meter } from "./meter.js";
import { Phone } from "./phone.js";
import { announce } from "./ring.js";
import { View } from "./view.js";

// The program loads while the person reads the form. A failure shows when it matters, at Connect.
load({ wasm: "/sipwasm.wasm" }).catch(() => {});

const demo = await loadDemo();
const names = new Map([...(demo?.accounts ?? []), ...(demo?.services ?? [])].map(({ user, name }) => [user, name]));

const phone = new Phone(
  {
    changed,
    traced: (message) => ladder.add(message),
    finished: (entry) => history.add(entry),
  },
  names,
);
const dial = (target: string) => phone.dial(target);
const view = new View(phone, dial);
const ladder = new Ladder((text) => phone.say(text));
const history = new History(dial);
const form = new AccountForm(demo, (account) => {
  if (phone.connection === "connecting") phone.cancelConnect();
  else void phone.connect(account);
});

const meters = { local: new Meter(byId("meter-local")), remote: new Meter(byId("meter-remote")) };

let account: unknown = null;

function changed(): void {
  form.busy(phone.connection === "connecting" && !phone.account);
  if (phone.account !== account) {
    account = phone.account;
    if (phone.account) {
      const { user, domain, server } = phone.account;
      view.contacts(demo, user, dial);
      history.open(`${user}@${domain}`);
      ladder.heads(`${user}, Go in WebAssembly`, server.replace(/^wss?:\/\//, ""));
    } else {
      form.release();
    }
  }
  view.render();

  const { all, current } = phone.lines;
  const caller = all.find(({ rings }) => rings);
  announce(caller ? `Incoming: ${caller.who}` : null);

  // Each call has streams of its own.
  const streams = { local: current?.call.localStream, remote: current?.call.remoteStream };
  for (const side of ["local", "remote"] as const) {
    const stream = streams[side];
    if (stream && !current?.over) meters[side].attach(stream);
    else meters[side].detach();
  }
}

setInterval(() => (phone.lines.all.length > 0 || phone.connection === "waiting") && view.render(), 500); // the timers, the countdown
addEventListener("pagehide", () => phone.leave());
await form.fill();
changed();
const last = await form.stored();
const waiting = last ? keptCalls(`${last.user}@${last.domain}`) : [];
if (last && waiting.length > 0 && phone.connection === "offline") {
  // Somebody waits. A password is not stored, but that of the demo is known.
  if (last.password) void phone.connect(last);
  else byId("account-lead").textContent = `Connect again to go on with your call with ${waiting[0]!.name}.`;
}
