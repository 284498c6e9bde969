import { Speaker, type Blocked } from "./audio.js";
import type { MediaOptions } from "./call_options.js";
import { constraintsOf, isStream, type DeviceList, type DeviceUser, type Devices, type Source } from "./devices.js";
import type { Emitter } from "./emitter.js";
import { SipError } from "./errors.js";
import type { CallEvents } from "./events.js";
import type { Host } from "./host.js";
import { Meter } from "./meter.js";
import { isObject } from "./options.js";
import { Recording, type RecordOptions } from "./recording.js";
import { soundOf } from "./sound.js";

/** @internal What the calls of one user agent have in common. */
export interface MediaPage {
  readonly host: Host;
  readonly devices: Devices;
  /** Another microphone takes the place of one that is unplugged. */
  readonly microphoneFallback: boolean;
}

/** How a call has another microphone or camera. */
interface Verbs {
  microphone(media: MediaOptions): Promise<void>;
  camera(): Promise<void>;
}

/** @internal What a call sends and receives, and where it is heard. */
export class CallMedia implements DeviceUser {
  readonly #events: Emitter<CallEvents>;
  readonly #page: MediaPage;
  readonly #verbs: Verbs;
  /** What Go was told last. */
  #media: MediaOptions | undefined;
  /** Go was told to make it. */
  #used = false;
  /** The application wants this microphone for this call. */
  #own = false;
  /** The microphone has gone, and another one is taken as soon as there is one. */
  #bereft = false;
  #peerConnection: RTCPeerConnection | undefined;
  #localStream: MediaStream | undefined;
  #remoteStream: MediaStream | undefined;
  #sending: MediaStreamTrack | undefined;
  #audio: HTMLAudioElement | false | undefined;
  #speaker: Speaker | undefined;
  #unwatch = () => {};
  #unmeter: (() => void) | undefined;
  readonly #recordings = new Set<Recording>();
  #over = false;
  /** The camera of the user agent is sent. */
  sendsCamera = false;

  constructor(events: Emitter<CallEvents>, audio: HTMLAudioElement | false | undefined, page: MediaPage, verbs: Verbs) {
    this.#events = events;
    this.#audio = audio;
    this.#page = page;
    this.#verbs = verbs;
  }

