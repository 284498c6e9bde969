import JsSIP from "jssip";
import { Phone } from "./phone.mjs";

const MEDIA = { mediaConstraints: { audio: true, video: false } };

export default class JsSIPPhone extends Phone {
  tellsRemoteHold = true;
  #ua;
  #session;

  get peerConnection() { return this.#session?.connection; }

  register({ uri, server, username, password }) {
    this.#ua = new JsSIP.UA({ uri, sockets: [new JsSIP.WebSocketInterface(server)], authorization_user: username, password });
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

  #take(session, originator) {
    this.#session = session;
    session.on("progress", (e) => { if (e.originator === "remote") this.emit("ringing"); });
    session.on("confirmed", async () => {
      await this.listen();
      this.emit("answered");
    });
    session.on("hold", (e) => { if (e.originator === "remote") this.emit("held"); });
    session.on("unhold", (e) => { if (e.originator === "remote") this.emit("resumed"); });
    const ended = (e) => this.emit("ended", { by: e.originator, status: e.message?.status_code ?? 0, cause: e.cause });
    session.on("ended", ended);
    session.on("failed", ended);
    if (originator === "remote") this.emit("incoming", { from: session.remote_identity.uri.user });
  }

  #reinvite(verb) {
    return new Promise((resolve, reject) => {
      if (!this.#session[verb]({}, resolve)) reject(new Error(`JsSIP is not ready to ${verb}`));
    });
  }
}
