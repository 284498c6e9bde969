// What the phone pages have in common, so that each case is written once for all libraries.

const POLL_MS = 50;
const QUIET_MS = 600;
// Chromium's fake microphone beeps; silence has no energy at all.
const ENOUGH_ENERGY = 0.005;
const ENOUGH_BYTES = 1000;
const ENOUGH_FRAMES = 5;

/**
 * A phone. Each call that it makes or gets has a line, numbered from 0; the newest one is selected. A library's adapter implements
 *
 *     register({ uri, servers, username, password }), unregister(), call(user),
 *     accept(), reject(), hangup(), hold(), resume(), dtmf(tones)      of the selected line
 *     connectionOf(line)                                               its RTCPeerConnection
 *
 * whose promises are fulfilled when the library says that it is done, takes a line() for each call, and emits with its number the
 * events incoming {from}, ringing, answered, held and resumed (by the other side), ended {by, status}.
 *
 * Those that take part in the call cases also implement
 *
 *     progress()    183 with a session description
 *     holds()       what the events have told about hold, and what the call says of itself: {told, now}
 *
 * and ringing has {status, earlyMedia}. In the cases of transfers, video and reloads
 *
 *     transfer(user), transferTo(line)    have the other side of the selected line call somebody, fulfilled when that has succeeded
 *                                         and we have hung up; who is asked to do so calls at once, whose call is to be replaced
 *                                         accepts at once
 *     addVideo(), stopVideo()             the camera, in the call
 *     restore()                           goes on with the call of before the page was loaded again
 *     conference()                        of all lines
 *
 * Those that take part in the server cases also emit registered and disconnected, and implement
 *
 *     gruu()                                     the public GRUU
 *     message(user, text)                        event message {from, contentType, body}
 *     subscribe(user, event, type), unsubscribe()    events notify {contentType, body}, unsubscribed {reason}
 *     admit(type, body), notify(type, body), terminate(reason)
 *                                                events subscriber {from, event}, subscriberGone
 */
export class Phone {
  /** Whether the library tells when the other side holds and resumes. */
  tellsRemoteHold = false;
  /** Whether the library can stop to send video in a call. */
  stopsVideo = true;
  /** Whether the page can listen to the sound: Firefox never starts an AudioContext on a machine that has no sound output. */
  canListen = !navigator.userAgent.includes("Firefox");
  /** Whether the library plays the remote audio by itself. */
  playsAudio = false;

  /** The selected line. */
  selected = -1;
  #lines = 0;
  #events = [];
  #wake = new Set();
  #player = new Audio();
  #audioContext;
  #ears = new Map(); // by line
  #heard = "";

