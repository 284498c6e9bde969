// A STUN server (RFC 8489) that says to everybody that they come from 198.51.100.7, as one behind whose NAT they were.

import { createSocket } from "node:dgram";

const BINDING_REQUEST = 0x0001, BINDING_SUCCESS = 0x0101, XOR_MAPPED_ADDRESS = 0x0020, MAGIC = 0x2112a442;

/** The binding response to a binding request, undefined for anything else. */
function answer(request) {
  if (request.length < 20 || request.readUInt16BE(0) !== BINDING_REQUEST || request.readUInt32BE(4) !== MAGIC) return undefined;
  const response = Buffer.alloc(32);
  response.writeUInt16BE(BINDING_SUCCESS, 0);
  response.writeUInt16BE(12, 2);
  request.copy(response, 4, 4, 20);
  response.writeUInt16BE(XOR_MAPPED_ADDRESS, 20);
  response.writeUInt16BE(8, 22);
  response.writeUInt16BE(1, 24); // IPv4
  response.writeUInt16BE(40000 ^ (MAGIC >>> 16), 26);
  response.writeUInt32BE((0xc6336407 ^ MAGIC) >>> 0, 28);
  return response;
}

/** @returns `address` ("127.0.0.1:port") and `stop()` */
export async function startStun() {
  const socket = createSocket("udp4");
  socket.on("message", (message, { port, address }) => {
    const response = answer(message);
    if (response) socket.send(response, port, address);
  });
  await new Promise((resolve) => { socket.bind(0, "127.0.0.1", resolve); });
  return { address: `127.0.0.1:${socket.address().port}`, stop: () => new Promise((resolve) => { socket.close(resolve); }) };
}
