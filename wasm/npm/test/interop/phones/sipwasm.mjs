import { UserAgent } from "sipwasm";
import { Phone } from "./phone.mjs";

const KEPT = "call"; // in the session storage, which outlives a reload

export default class SipwasmPhone extends Phone {
  tellsRemoteHold = true;
  playsAudio = true;
  #ua;
  #calls = []; // by line
  #gruu;
  #subscription;
  #notifier;
  #holds = [];
  #conference;

  get #call() { return this.#calls[this.selected]; }
  connectionOf(line) { return this.#calls[line]?.peerConnection; }

  /** `passwords` by realm replace `password`; `options` are those of UserAgent.create. */
  async register({ uri, servers, username, password, passwords, options }) {
    const credentials = passwords ? ({ realm }) => ({ username, password: passwords[realm] }) : { username, password };
    this.#ua = await UserAgent.create({ uri, servers, credentials, ...options });
    this.#ua.on("registered", ({ gruu }) => {
      this.#gruu = gruu;
      this.emit("registered");
    });
    this.#ua.on("disconnected", () => this.emit("disconnected"));
    this.#ua.on("message", ({ from, contentType, body }) => this.emit("message", { from: from.user, contentType, body }));
    this.#ua.on("incomingSubscription", (notifier) => {
      this.#notifier = notifier;
      notifier.on("ended", () => this.emit("subscriberGone"));
      this.emit("subscriber", { from: notifier.remote.user, event: notifier.event });
    });
    this.#ua.on("incoming", (call) => {
      const line = this.#take(call);
      if (!call.replaces) this.emit("incoming", { line, from: call.remote.user });
    });
    await this.#ua.register();
  }

  unregister() { return this.#ua.unregister(); }
  call(user) { this.#take(this.#ua.call(user)); }
  accept() { return this.#call.accept(); }
  reject() { return this.#call.reject(); }
  hangup() { return this.#call.hangup(); }
  hold() { return this.#call.hold(); }
  resume() { return this.#call.resume(); }
  /** What the events have told about hold since the beginning of the call, and what the call says of itself. */
  holds() { return { told: this.#holds, now: this.#call.onHold }; }
  dtmf(tones) { return this.#call.sendDTMF(tones, { duration: 250, gap: 100 }); }

  gruu() { return this.#gruu; }

  message(user, text) { return this.#ua.message(user, { body: text }); }

  async subscribe(user, event) {
    this.#subscription = this.#ua.subscribe(user, { event });
    // The last NOTIFY, which says that it is over, may be empty.
    this.#subscription.on("notify", ({ contentType, body }) => body && this.emit("notify", { contentType, body }));
    this.#subscription.on("ended", ({ reason }) => this.emit("unsubscribed", { reason }));
    // Fulfilled by the first answer or NOTIFY, which the other page has yet to give.
    this.#subscription.active.catch((error) => this.emit("unsubscribed", { reason: error.message }));
  }

  unsubscribe() { return this.#subscription.unsubscribe(); }

  admit(contentType, body) { return this.#notifier.accept({ contentType, body }); }
  notify(contentType, body) { return this.#notifier.notify({ contentType, body }); }
  terminate(reason) { return this.#notifier.terminate(reason); }

  async transfer(to) {
    const { done } = await this.#call.transfer(to);
    await done;
  }

  transferTo(line) { return this.transfer(this.#calls[line]); }

  addVideo() { return this.#call.addVideo(); }
  stopVideo() { return this.#call.stopVideo(); }
  removeVideo() { return this.#call.removeVideo(); }

  refresh() { return this.#call.refresh(); }

  /** Goes on with the call that the page had before it was loaded again. */
  restore() { this.#take(this.#ua.restore(JSON.parse(sessionStorage.getItem(KEPT)))); }

  async conference() { this.#conference = await this.#ua.conference(...this.#calls); }
  endConference() { return this.#conference.end(); }
  dropFromConference(line) { return this.#conference.drop(this.#calls[line]); }

  #take(call) {
    const line = this.line();
    this.#calls.push(call);
    const emit = (name, detail) => this.emit(name, { line, ...detail });
    call.on("ringing", ({ status, earlyMedia }) => emit("ringing", { status, earlyMedia }));
    call.on("answered", async () => {
      await this.listen(line);
      emit("answered");
    });
    this.#holds = [];
    for (const event of ["held", "resumed"]) {
      call.on(event, ({ by }) => {
        this.#holds.push(`${event} by ${by}`);
        if (by === "remote") emit(event);
      });
    }
    call.on("referred", async (referral) => { this.#take(await referral.accept()); });
    call.on("replaced", () => emit("replaced"));
    call.on("recovering", ({ why, offering }) => emit("recovering", { why, offering }));
    call.on("recovered", ({ error }) => emit("recovered", { error: error?.message }));
    call.on("refreshed", ({ interval, byUs }) => emit("refreshed", { interval, byUs }));
    call.on("snapshot", (snapshot) => sessionStorage.setItem(KEPT, JSON.stringify(snapshot)));
    call.on("ended", ({ by, status = 0, error }) => emit("ended", { by, status, cause: error?.message }));
    return line;
  }
}