  /** The number of a new call's line, which is selected from now on. */
  line() { return (this.selected = this.#lines++); }

  select(line) { this.selected = line; }

  get peerConnection() { return this.connectionOf(this.selected); }

  emit(name, detail = {}) {
    this.#events.push({ name, ...detail });
    for (const wake of this.#wake) wake();
  }

  /**
   * Takes the first event of that name, past or to come. Fails at once when the selected call ends instead.
   */
  async until(name, limitMs) {
    const late = AbortSignal.timeout(limitMs);
    for (;;) {
      const at = this.#events.findIndex((event) => event.name === name);
      if (at >= 0) return this.#events.splice(at, 1)[0];
      const ended = this.#events.find((event) => event.name === "ended" && event.line === this.selected);
      if (ended) throw new Error(`waiting for "${name}", but the call ended: ${JSON.stringify(ended)}`);
      if (late.aborted) throw new Error(`waiting for "${name}", but there is only ${JSON.stringify(this.#events)}`);
      await new Promise((resolve) => {
        this.#wake.add(resolve);
        late.addEventListener("abort", resolve, { once: true });
      });
      this.#wake.clear();
    }
  }

  /** How many events of that name wait to be taken. */
  count(name) {
    return this.#events.filter((event) => event.name === name).length;
  }

  /** Forgets the events and tones of the last call. */
  forget() {
    this.#events = [];
    this.#heard = "";
  }

  /** Plays the remote audio of a line and listens for DTMF in it. */
  async listen(line) {
    const sounds = this.connectionOf(line).getReceivers().map((receiver) => receiver.track).filter(({ kind }) => kind === "audio");
    const stream = new MediaStream(sounds);
    if (!this.playsAudio) {
      this.#player.srcObject = stream;
      await this.#player.play();
    }
    if (!this.#audioContext) {
      this.#audioContext = new AudioContext();
      await this.#audioContext.audioWorklet.addModule("/phones/tone_detector.mjs");
    }
    this.#ears.get(line)?.disconnect();
    const ear = this.#audioContext.createMediaStreamSource(stream);
    this.#ears.set(line, ear);
    const detector = new AudioWorkletNode(this.#audioContext, "tone-detector");
    detector.port.onmessage = ({ data }) => { this.#heard += data; };
    ear.connect(detector);
  }

  /** Waits until as many tones were heard as were sent, and returns what was heard. */
  async hear(count, limitMs) {
    await this.#poll(limitMs, () => this.#heard.length >= count, () => `heard "${this.#heard}"`);
    const heard = this.#heard;
    this.#heard = "";
    return heard;
  }

  /** Waits until a tone is among those that were heard since the last hear() or forget(). */
  hears(tone, limitMs) {
    return this.#poll(limitMs, () => this.#heard.includes(tone), () => `waiting for the tone ${tone}, but heard "${this.#heard}"`);
  }

  /** What RTP has brought and taken so far, by stream: the other side may begin a new one at any time. */
  async #streams(kind) {
    const streams = new Map();
    for (const report of (await this.peerConnection.getStats()).values()) {
      if (report.kind === kind && (report.type === "inbound-rtp" || report.type === "outbound-rtp")) streams.set(report.id, report);
    }
    return streams;
  }

  async #grownSince(before, kind) {
    const grown = { bytesReceived: 0, bytesSent: 0, totalAudioEnergy: 0, framesDecoded: 0 };
    for (const [id, report] of await this.#streams(kind)) {
      for (const what of Object.keys(grown)) grown[what] += (report[what] ?? 0) - (before.get(id)?.[what] ?? 0);
    }
    return grown;
  }

  /** The negotiated direction of the audio, as this side sees it. */
  direction() {
    return this.peerConnection.getTransceivers().find((t) => t.receiver.track.kind === "audio")?.currentDirection ?? "none";
  }

  /** Waits until the direction is one of those. */
  async directed(directions, limitMs) {
    await this.#poll(limitMs, () => directions.includes(this.direction()), () => `the direction is ${this.direction()}, not ${directions}`);
  }

  /** Waits until audio that is not silence has come in since now. */
  async hearsAudio(limitMs) {
    const before = await this.#streams("audio");
    let grown;
    await this.#poll(limitMs, async () => {
      grown = await this.#grownSince(before, "audio");
      return grown.bytesReceived > ENOUGH_BYTES && grown.totalAudioEnergy > ENOUGH_ENERGY && grown.bytesSent > 0;
    }, () => `no audio: ${JSON.stringify(grown)}`);
  }

  /** Waits until no audio has come in for a while. */
  hearsNothing(limitMs) { return this.#quiet(limitMs, "audio"); }

  /** Waits until video has come in, and been decoded, since now. */
  async seesVideo(limitMs) {
    const before = await this.#streams("video");
    let grown;
    await this.#poll(limitMs, async () => {
      grown = await this.#grownSince(before, "video");
      return grown.framesDecoded >= ENOUGH_FRAMES;
    }, () => `no video: ${JSON.stringify(grown)}`);
  }

  /** Waits until no video has come in for a while. */
  seesNothing(limitMs) { return this.#quiet(limitMs, "video"); }

  async #quiet(limitMs, kind) {
    let before = await this.#streams(kind);
    let since = performance.now();
    await this.#poll(limitMs, async () => {
      if ((await this.#grownSince(before, kind)).bytesReceived > 0) {
        before = await this.#streams(kind);
        since = performance.now();
      }
      return performance.now() - since > QUIET_MS;
    }, () => `${kind} keeps coming in`);
  }

  /** Waits until the peer connection of an ended call is closed. */
  async released(limitMs, line = this.selected) {
    const peerConnection = this.connectionOf(line);
    if (!peerConnection) return;
    await this.#poll(limitMs, () => peerConnection.signalingState === "closed", () => "the peer connection stays open");
  }

  async #poll(limitMs, condition, complaint) {
    const deadline = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(complaint());
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
