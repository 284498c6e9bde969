// The least that registers, makes calls and takes them. The other pages of this folder do the same, each as its library
// is meant to be used and with its defaults.
import { UserAgent } from "sipwasm";
import { domain, iceServers, password, server, uri } from "./settings.mjs";

const ua = await UserAgent.create({ uri, servers: [server], credentials: { password }, ice: { servers: iceServers }, audio: document.querySelector("audio") });
ua.on("incoming", (call) => void call.accept());
await ua.register();

window.phone = {
  call(user) {
    const call = ua.call(`sip:${user}@${domain}`);
    return { answered: call.answered, ended: call.ended, hangup: () => call.hangup() };
  },
};
