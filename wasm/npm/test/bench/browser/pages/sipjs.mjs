import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";
import { domain, iceServers, password, play, server, uri } from "./settings.mjs";

const options = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };
const address = UserAgent.makeURI(uri);

const ua = new UserAgent({
  uri: address, transportOptions: { server }, authorizationUsername: address.user, authorizationPassword: password,
  sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers } }, // the default asks a public server
  logLevel: "error",
  delegate: {
    onInvite(invitation) {
      listen(invitation);
      void invitation.accept(options);
    },
  },
});
await ua.start();
const registerer = new Registerer(ua);
registerer.stateChange.addListener((state) => {
  if (state !== RegistererState.Registered) return;
  window.phone ??= {
    call(user) {
      const inviter = new Inviter(ua, UserAgent.makeURI(`sip:${user}@${domain}`), options);
      const states = listen(inviter);
      void inviter.invite();
      return { ...states, hangup: () => inviter.bye() };
    },
  };
});
await registerer.register();

function listen(session) {
  const reached = (wanted) => new Promise((resolve) => session.stateChange.addListener((state) => { if (state === wanted) resolve(); }));
  const answered = reached(SessionState.Established).then(() => play(session.sessionDescriptionHandler.remoteMediaStream));
  return { answered, ended: reached(SessionState.Terminated) };
}
