import { UserAgent } from "sipwasm";
import { Phone } from "./phone.mjs";

export default class SipwasmPhone extends Phone {
  tellsRemoteHold = true;
  playsAudio = true;
  #ua;
  #call;

  get peerConnection() { return this.#call?.peerConnection; }

  async register({ uri, server, username, password }) {
    this.#ua = await UserAgent.create({ uri, servers: [server], credentials: { username, password } });
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
  dtmf(tones) { return this.#call.sendDTMF(tones, { duration: 250, gap: 100 }); }

  #take(call) {
    this.#call = call;
    call.on("ringing", () => this.emit("ringing"));
    call.on("answered", async () => {
      await this.listen();
      this.emit("answered");
    });
    call.on("held", ({ by }) => { if (by === "remote") this.emit("held"); });
    call.on("resumed", ({ by }) => { if (by === "remote") this.emit("resumed"); });
    call.on("ended", ({ by, status = 0, error }) => this.emit("ended", { by, status, cause: error?.message }));
  }
}
