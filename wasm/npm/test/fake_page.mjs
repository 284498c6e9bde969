// The page's media, as strict as a browser: Web Audio, MediaRecorder, mediaDevices and elements that play.

/** Undoes itself after the test. */
export function page(t, { play = async () => {}, contextState = "running" } = {}) {
  const made = { elements: [], contexts: [], recorders: [] };
  const wrong = (what, name = "InvalidStateError") => new DOMException(what, name);

  class Track extends EventTarget {
    enabled = true;
    readyState = "live";
    muted = false;
    constructor(kind = "audio", label = "") { super(); Object.assign(this, { kind, label }); }
    getSettings() { return { deviceId: this.label }; }
    stop() { this.readyState = "ended"; }
    /** The device is gone: unlike stop(), that is told. */
    unplug() { this.readyState = "ended"; this.dispatchEvent(new Event("ended")); }
  }

  class MediaStream {
    #tracks = new Set();
    constructor(tracks = []) { for (const track of tracks) this.addTrack(track); }
    addTrack(track) { if (!(track instanceof Track)) throw new TypeError("not a MediaStreamTrack"); this.#tracks.add(track); }
    removeTrack(track) { this.#tracks.delete(track); }
    getTracks() { return [...this.#tracks]; }
    getAudioTracks() { return this.getTracks().filter(({ kind }) => kind === "audio"); }
    getVideoTracks() { return this.getTracks().filter(({ kind }) => kind === "video"); }
  }

  class AudioNode {
    to = new Set();
    constructor(context) { context.open(); this.context = context; context.nodes.push(this); }
    connect(node) {
      if (node.context !== this.context) throw wrong("of another context", "InvalidAccessError");
      this.to.add([node, ...[...arguments].slice(1)]);
      return node;
    }
    disconnect() { this.to.clear(); }
    /** Whether this node feeds the other one. */
    feeds(node) { return [...this.to].some(([next]) => next === node || next.feeds(node)); }
  }
  class BufferSource extends AudioNode {
    loop = false; buffer = null; onended = null; started = false; stopped;
    start() { if (this.started) throw wrong("started already"); if (!this.buffer) throw wrong("no buffer"); this.started = true; }
    stop(when = 0) { if (!this.started) throw wrong("not started"); this.stopped = when; }
    end() { this.onended?.(new Event("ended")); }
  }
  class AudioContext {
    state = contextState; nodes = []; sampleRate = 48000; currentTime = 7;
    constructor() { made.contexts.push(this); }
    open() { if (this.state === "closed") throw wrong("the context is closed"); }
    async resume() { this.open(); if (contextState !== "running" && !made.touched) return new Promise(() => {}); this.state = "running"; }
    async close() { this.open(); this.state = "closed"; }
    createBufferSource() { return new BufferSource(this); }
    createGain() { return Object.assign(new AudioNode(this), { gain: { value: 1 } }); }
    createChannelMerger(inputs) { return Object.assign(new AudioNode(this), { inputs }); }
    createMediaStreamDestination() { return Object.assign(new AudioNode(this), { stream: new MediaStream([new Track()]), channelCount: 2 }); }
    createMediaStreamSource(stream) {
      const [track] = stream.getAudioTracks();
      if (!track) throw wrong("the stream has no sound");
      return Object.assign(new AudioNode(this), { track });
    }
    createAnalyser() {
      const context = this;
      return Object.assign(new AudioNode(this), {
        fftSize: 2048,
        getFloatTimeDomainData(samples) {
          const heard = context.nodes.filter((node) => node.track && node.feeds(this));
          samples.fill(heard.reduce((sum, { track }) => sum + (track.enabled ? track.loudness ?? 0 : 0), 0));
        },
      });
    }
    createBuffer(channels, length, sampleRate) {
      if (!(length > 0) || sampleRate < 3000 || sampleRate > 768000) throw wrong("no such buffer", "NotSupportedError");
      const data = Array.from({ length: channels }, () => new Float32Array(length));
      return { length, sampleRate, duration: length / sampleRate, getChannelData: (i) => data[i] };
    }
  }

  class MediaRecorder {
    state = "inactive";
    static isTypeSupported(type) { return /^audio\/webm/.test(type); }
    constructor(stream, options) {
      if (options.mimeType && !MediaRecorder.isTypeSupported(options.mimeType)) throw wrong("no such type", "NotSupportedError");
      Object.assign(this, { stream, options, mimeType: options.mimeType ?? "audio/webm" });
      made.recorders.push(this);
    }
    #in(...states) { if (!states.includes(this.state)) throw wrong(`not while ${this.state}`); }
    start(timeslice) { this.#in("inactive"); this.timeslice = timeslice; this.state = "recording"; }
    pause() { this.#in("recording", "paused"); this.state = "paused"; }
    resume() { this.#in("recording", "paused"); this.state = "recording"; }
    data(text) { this.ondataavailable({ data: new Blob([text]) }); }
    stop() { this.state = "inactive"; queueMicrotask(() => { this.data("end"); this.onstop(); }); }
    fail() { this.state = "inactive"; this.onerror({ error: new DOMException("full", "UnknownError") }); this.data("rest"); this.onstop(); }
    /** The tracks that reach it, by the input of the merger. */
    heard() {
      const context = made.contexts.find(({ nodes }) => nodes.some((node) => node.stream === this.stream));
      const out = context.nodes.find((node) => node.stream === this.stream);
      return context.nodes.filter((node) => node.track && node.feeds(out)).map((node) => [node.track, [...node.to][0][2]]).sort(([, a], [, b]) => a - b);
    }
  }

  class Element {
    srcObject = null; autoplay = false; muted = false; sinkId = "";
    play = t.mock.fn(play);
    async setSinkId(id) {
      if (made.speakers && id !== "" && !made.speakers.includes(id)) throw wrong("no such device", "NotFoundError");
      this.sinkId = id;
    }
  }

  const globals = {
    document: { createElement: () => (made.elements.push(new Element()), made.elements.at(-1)) },
    MediaStream, AudioContext, MediaRecorder,
  };
  Object.assign(globalThis, globals);
  t.after(() => { for (const name of Object.keys(globals)) delete globalThis[name]; });

  /** What is played now, muted elements aside. */
  const playing = () => made.elements.filter(({ srcObject, muted }) => srcObject && !muted);
  return { ...globals, Track, Element, made, playing, wrong };
}

/** mediaDevices with these devices; `plug` changes them. */
export class MediaDevices extends EventTarget {
  listeners = 0;
  asked = [];
  constructor(...devices) { super(); this.devices = devices; }
  async enumerateDevices() { return [...this.devices]; }
  addEventListener(...args) { this.listeners++; super.addEventListener(...args); }
  removeEventListener(...args) { this.listeners--; super.removeEventListener(...args); }
  plug(...devices) { this.devices = devices; this.dispatchEvent(new Event("devicechange")); }
}

export const device = (kind, deviceId, label = deviceId, groupId = label) => ({ kind, deviceId, label, groupId });

export class PeerConnection extends EventTarget {
  remoteDescription = null;
  receivers = [];
  senders = [];
  getReceivers() { return this.receivers; }
  getSenders() { return this.senders; }
  close() {}
  track(track) { this.dispatchEvent(Object.assign(new Event("track"), { track })); }
}
