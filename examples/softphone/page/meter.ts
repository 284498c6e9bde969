// A level meter that remembers: the last seconds of a stream as bars, so that one sees who spoke when.

import { meter } from "sipwasm";

const bars = 64;
const every = 60; // ms between two bars
const floor = 5 / 60; // of the level, as silence: rooms are never quite still

export class Meter {
  readonly #root: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #levels: number[] = new Array<number>(bars).fill(0);
  #stream: MediaStream | undefined;
  #stop = () => {};

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#canvas = root.querySelector("canvas")!;
  }

  /** Shows a stream, instead of the one before. */
  attach(stream: MediaStream): void {
    if (stream === this.#stream) return;
    this.detach();
    this.#stream = stream;
    this.#stop = meter(stream, (level) => this.#step((level - floor) / (1 - floor)), { interval: every });
  }

  detach(): void {
    this.#stop();
    this.#stop = () => {};
    this.#stream = undefined;
    this.#levels.fill(0);
    this.#root.setAttribute("aria-valuenow", "0");
    this.#draw();
  }

  #step(level: number): void {
    this.#levels.push(Math.max(0, level));
    this.#levels.shift();
    // The loudest of the last half second: what a person would call the level.
    const loudest = Math.round(100 * Math.max(...this.#levels.slice(-8)));
    this.#root.setAttribute("aria-valuenow", String(loudest));
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