  get peerConnection(): RTCPeerConnection | undefined { return this.#peerConnection; }
  get localStream(): MediaStream | undefined { return this.#localStream; }
  get remoteStream(): MediaStream | undefined { return this.#remoteStream; }

  /** What Go is to make the media of: what the application has said, and what is chosen where it has not. */
  use(given: MediaOptions | undefined, audio?: HTMLAudioElement | false): { media?: MediaOptions } {
    if (audio !== undefined) this.#audio = audio;
    if (this.#used && !given) return {}; // Go has it
    this.#used = true;
    if (given) this.#own = given.stream !== undefined || isObject(given.constraints?.audio);
    this.#media = this.#own ? given ?? this.#media : this.#page.devices.mediaFor(given ?? this.#media);
    return this.#media ? { media: this.#media } : {};
  }

  get follows(): boolean { return !this.#own; }

  /** Another microphone, now or when the media is made. */
  async useMicrophone(source: Source | null, by: "call" | "devices" = "devices"): Promise<void> {
    await this.#change(source, "chosen");
    this.#own = by === "call";
  }

  async #change(source: Source | null, why: CallEvents["microphone"]["why"]): Promise<void> {
    const { rtcConfiguration, constraints } = this.#media ?? {};
    const kept = rtcConfiguration && { rtcConfiguration };
    const media = isStream(source)
      ? { ...kept, stream: source }
      : { ...kept, constraints: { ...constraints, audio: source === null ? true : constraintsOf(source) } };
    if (this.#used) await this.#verbs.microphone(media); // which waits for the media that is being made
    this.#media = media;
    this.#bereft = false;
    const track = soundOfStream(this.#localStream);
    if (track) this.#events.emit("microphone", { why, id: track.getSettings().deviceId ?? "", label: track.label });
  }

  async useCamera(): Promise<void> {
    if (this.sendsCamera) await this.#verbs.camera();
  }

  async useSpeaker(id: string): Promise<void> {
    await this.#speaker?.through(id);
  }

  plugged({ microphones }: DeviceList): void {
    if (this.#bereft && microphones.length > 0) this.#change(null, "found").catch(() => {}); // not that one either
  }

  get #ownsLocalStream(): boolean { return !isObject(this.#media?.stream); }

  useLocalStream(stream: MediaStream): void {
    this.#unwatch();
    this.#localStream = stream;
    const track = soundOfStream(stream);
    const ended = () => void this.#lost();
    track?.addEventListener("ended", ended); // browsers fire it when the device is gone, not for stop()
    this.#unwatch = () => track?.removeEventListener("ended", ended);
    this.#events.emit("localstream", { stream });
  }

  /** The microphone has been unplugged, or its permission taken back. */
  async #lost(): Promise<void> {
    const given = !this.#ownsLocalStream;
    let cause: unknown;
    if (!given && this.#page.microphoneFallback) {
      this.#bereft = true;
      await this.#change(this.#withoutDevice(), "lost").catch((error: unknown) => { cause = error; });
      if (!this.#bereft || this.#over) return;
    }
    const what = given ? "the track that the application gave has ended: give another one with useMicrophone"
      : this.#bereft ? "the microphone is gone, and no other one can be used: the call takes the next one that is plugged in"
      : "the microphone is gone: choose another one with useMicrophone";
    this.#events.emit("microphoneended", { error: new SipError("media-ended", `call: ${what}`, cause === undefined ? {} : { cause }) });
  }

  /** What the application wants of any microphone, such as no echo cancellation. */
  #withoutDevice(): MediaTrackConstraints | null {
    const audio = this.#media?.constraints?.audio;
    if (!isObject(audio)) return null;
    const { deviceId: _, groupId: __, ...rest } = audio as MediaTrackConstraints;
    return rest;
  }

  /** The track of sound that is sent instead. */
  useSending(track: MediaStreamTrack): void {
    this.#sending = track;
    this.#told();
  }

  usePeerConnection(peerConnection: RTCPeerConnection): void {
    // A call that is made anew, over the next connection or at the next address, has another one, and the old tracks are silent.
    for (const track of this.#remoteStream?.getTracks() ?? []) this.#remoteStream?.removeTrack(track);
    this.#peerConnection = peerConnection;
    this.#sending = undefined;
    peerConnection.addEventListener("track", ({ track }) => this.#addRemoteTrack(track));
    // An offer may have been applied already, and its track events are gone then.
    if (peerConnection.remoteDescription) {
      for (const { track } of peerConnection.getReceivers()) this.#addRemoteTrack(track);
    }
    this.#events.emit("peerconnection", { peerConnection });
  }

  /** Collects the tracks in one stream of our own: the browser's streams come and go with hold and resume. */
  #addRemoteTrack(track: MediaStreamTrack): void {
    if (this.#over) return;
    if (this.#remoteStream) {
      this.#remoteStream.addTrack(track); // does nothing when the track is in it already
      this.#told();
      return;
    }
    const stream = (this.#remoteStream = new MediaStream([track]));
    this.#speaker = new Speaker(this.#audio, (blocked) => this.blocked(blocked));
    const { calls } = this.#page.devices.outputs;
    if (calls) void this.#speaker.through(calls).catch(() => {}); // it has gone meanwhile: the default plays
    this.#speaker.play(stream);
    this.#events.emit("remotestream", { stream });
    this.#told();
  }

  blocked(blocked: Blocked): void {
    this.#events.emit("autoplayBlocked", blocked);
  }

  /** What is sent: a copy that is switched off while the call is muted, the mix of a conference. */
  get #sent(): MediaStreamTrack | undefined {
    return this.#sending ?? this.#peerConnection?.getSenders().find(({ track }) => track?.kind === "audio")?.track ?? undefined;
  }

  get #received(): MediaStreamTrack | undefined { return soundOfStream(this.#remoteStream); }

  /** Begins and ends the metering with its listeners. */
  meter(): void {
    const wanted = !this.#over && this.#events.count("level") > 0;
    if (!wanted) {
      this.#unmeter?.();
      this.#unmeter = undefined;
    }
    if (!wanted || this.#unmeter) return;
    const sound = soundOf(this.#page.host, "level");
    const context = sound.open();
    const [local, remote] = [new Meter(context, this.#page.host), new Meter(context, this.#page.host)];
    const timer = setInterval(() => this.#events.emit("level", {
      local: local.read(this.#sent, false), remote: remote.read(this.#received, true),
    }), 100);
    this.#unmeter = () => {
      clearInterval(timer);
      local.close();
      remote.close();
      sound.close();
    };
  }

  async record(options: RecordOptions): Promise<Recording> {
    const recording = await Recording.start(this.#page.host, options, () => this.#recordings.delete(recording));
    this.#recordings.add(recording);
    this.#told();
    if (this.#over) void recording.stop();
    return recording;
  }

  /** What is sent and received may be other tracks by now. */
  #told(): void {
    for (const recording of this.#recordings) recording.hear({ sent: this.#sent, received: this.#received });
  }

  end(): void {
    this.#over = true;
    this.#speaker?.stop();
    this.#unwatch();
    this.meter();
    for (const recording of this.#recordings) void recording.stop();
  }

  /** Does what Go cannot any more. */
  exit(): void {
    if (this.#ownsLocalStream) this.#localStream?.getTracks().forEach((track) => track.stop());
    this.#peerConnection?.close();
  }
}

const soundOfStream = (stream: MediaStream | undefined) => stream?.getTracks().find(({ kind }) => kind === "audio");
