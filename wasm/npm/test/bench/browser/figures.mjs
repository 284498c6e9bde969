// What is measured, what is aimed at, and how both are told.

export const LIBRARIES = { sipwasm: "sipwasm", jssip: "JsSIP", sipjs: "SIP.js" };

/** Title, unit and digits behind the point of each figure. */
export const FIGURES = {
  bytes: { title: "bytes to download", unit: "kB", digits: 0 },
  registeredCold: { title: "navigation → registered, empty cache", unit: "ms", digits: 0 },
  registeredLine: { title: "… over a line of 20 Mbit/s and 40 ms", unit: "ms", digits: 0 },
  registeredWarm: { title: "navigation → registered, warm cache", unit: "ms", digits: 0 },
  inviteFirst: { title: "call() → INVITE, host candidates, first call of a page", unit: "ms", digits: 0 },
  invite: { title: "call() → INVITE, host candidates, after a hundred calls", unit: "ms", digits: 0 },
  inviteStun: { title: "call() → INVITE, unreachable STUN server", unit: "ms", digits: 0 },
  accept: { title: "INVITE received → 200 sent, accepted at once", unit: "ms", digits: 1 },
  cpuCall: { title: "processor time of a call, all threads of the page", unit: "ms", digits: 1 },
  cpuCallMain: { title: "… tasks of its main thread, by the clock", unit: "ms", digits: 1 },
  memoryFirst: { title: "memory of the page after 1 call", unit: "MB", digits: 1 },
  memoryAfter: { title: "memory of the page after 100 calls", unit: "MB", digits: 1 },
  privateFirst: { title: "private memory of its process after 1 call", unit: "MB", digits: 1 },
  privateAfter: { title: "private memory of its process after 100 calls", unit: "MB", digits: 1 },
};

// `least`: so many times as fast as the other; `most`: so many times what the other takes. `phases` tells where to look.
const GOALS = [
  { figure: "inviteStun", other: "jssip", least: 10 },
  { figure: "inviteStun", other: "sipjs", least: 5 },
  { figure: "inviteFirst", other: "jssip", most: 1, phases: "call" },
  { figure: "inviteFirst", other: "sipjs", most: 1, phases: "call" },
  { figure: "invite", other: "jssip", most: 1, phases: "call" },
  { figure: "invite", other: "sipjs", most: 1, phases: "call" },
  { figure: "registeredWarm", other: "jssip", most: 1.5, phases: "load" },
  { figure: "cpuCall", other: "jssip", most: 1.5, phases: "cpu" },
];

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);

export const median = (numbers) => {
  const all = sorted(numbers);
  return (all[(all.length - 1) >> 1] + all[all.length >> 1]) / 2;
};

/** @param {Record<string, Record<string, number[]>>} samples by figure and library */
export function summarize(samples) {
  return Object.fromEntries(Object.entries(FIGURES).map(([name, { unit }]) => [name, {
    unit,
    ...Object.fromEntries(Object.keys(LIBRARIES).map((library) => {
      const numbers = samples[name][library];
      return [library, { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers), n: numbers.length }];
    })),
  }]));
}

export function judge(figures) {
  return GOALS.map(({ figure, other, least, most, phases }) => {
    const [ours, theirs] = [figures[figure].sipwasm.median, figures[figure][other].median];
    const ratio = least ? theirs / ours : ours / theirs;
    const wish = least ? `at least ${least} times as fast as ${LIBRARIES[other]}` : `at most ${most} × ${LIBRARIES[other]}`;
    return { goal: `${FIGURES[figure].title}: ${wish}`, ratio, met: least ? ratio >= least : ratio <= most, phases };
  });
}

/** The table as lines of text. */
export function table(figures) {
  const rows = [["", "", ...Object.values(LIBRARIES), "÷ JsSIP", "÷ SIP.js"]];
  for (const [name, { title, unit, digits }] of Object.entries(FIGURES)) {
    const figure = figures[name];
    const cell = ({ median: middle, min, max }) => {
      const [m, a, b] = [middle, min, max].map((number) => number.toFixed(digits));
      return a === b ? m : `${m} (${a}–${b})`;
    };
    const ratio = (other) => (figure.sipwasm.median / figure[other].median).toFixed(2);
    rows.push([title, unit, ...Object.keys(LIBRARIES).map((library) => cell(figure[library])), ratio("jssip"), ratio("sipjs")]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ").trimEnd());
}

/** When things happened, as the median of each library: lines of text. */
export function timeline(title, marks) {
  const names = [...new Set(Object.values(marks).flat().flatMap(Object.keys))];
  const at = (library, name) => {
    const times = marks[library].map((each) => each[name]).filter((time) => time !== undefined);
    return times.length > marks[library].length / 2 ? median(times) : undefined;
  };
  const rows = names.map((name) => ({ name, times: Object.keys(LIBRARIES).map((library) => at(library, name)) }))
    .filter(({ times }) => times.some((time) => time !== undefined))
    .toSorted((a, b) => Math.max(...a.times.filter(Number.isFinite)) - Math.max(...b.times.filter(Number.isFinite)));
  const line = (name, cells) => `  ${name.padEnd(24)}${cells.map((cell) => cell.padStart(10)).join("")}`;
  return [title, line("", Object.values(LIBRARIES)), ...rows.map(({ name, times }) => line(name, times.map((time) => time?.toFixed(0) ?? "")))];
}
