import { Speaker } from "./audio.js";
import type { Emitter } from "./emitter.js";
import type { CallEvents } from "./events.js";
import type { MediaOptions } from "./call_options.js";

/** @internal What a call sends and receives, and where it is heard. */
export class CallMedia {
  readonly #events: Emitter<CallEvents>;
  #ownsLocalStream = true;
  #peerConnection: RTCPeerConnection | undefined;
  #localStream: MediaStream | undefined;
  #remoteStream: MediaStream | undefined;
  #audio: HTMLAudioElement | false | undefined;
  #speaker: Speaker | undefined;
  #over = false;

  constructor(events: Emitter<CallEvents>, audio: HTMLAudioElement | false | undefined) {
    this.#events = events;
    this.#audio = audio;
  }

  get peerConnection(): RTCPeerConnection | undefined { return this.#peerConnection; }
  get localStream(): MediaStream | undefined { return this.#localStream; }
  get remoteStream(): MediaStream | undefined { return this.#remoteStream; }

  /** What the application gives before the media is made. */
  use(media: MediaOptions | undefined, audio?: HTMLAudioElement | false): void {
    if (audio !== undefined) this.#audio = audio;
    if (media) this.#ownsLocalStream = media.stream === undefined;
  }

  useLocalStream(stream: MediaStream): void {
    this.#localStream = stream;
    this.#events.emit("localstream", { stream });
  }

  usePeerConnection(peerConnection: RTCPeerConnection): void {
    // A call that is made anew, over the next connection or at the next address, has another one, and the old tracks are silent.
    for (const track of this.#remoteStream?.getTracks() ?? []) this.#remoteStream?.removeTrack(track);
    this.#peerConnection = peerConnection;
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
      return;
    }
    const stream = (this.#remoteStream = new MediaStream([track]));
    this.#speaker = new Speaker(this.#audio, (resume) => this.#events.emit("autoplayBlocked", { resume }));
    this.#speaker.play(stream);
    this.#events.emit("remotestream", { stream });
  }

  end(): void {
    this.#over = true;
    this.#speaker?.stop();
  }

  /** Does what Go cannot any more. */
  exit(): void {
    if (this.#ownsLocalStream) this.#localStream?.getTracks().forEach((track) => track.stop());
    this.#peerConnection?.close();
  }
}
