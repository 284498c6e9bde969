import JsSIP from "jssip";
import { domain, iceServers, password, play, server, uri } from "./settings.mjs";

const options = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers } };

const ua = new JsSIP.UA({ uri, password, sockets: [new JsSIP.WebSocketInterface(server)] });
ua.on("newRTCSession", ({ session, originator }) => {
  session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
  if (originator === "remote") session.answer(options);
});
ua.on("registered", () => {
  window.phone ??= {
    call(user) {
      const session = ua.call(`sip:${user}@${domain}`, options);
      listen(session.connection);
      return {
        answered: new Promise((resolve, reject) => {
          session.on("confirmed", resolve);
          session.on("failed", ({ cause }) => reject(new Error(cause)));
        }),
        ended: new Promise((resolve) => session.on("ended", resolve)),
        hangup: () => session.terminate(),
      };
    },
  };
});
ua.start();

function listen(peerConnection) {
  peerConnection?.addEventListener("track", ({ streams: [stream] }) => play(stream));
}
