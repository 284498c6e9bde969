// A level meter that remembers: the last seconds of a stream as bars, so that one sees who spoke when.

const bars = 64;
const every = 60; // ms between two bars
const floor = -55; // dB that count as silence

export class Meter {
  readonly #root: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #samples = new Float32Array(1024);
  readonly #levels: number[] = new Array<number>(bars).fill(0);
  #source: MediaStreamAudioSourceNode | null = null;
  #track: MediaStreamTrack | undefined;
  #analyser: AnalyserNode | null = null;
  #timer = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#canvas = root.querySelector("canvas")!;
  }

  /** Shows a stream, instead of the one before. */
  attach(context: AudioContext, stream: MediaStream): void {
    const track = stream.getAudioTracks()[0];
    if (this.#source && track === this.#track) return;
    this.detach();
    if (!track) return;
    this.#track = track; // of a call that is made anew it is another one
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    this.#source = context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser); // and not to the speakers: the page plays the sound elsewhere
    this.#timer = window.setInterval(() => this.#step(), every);
  }

  detach(): void {
    window.clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#source = this.#analyser = null;
    this.#levels.fill(0);
    this.#root.setAttribute("aria-valuenow", "0");
    this.#draw();
  }

  #step(): void {
    this.#analyser!.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const s of this.#samples) power += s * s;
    const db = 10 * Math.log10(power / this.#samples.length + 1e-12);
    this.#levels.push(Math.min(1, Math.max(0, 1 - db / floor)));
    this.#levels.shift();
    // The loudest of the last half second: what a person would call the level.
    const level = Math.round(100 * Math.max(...this.#levels.slice(-8)));
    this.#root.setAttribute("aria-valuenow", String(level));
    this.#draw();
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    const g = this.#canvas.getContext("2d");
    if (!g || width === 0) return;
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    g.fillStyle = getComputedStyle(this.#canvas).color;
    if (this.#still.matches) {
      // No travelling bars for those who asked for rest: one bar that grows.
      g.fillRect(0, height / 2 - 4, width * Math.max(...this.#levels.slice(-8)), 8);
      return;
    }
    const step = width / bars;
    this.#levels.forEach((level, i) => {
      const tall = Math.max(2, level * height);
      g.globalAlpha = 0.25 + 0.75 * (i / bars);
      g.fillRect(i * step + step * 0.2, (height - tall) / 2, step * 0.6, tall);
    });
    g.globalAlpha = 1;
  }
}
