// What the phone pages have in common, so that each case is written once for all libraries.

const POLL_MS = 50;
const QUIET_MS = 600;
// Chromium's fake microphone beeps; silence has no energy at all.
const ENOUGH_ENERGY = 0.005;
const ENOUGH_BYTES = 1000;

/**
 * A phone with one line. A library's adapter implements
 *
 *     register({ uri, servers, username, password }), unregister(),
 *     call(user), accept(), reject(), hangup(), hold(), resume(), dtmf(tones), get peerConnection
 *
 * whose promises are fulfilled when the library says that it is done, and emits the events
 * incoming {from}, ringing, answered, held and resumed (by the other side), ended {by, status}.
 *
 * Those that take part in the call cases also implement
 *
 *     progress()    183 with a session description
 *     holds()       what the events have told about hold, and what the call says of itself: {told, now}
 *
 * and ringing has {status, earlyMedia}. Those that take part in the server cases also emit registered and disconnected, and implement
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
  /** Whether the library plays the remote audio by itself. */
  playsAudio = false;

  #events = [];
  #wake = new Set();
  #player = new Audio();
  #audioContext;
  #ear;
  #heard = "";

  emit(name, detail = {}) {
    this.#events.push({ name, ...detail });
    for (const wake of this.#wake) wake();
  }

  /**
   * Takes the first event of that name, past or to come. Fails at once when the call ends instead.
   */
  async until(name, limitMs) {
    const late = AbortSignal.timeout(limitMs);
    for (;;) {
      const at = this.#events.findIndex((event) => event.name === name);
      if (at >= 0) return this.#events.splice(at, 1)[0];
      const ended = this.#events.find((event) => event.name === "ended");
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

  /** Plays the remote audio and listens for DTMF in it. */
  async listen() {
    const stream = new MediaStream(this.peerConnection.getReceivers().map((receiver) => receiver.track));
    if (!this.playsAudio) {
      this.#player.srcObject = stream;
      await this.#player.play();
    }
    if (!this.#audioContext) {
      this.#audioContext = new AudioContext();
      await this.#audioContext.audioWorklet.addModule("/phones/tone_detector.mjs");
    }
    this.#ear?.disconnect();
    this.#ear = this.#audioContext.createMediaStreamSource(stream);
    const detector = new AudioWorkletNode(this.#audioContext, "tone-detector");
    detector.port.onmessage = ({ data }) => { this.#heard += data; };
    this.#ear.connect(detector);
  }

  /** Waits until as many tones were heard as were sent, and returns what was heard. */
  async hear(count, limitMs) {
    await this.#poll(limitMs, () => this.#heard.length >= count, () => `heard "${this.#heard}"`);
    const heard = this.#heard;
    this.#heard = "";
    return heard;
  }

  async stats() {
    const stats = { bytesReceived: 0, bytesSent: 0, audioEnergy: 0 };
    for (const report of (await this.peerConnection.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "audio") {
        stats.bytesReceived += report.bytesReceived;
        stats.audioEnergy += report.totalAudioEnergy ?? 0;
      } else if (report.type === "outbound-rtp" && report.kind === "audio") {
        stats.bytesSent += report.bytesSent;
      }
    }
    return stats;
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
    const before = await this.stats();
    let now;
    await this.#poll(limitMs, async () => {
      now = await this.stats();
      return now.bytesReceived - before.bytesReceived > ENOUGH_BYTES && now.audioEnergy - before.audioEnergy > ENOUGH_ENERGY
        && now.bytesSent > before.bytesSent;
    }, () => `no audio: ${JSON.stringify({ before, now })}`);
  }

  /** Waits until no audio has come in for a while. */
  async hearsNothing(limitMs) {
    let bytes = -1;
    let since = 0;
    await this.#poll(limitMs, async () => {
      const { bytesReceived } = await this.stats();
      if (bytesReceived !== bytes) [bytes, since] = [bytesReceived, performance.now()];
      return performance.now() - since > QUIET_MS;
    }, () => "audio keeps coming in");
  }

  /** Waits until the peer connection of the ended call is closed. */
  async released(limitMs) {
    const { peerConnection } = this;
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
