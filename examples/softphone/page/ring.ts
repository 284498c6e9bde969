// The sounds of a telephone, computed: no file is loaded.

export type Tone = "ring" | "ringback" | "busy" | "waiting";

/** Seconds of a cadence, its parts that sound, and the frequencies (Hz) that sound together. */
const cadences: Record<Tone, { length: number; on: [number, number][]; hz: number[]; gain: number; warble?: number }> = {
  ring: { length: 3, on: [[0, 0.45], [0.65, 1.1]], hz: [650, 850], gain: 0.16, warble: 18 },
  ringback: { length: 5, on: [[0, 1]], hz: [425], gain: 0.06 }, // ITU-T E.180: one tone between 400 and 450 Hz
  waiting: { length: 4, on: [[0, 0.2]], hz: [425], gain: 0.05 }, // somebody else calls; softly, beside the talk
  busy: { length: 2.5, on: [[0, 0.5], [1, 1.5], [2, 2.5]], hz: [425], gain: 0.06 },
};

export class Ringer {
  #source: AudioBufferSourceNode | null = null;
  #playing: Tone | null = null;
  #flash = 0;
  readonly #title = document.title;

  /** Plays a tone until another one, or null, takes its place. */
  play(context: AudioContext, tone: Tone | null): void {
    if (tone === this.#playing) return;
    this.#playing = tone;
    this.#source?.stop();
    this.#source = null;
    if (!tone) return;
    // One cadence in a loop: timers of a tab in the background are slowed down, an audio buffer is not.
    this.#source = context.createBufferSource();
    this.#source.buffer = render(context, tone);
    this.#source.loop = tone !== "busy";
    this.#source.connect(context.destination);
    this.#source.start();
  }

  /** Flashes the title of the tab while somebody calls; null ends it. */
  announce(text: string | null): void {
    window.clearInterval(this.#flash);
    document.title = text ?? this.#title;
    if (text === null) return;
    let shown = true;
    this.#flash = window.setInterval(() => (document.title = (shown = !shown) ? text : this.#title), 1000);
  }
}

function render(context: AudioContext, tone: Tone): AudioBuffer {
  const { length, on, hz, gain, warble } = cadences[tone];
  const rate = context.sampleRate;
  const buffer = context.createBuffer(1, Math.round(length * rate), rate);
  const data = buffer.getChannelData(0);
  const edge = 0.012; // s of fade, against clicks
  for (const [from, to] of on) {
    for (let i = Math.round(from * rate); i < Math.round(to * rate); i++) {
      const t = i / rate;
      const fade = Math.min(1, (t - from) / edge, (to - t) / edge);
      const voices = warble ? [hz[Math.floor(t * warble) % hz.length]!] : hz;
      data[i] = voices.reduce((sum, f) => sum + Math.sin(2 * Math.PI * f * t), 0) * fade * (gain / voices.length);
    }
  }
  return buffer;
}
