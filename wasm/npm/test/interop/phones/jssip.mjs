import JsSIP from "jssip";
import { Phone } from "./phone.mjs";

const MEDIA = { mediaConstraints: { audio: true, video: false } };

export default class JsSIPPhone extends Phone {
  tellsRemoteHold = true;
  #ua;
  #sessions = []; // by line
  #subscriber;
  #notifier;
  #subscribe;

  get #session() { return this.#sessions[this.selected]; }
  connectionOf(line) { return this.#sessions[line]?.connection; }

  /** `options` are those of the user agent. */
  register({ uri, servers, username, password, options }) {
    const sockets = servers.map((server) => ({
      socket: new JsSIP.WebSocketInterface(server.url ?? server),
      weight: server.priority === undefined ? 0 : 10 - server.priority,
    }));
    this.#ua = new JsSIP.UA({ uri, sockets, authorization_user: username, password, ...options });
    this.#ua.on("registered", () => this.emit("registered"));
    this.#ua.on("disconnected", () => this.emit("disconnected"));
    this.#ua.on("newMessage", ({ originator, request }) => {
      if (originator !== "remote") return;
      this.emit("message", { from: request.from.uri.user, contentType: request.getHeader("Content-Type"), body: request.body });
    });
    this.#ua.on("newSubscribe", ({ event, request }) => {
      this.#subscribe = request;
      this.emit("subscriber", { from: request.from.uri.user, event: event.event });
    });
    this.#ua.on("newRTCSession", ({ session, originator }) => this.#take(session, originator));
    return new Promise((resolve, reject) => {
      this.#ua.once("registered", () => resolve());
      this.#ua.once("registrationFailed", ({ cause }) => reject(new Error(cause)));
      this.#ua.start();
    });
  }

  unregister() {
    return new Promise((resolve) => {
      this.#ua.once("unregistered", () => resolve());
      this.#ua.unregister();
    });
  }

  call(user) { this.#ua.call(user, MEDIA); }
  accept() { this.#session.answer(MEDIA); }
  reject() { this.#session.terminate({ status_code: 486 }); }
  hangup() { this.#session.terminate(); }
  hold() { return this.#reinvite("hold"); }
  resume() { return this.#reinvite("unhold"); }

  dtmf(tones) {
    this.#session.sendDTMF(tones, { duration: 250, interToneGap: 100, transportType: "RFC2833" });
  }

  gruu() { return this.#ua.contact.pub_gruu; }

  message(user, text) {
    return new Promise((resolve, reject) => {
      const eventHandlers = { succeeded: () => resolve(), failed: ({ cause }) => reject(new Error(cause)) };
      this.#ua.sendMessage(user, text, { eventHandlers });
    });
  }

  subscribe(user, event, type) {
    this.#subscriber = this.#ua.subscribe(user, event, type, {});
    this.#subscriber.on("notify", (_final, _request, body, contentType) => this.emit("notify", { contentType, body }));
    this.#subscriber.on("terminated", (code, reason) => this.emit("unsubscribed", { reason: reason ?? `code ${code}` }));
    this.#subscriber.subscribe();
  }

  unsubscribe() { this.#subscriber.terminate(); }

  admit(type, body) {
    const notifier = this.#ua.notify(this.#subscribe, type, {});
    this.#notifier = notifier;
    notifier.on("subscribe", (ends) => {
      // The last NOTIFY is the application's to send.
      if (ends) notifier.terminate(null, "timeout");
      else notifier.notify(body);
    });
    notifier.on("terminated", () => this.emit("subscriberGone"));
    notifier.start();
  }

  notify(_type, body) { this.#notifier.notify(body); }
  terminate(reason) { this.#notifier.terminate(null, reason); }

  transfer(user) { return this.#refer(user); }

  transferTo(line) {
    const replaces = this.#sessions[line];
    return this.#refer(replaces.remote_identity.uri.toString(), { replaces });
  }

  async addVideo() {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    this.peerConnection.addTrack(stream.getVideoTracks()[0], stream);
    await this.#renegotiate();
  }

  async stopVideo() {
    const sender = this.peerConnection.getSenders().find(({ track }) => track?.kind === "video");
    sender.track.stop();
    this.peerConnection.removeTrack(sender);
    await this.#renegotiate();
  }

  #take(session, originator) {
    const line = this.line();
    this.#sessions.push(session);
    const emit = (name, detail) => this.emit(name, { line, ...detail });
    session.on("progress", (e) => { if (e.originator === "remote") emit("ringing"); });
    session.on("confirmed", async () => {
      await this.listen(line);
      emit("answered");
    });
    session.on("hold", (e) => { if (e.originator === "remote") emit("held"); });
    session.on("unhold", (e) => { if (e.originator === "remote") emit("resumed"); });
    session.on("refer", ({ accept }) => accept(null, MEDIA));
    // The new session is there before newRTCSession tells of it, and may be answered only after that.
    session.on("replaces", ({ accept }) => accept((other) => queueMicrotask(() => other.answer(MEDIA))));
    const ended = (e) => emit("ended", { by: e.originator, status: e.message?.status_code ?? 0, cause: e.cause });
    session.on("ended", ended);
    session.on("failed", ended);
    if (originator === "remote") emit("incoming", { from: session.remote_identity.uri.user });
  }

  async #refer(target, options = {}) {
    const session = this.#session;
    await new Promise((resolve, reject) => {
      const failed = (e) => reject(new Error(`JsSIP's transfer failed: ${e.cause ?? e.status_line?.status_code}`));
      const subscriber = session.refer(target, options);
      subscriber.on("accepted", resolve);
      subscriber.on("failed", failed);
      subscriber.on("requestFailed", failed);
    });
    for (const each of [session, options.replaces]) if (each && !each.isEnded()) each.terminate();
  }

  #renegotiate() {
    return new Promise((resolve, reject) => {
      if (!this.#session.renegotiate({}, resolve)) reject(new Error("JsSIP is not ready to renegotiate"));
    });
  }

  #reinvite(verb) {
    return new Promise((resolve, reject) => {
      if (!this.#session[verb]({}, resolve)) reject(new Error(`JsSIP is not ready to ${verb}`));
    });
  }
}
