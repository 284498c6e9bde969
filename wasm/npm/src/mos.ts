// How a person would judge the sound: the E-model of ITU-T G.107 (06/2015), with the default values of its Table 2 for everything that a
// browser does not measure. Its section 7.1 is R = Ro - Is - Id - Ie,eff + A; with the defaults Ro - Is is 93.2 and A is 0.

/** Ro - Is with the default values (section 7.7). */
const BEST = 93.2;

/**
 * Equipment impairment factor Ie and robustness against lost packets Bpl (G.113 Appendix I (05/2007), Table I.4, which wants the concealment that
 * browsers have). The narrowband model has no better than G.711; so wideband codecs count as good as that.
 */
const codecs = new Map<string, readonly [ie: number, bpl: number]>(Object.entries({
  pcmu: [0, 25.1],
  pcma: [0, 25.1],
  g729: [11, 19],
  g723: [15, 16.1],
  "gsm-efr": [5, 10],
  // G.113 has no values for these on the narrowband scale. Assumed: G.711's. For opus that is too strict where forward error correction
  // repairs what is lost, and too mild below some 16 kbit/s.
  opus: [0, 25.1],
  red: [0, 25.1], // RFC 2198 around opus, the only codec that browsers repeat in this way
  g722: [0, 25.1],
}));

/** What the estimate is made of. */
export interface Impairments {
  /** Encoding name, in any case. */
  codec: string;
  /** Share of the packets that were not played, 0 to 1: lost, or too late. */
  loss: number;
  /** From mouth to ear, in milliseconds. */
  delay: number;
}

/** The transmission rating factor R, 0 to 93.2; undefined for a codec whose impairment nobody has told. */
export function rating({ codec, loss, delay }: Impairments): number | undefined {
  const known = codecs.get(codec.toLowerCase());
  if (!known || !(loss >= 0) || !(delay >= 0)) return undefined;
  const [ie, bpl] = known;
  const percent = 100 * Math.min(loss, 1);
  // Section 7.5, with BurstR 1: browsers do not tell whether losses come in bursts.
  const impaired = ie + (95 - ie) * percent / (percent + bpl);
  return Math.max(0, BEST - tooLate(delay) - impaired);
}

/** Idd of section 7.4, for delay as such. Its other terms are about echo, which browsers cancel. */
function tooLate(delay: number): number {
  if (delay <= 100) return 0;
  const x = Math.log2(delay / 100);
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
}

/** The mean opinion score that Annex B gives for a rating, 1 to 4.5. */
export function mosOf(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6); // below 6.5 the polynomial falls under the worst there is
}
