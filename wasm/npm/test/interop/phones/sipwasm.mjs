import { UserAgent } from "sipwasm";
import { Phone } from "./phone.mjs";

export default class SipwasmPhone extends Phone {
  tellsRemoteHold = true;
  playsAudio = true;
  #ua;
  #call;
  #gruu;
  #subscription;
  #notifier;
  #holds = [];

  get peerConnection() { return this.#call?.peerConnection; }

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
      this.#take(call);
      this.emit("incoming", { from: call.remote.user });
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

  #take(call) {
    this.#call = call;
    call.on("ringing", ({ status, earlyMedia }) => this.emit("ringing", { status, earlyMedia }));
    call.on("answered", async () => {
      await this.listen();
      this.emit("answered");
    });
    this.#holds = [];
    for (const event of ["held", "resumed"]) {
      call.on(event, ({ by }) => {
        this.#holds.push(`${event} by ${by}`);
        if (by === "remote") this.emit(event);
      });
    }
    call.on("ended", ({ by, status = 0, error }) => this.emit("ended", { by, status, cause: error?.message }));
  }
}
