import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";
import { Phone } from "./phone.mjs";

const MEDIA = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };

export default class SIPjsPhone extends Phone {
  #ua;
  #registerer;
  #domain;
  #session;
  #end;

  get peerConnection() { return this.#session?.sessionDescriptionHandler?.peerConnection; }

  async register({ uri, servers: [server], username, password }) {
    const address = UserAgent.makeURI(uri);
    this.#domain = address.host;
    this.#ua = new UserAgent({
      uri: address,
      transportOptions: { server },
      authorizationUsername: username,
      authorizationPassword: password,
      logLevel: "error",
      // The default asks a public STUN server.
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (invitation) => {
          this.#take(invitation);
          invitation.delegate.onCancel = () => { this.#end = { by: "remote", status: 487 }; };
          this.emit("incoming", { from: invitation.remoteIdentity.uri.user });
        },
      },
    });
    await this.#ua.start();
    this.#registerer = new Registerer(this.#ua);
    await this.#registration("register", RegistererState.Registered);
  }

  unregister() { return this.#registration("unregister", RegistererState.Unregistered); }

  async call(user) {
    const inviter = new Inviter(this.#ua, UserAgent.makeURI(`sip:${user}@${this.#domain}`), MEDIA);
    this.#take(inviter);
    await inviter.invite({
      requestDelegate: {
        onProgress: ({ message }) => { if (message.statusCode > 100) this.emit("ringing"); },
        onReject: ({ message }) => { this.#end = { by: "remote", status: message.statusCode }; },
      },
    });
  }

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

  #take(session) {
    this.#session = session;
    this.#end = { by: "local", status: 0 };
    session.delegate = {
      onBye: (bye) => {
        this.#end = { by: "remote", status: 0 };
        return bye.accept(); // a delegate has to do it
      },
    };
    session.stateChange.addListener(async (state) => {
      if (state === SessionState.Established) {
        await this.listen();
        this.emit("answered");
      }
      // onBye and onReject come after the change of state
      if (state === SessionState.Terminated) queueMicrotask(() => this.emit("ended", this.#end));
    });
  }

  #registration(verb, state) {
    return new Promise((resolve, reject) => {
      this.#registerer.stateChange.addListener((now) => { if (now === state) resolve(); });
      this.#registerer[verb]({
        requestDelegate: { onReject: ({ message }) => reject(new Error(`${message.statusCode} ${message.reasonPhrase}`)) },
      }).catch(reject);
    });
  }

  #reinvite(hold) {
    return new Promise((resolve, reject) => {
      this.#session.invite({
        sessionDescriptionHandlerOptions: { ...MEDIA.sessionDescriptionHandlerOptions, hold },
        requestDelegate: {
          onAccept: () => resolve(),
          onReject: ({ message }) => reject(new Error(`${message.statusCode} ${message.reasonPhrase}`)),
        },
      }).catch(reject);
    });
  }
}
