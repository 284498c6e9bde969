export { Call } from "./call.js";
export type { AcceptOptions, AudioOptions, CallOptions, DTMFOptions, MediaOptions, Waiting } from "./call.js";
export type { Binding, ConnectionOptions, Push, RegistrationOptions, Server } from "./connection.js";
export type { Challenge, Credentials, HA1 } from "./credentials.js";
export { SipError } from "./errors.js";
export type { ErrorCode, SipErrorDetails } from "./errors.js";
export type {
  CallEvents, CallState, Direction, EndedEvent, Identity, Party, TraceMessage, UserAgentEvents,
} from "./events.js";
export type { Host, NetworkEvents } from "./host.js";
export { load } from "./load.js";
export type { LoadOptions, WasmSource } from "./load.js";
export { UserAgent } from "./user_agent.js";
export type { UserAgentOptions } from "./user_agent.js";
export { VERSION } from "./version.js";
