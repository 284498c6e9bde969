import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";
import { Phone } from "./phone.mjs";

const MEDIA = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };

export default class SIPjsPhone extends Phone {
  stopsVideo = false;
  #ua;
  #registerer;
  #domain;
  #sessions = []; // by line

  get #session() { return this.#sessions[this.selected]; }
  connectionOf(line) { return this.#sessions[line]?.sessionDescriptionHandler?.peerConnection; }

  async register({ uri, servers: [server], username, password }) {
    const address = UserAgent.makeURI(uri);
    this.#domain = address.host;
    this.#ua = new UserAgent({
      uri: address,
      transportOptions: { server },
      authorizationUsername: username,
      authorizationPassword: password,
      logLevel: "error",
      sipExtensionReplaces: "Supported",
      // The default asks a public STUN server.
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (invitation) => {
          const { line, ends } = this.#take(invitation);
          invitation.delegate.onCancel = () => ends("remote", 487);
          if (invitation.replacee) invitation.accept(MEDIA);
          else this.emit("incoming", { line, from: invitation.remoteIdentity.uri.user });
        },
      },
    });
    await this.#ua.start();
    this.#registerer = new Registerer(this.#ua);
    await this.#registration("register", RegistererState.Registered);
  }

  unregister() { return this.#registration("unregister", RegistererState.Unregistered); }

  async call(user) { await this.#invite(new Inviter(this.#ua, this.#address(user), MEDIA)); }
  progress() { return this.#session.progress({ statusCode: 183, ...MEDIA }); }
  accept() { return this.#session.accept(MEDIA); }
  reject() { return this.#session.reject({ statusCode: 486 }); }
  hold() { return this.#reinvite(true); }
  resume() { return this.#reinvite(false); }

  async hangup() {
    if (this.#session.state === SessionState.Established) await this.#session.bye();
    else await this.#session.cancel();
  }

  dtmf(tones) {
    if (!this.#session.sessionDescriptionHandler.sendDtmf(tones, { duration: 250, interToneGap: 100 })) {
      throw new Error("SIP.js did not send the tones");
    }
  }

  transfer(user) { return this.#refer(this.#address(user)); }
  transferTo(line) { return this.#refer(this.#sessions[line]); }

  addVideo() { return this.#reinvite(false, { constraints: { audio: true, video: true } }); }

  #address(user) { return UserAgent.makeURI(`sip:${user}@${this.#domain}`); }

  async #invite(inviter) {
    const { line, ends } = this.#take(inviter);
    await inviter.invite({
      requestDelegate: {
        onProgress: ({ message }) => { if (message.statusCode > 100) this.emit("ringing", { line }); },
        onReject: ({ message }) => ends("remote", message.statusCode),
      },
    });
  }

  #take(session) {
    const line = this.line();
    this.#sessions.push(session);
    let end = { by: "local", status: 0 };
    const ends = (by, status) => { end = { by, status }; };
    session.delegate = {
      onBye: (bye) => {
        ends("remote", 0);
        return bye.accept(); // a delegate has to do it
      },
      onRefer: async (referral) => {
        await referral.accept();
        await this.#invite(referral.makeInviter(MEDIA));
      },
    };
    session.stateChange.addListener(async (state) => {
      if (state === SessionState.Established) {
        await this.listen(line);
        this.emit("answered", { line });
      }
      // onBye and onReject come after the change of state
      if (state === SessionState.Terminated) queueMicrotask(() => this.emit("ended", { line, ...end }));
    });
    return { line, ends };
  }

  async #refer(to) {
    const session = this.#session;
    await new Promise((resolve, reject) => {
      session.refer(to, {
        requestDelegate: { onReject: ({ message }) => reject(new Error(`SIP.js's transfer was refused: ${message.statusCode}`)) },
        onNotify: async (notification) => {
          await notification.accept();
          const status = Number(/^SIP\/2\.0 (\d+)/.exec(notification.request.body)?.[1]);
          if (status >= 300) reject(new Error(`SIP.js's transfer failed: ${status}`));
          else if (status >= 200) resolve();
        },
      }).catch(reject);
    });
    for (const each of [session, to]) if (each.state === SessionState.Established) await each.bye();
  }

  #registration(verb, state) {
    return new Promise((resolve, reject) => {
      this.#registerer.stateChange.addListener((now) => { if (now === state) resolve(); });
      this.#registerer[verb]({
        requestDelegate: { onReject: ({ message }) => reject(new Error(`${message.statusCode} ${message.reasonPhrase}`)) },
      }).catch(reject);
    });
  }

  #reinvite(hold, more = {}) {
    return new Promise((resolve, reject) => {
      this.#session.invite({
        sessionDescriptionHandlerOptions: { ...MEDIA.sessionDescriptionHandlerOptions, hold, ...more },
        requestDelegate: {
          onAccept: () => resolve(),
          onReject: ({ message }) => reject(new Error(`${message.statusCode} ${message.reasonPhrase}`)),
        },
      }).catch(reject);
    });
  }
}
