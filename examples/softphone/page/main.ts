// Puts the parts together: the phone, what shows it, and what makes it heard.

import { load } from "sipwasm";

import { AccountForm, loadDemo } from "./account.js";
import { byId } from "./dom.js";
import { History } from "./history.js";
import { Ladder } from "./ladder.js";
import { Meter } from "./meter.js";
import { Phone } from "./phone.js";
import { Ringer } from "./ring.js";
import { View } from "./view.js";

// The program loads while the person reads the form. A failure shows when it matters, at Connect.
load({ wasm: "/sipwasm.wasm" }).catch(() => {});

const demo = await loadDemo();
const names = new Map([...(demo?.accounts ?? []), ...(demo?.services ?? [])].map(({ user, name }) => [user, name]));

const phone = new Phone(
  {
    changed,
    traced: (message) => ladder.add(message),
    finished: (entry, failed) => {
      history.add(entry);
      if (failed && entry.direction === "outgoing") ringer.play(sound(), "busy");
    },
  },
  names,
);
const dial = (target: string) => phone.dial(target);
const view = new View(phone, dial);
const ladder = new Ladder((text) => phone.say(text));
const history = new History(dial);
const form = new AccountForm(demo, (account) => {
  sound(); // a click is what lets a page make sounds later
  if (phone.connection === "connecting") phone.cancelConnect();
  else void phone.connect(account);
});

const ringer = new Ringer();
const meters = { local: new Meter(byId("meter-local")), remote: new Meter(byId("meter-remote")) };
let context: AudioContext | undefined;

/** The page's one audio context, made at the first click: browsers keep one silent that is made before. */
function sound(): AudioContext {
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume();
  return context;
}

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

  const { call } = phone;
  const ringing = call?.state === "ringing";
  if (call?.direction === "incoming" && ringing) {
    ringer.play(sound(), "ring");
    ringer.announce(`Incoming: ${phone.who}`);
  } else {
    if (context) ringer.play(context, ringing && !phone.earlyMedia ? "ringback" : null);
    ringer.announce(null);
  }

  if (call?.localStream) meters.local.attach(sound(), call.localStream);
  if (call?.remoteStream) meters.remote.attach(sound(), call.remoteStream);
  if (!call) for (const meter of Object.values(meters)) meter.detach();
}

setInterval(() => (phone.call || phone.connection === "waiting") && view.render(), 500); // the timer of the call, the countdown
addEventListener("pagehide", () => void phone.disconnect()); // a reload says good-bye to the server, as far as it gets
await form.fill();
changed();
