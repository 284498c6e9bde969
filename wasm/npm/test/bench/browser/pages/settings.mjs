// What each page is told in its address: ?user=1001&domain=…&password=…&server=ws://…, and &stun=… to have a STUN server.
const { user, domain, password, server, stun } = Object.fromEntries(new URLSearchParams(location.search));

export { domain, password, server };
export const uri = `sip:${user}@${domain}`;
export const iceServers = stun ? [{ urls: stun }] : [];

/** What a page is to do with the sound of the other side. */
export function play(stream) {
  document.querySelector("audio").srcObject = stream;
}
