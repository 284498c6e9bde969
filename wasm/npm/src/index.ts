export { Call } from "./call.js";
export type {
  AcceptOptions, AudioOptions, CallOptions, CallsOptions, Description, DTMFOptions, HangupOptions, HeaderList, MediaOptions, ProgressOptions,
  Rejection, Reliable, RestoreOptions, SessionTimer, TransferOptions, VideoOptions, Waiting,
} from "./call_options.js";
export type {
  Caller, CallSnapshot, Diversion, Fork, HistoryEntry, IdentityToken, InfoUri, Reason, RemoteParty, Replaces, Stream, UserToUser,
} from "./call_values.js";
export type { Cadence, ToneCountry, Tones } from "./cadences.js";
export { Conference } from "./conference.js";
export type { Binding, ConnectionOptions, Push, RegistrationOptions, Server } from "./connection.js";
export type { Content, ReceivedContent } from "./content.js";
export type { Challenge, Credentials, HA1 } from "./credentials.js";
export { Devices } from "./devices.js";
export type { Device, DeviceList, DevicesEvents, Source } from "./devices.js";
export { SipError } from "./errors.js";
export type { ErrorCode, SipErrorDetails } from "./errors.js";
export type {
  CallEvents, CallState, Direction, EndedEvent, Identity, Party, TraceMessage, UserAgentEvents,
} from "./events.js";
export type { Host, NetworkEvents } from "./host.js";
export type { IceGathering, IceOptions } from "./ice.js";
export type {
  ConferenceEndpoint, ConferenceInfo, ConferenceMedia, ConferenceUser, DialogInfo, DialogParty, DialogState, DocumentState, EventValues,
  MessageCount, MessageSummary, NotifyEvent, Pair, Presence, PresenceNote, PresenceTuple, RegistrationContact, RegistrationInfo,
} from "./event_values.js";
export { load } from "./load.js";
export type { LoadOptions, WasmSource } from "./load.js";
export type { Capabilities, InfoOptions, MessageOptions, MessagingOptions } from "./messaging.js";
export { meter } from "./meter.js";
export type { MeterOptions } from "./meter.js";
export { Notifier } from "./notifier.js";
export type { NotifierEvents, NotifierOptions, NotifierState } from "./notifier.js";
export { pidf } from "./pidf.js";
export type { PresenceDocument } from "./pidf.js";
export { Publication } from "./publication.js";
export type { PublicationEvents, PublishOptions } from "./publication.js";
export type {
  QualityBounds, QualityLevel, QualityOptions, QualityReportOptions, QualitySample, QualityThresholds, ReceivedQuality, StreamQuality,
} from "./quality.js";
export type { QualitySummary, ReceivedSummary, Spread, StreamSummary } from "./quality_summary.js";
export { Recording } from "./recording.js";
export type { RecordingEvents, RecordOptions } from "./recording.js";
export { Referral } from "./referral.js";
export type { ReferralEvents } from "./referral.js";
export type { CandidatePair, CandidateType } from "./rtp_stats.js";
export { Subscription } from "./subscription.js";
export type { SubscribeOptions, SubscriptionEvents, SubscriptionState } from "./subscription.js";
export { Transfer } from "./transfer.js";
export type { TransferEvents, TransferOutcome } from "./transfer.js";
export { UserAgent } from "./user_agent.js";
export type { UserAgentOptions } from "./user_agent.js";
export { VERSION } from "./version.js";
