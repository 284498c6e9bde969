// Hears DTMF (ITU-T Q.23) in an audio stream and posts each tone once, by Goertzel's algorithm.
// The receiver of RFC 4733 events plays them as tones, so hearing one proves the whole way.

const LOW = [697, 770, 852, 941];
const HIGH = [1209, 1336, 1477, 1633];
const KEYS = ["123A", "456B", "789C", "*0#D"];

// Chromium plays only about 70 ms of an event, and less when it is busy: short windows that overlap.
const WINDOW_S = 0.02;
const HOP_S = 0.005;
const OFF_HOPS = 10; // silence that ends a tone
const LOUD = 1e-3; // mean square of each frequency; Chromium plays them at 6e-3 and 12e-3
const ABOVE_OTHERS = 4; // how far each frequency must stand out from the others of its group,
const SHARE = 0.4; // and both from all other sound, such as the end of the fake microphone's beep

class ToneDetector extends AudioWorkletProcessor {
  #window = new Float32Array(Math.round(WINDOW_S * sampleRate));
  #hop = Math.round(HOP_S * sampleRate);
  #filled = 0;
  #current = "";
  #missed = 0;

  process([input]) {
    for (const sample of input[0] ?? []) {
      this.#window[this.#filled++] = sample;
      if (this.#filled === this.#window.length) {
        this.#hear(keyIn(this.#window));
        this.#window.copyWithin(0, this.#hop);
        this.#filled -= this.#hop;
      }
    }
    return true;
  }

  #hear(key) {
    if (key === "") {
      if (++this.#missed >= OFF_HOPS) this.#current = "";
      return;
    }
    this.#missed = 0;
    if (key === this.#current) return;
    this.#current = key;
    this.port.postMessage(key);
  }
}

function keyIn(window) {
  const row = loudest(LOW, window);
  const column = loudest(HIGH, window);
  if (!row || !column) return "";
  let total = 0;
  for (const sample of window) total += sample * sample;
  return row.power + column.power > (SHARE * total) / window.length ? KEYS[row.index][column.index] : "";
}

// The frequency that stands out, if one does.
function loudest(frequencies, window) {
  const powers = frequencies.map((frequency) => power(frequency, window));
  const max = Math.max(...powers);
  const others = powers.filter((other) => other * ABOVE_OTHERS > max);
  return max > LOUD && others.length === 1 ? { index: powers.indexOf(max), power: max } : undefined;
}

// The mean square of that frequency's part of the signal.
function power(frequency, window) {
  const c = 2 * Math.cos((2 * Math.PI * frequency) / sampleRate);
  let s1 = 0;
  let s2 = 0;
  for (const sample of window) {
    const s = sample + c * s1 - s2;
    s2 = s1;
    s1 = s;
  }
  return (2 * (s1 * s1 + s2 * s2 - c * s1 * s2)) / window.length ** 2;
}

registerProcessor("tone-detector", ToneDetector);
