// The calls of the telephone: which one the person has before the eyes, and what is done with several of them.

import type { Call, Conference, EndedEvent, Referral, UserAgent } from "sipwasm";

import { duration } from "./dom.js";
import type { Entry } from "./history.js";
import { keep, keptCalls } from "./kept.js";
import { Line } from "./line.js";
import { nameOf, nameOfTarget, type Names } from "./who.js";
import { ended, trouble, type Outcome, type Trouble } from "./words.js";

export interface LinesListener {
  changed(): void;
  /** What went wrong in the last act; null when another one begins. */
  troubled(trouble: Trouble | null): void;
  /** A remark that needs no answer. */
  say(text: string): void;
  /** A call is over and belongs in the history. */
  finished(entry: Entry): void;
  /** There is no call any more. */
  idle(): void;
}

/** Somebody asks for a call to be made (REFER): the person decides. */
export interface Question {
  text: string;
  yes: string;
  referral: Referral;
  line: Line | null;
}

/** So long does the user agent wait for a decision, in milliseconds. */
const decisionTime = 20_000;

export class Lines {
  /** The calls that have not ended, the oldest first. */
  all: Line[] = [];
  /** The one that is shown. */
  current: Line | null = null;
  /** The person is about to make another call. */
  dialling = false;
  question: Question | null = null;
  /** Calls are being joined or taken apart. */
  joining = false;
  /** How the last call ended, while there is none. */
  outcome: Outcome | null = null;

  readonly #tell: LinesListener;
  readonly #names: Names;
  #ua: UserAgent | null = null;
  #account = "";
  #conference: Conference | null = null;
  #questionTimer = 0;

  constructor(tell: LinesListener, names: Names) {
    this.#tell = tell;
    this.#names = names;
  }

  /** Takes the calls of a user agent. */
  open(ua: UserAgent, account: string): void {
    this.#ua = ua;
    this.#account = account;
    ua.on("incoming", (call) => this.#incoming(call));
    ua.on("referral", (referral) => {
      // Anybody can send these: one at a time is enough.
      if (ua !== this.#ua || this.question) void referral.reject(603).catch(() => {}); // it may be over by now
      else this.#ask(referral, null);
    });
  }

  /** Goes on with the calls that the page before this one has left. */
  async restore(): Promise<void> {
    const ua = this.#ua;
    const calls = keptCalls(this.#account);
    if (!ua || calls.length === 0) return;
    const lines = calls.map((kept) => {
      const line = this.#add(ua.restore(kept.snapshot), kept.since);
      line.resumed = true;
      if (kept.current) this.current = line;
      return line;
    });
    this.current ??= lines[0]!;
    this.keep();
    this.#tell.changed();
    await Promise.all(lines.map((line, i) => line.call.answered.then(
      () => {
        if (calls[i]!.muted) void line.toggleMute();
        this.#tell.say(`The page was loaded again. Your call with ${line.who} goes on.`);
      },
      () => {}, // its end says why
    )));
    const together = lines.filter((line, i) => calls[i]!.joined && line.talks);
    if (together.length > 1) await this.join(together);
  }

  /** Stores what the next page needs. Calls that are not established do not outlive this one. */
  keep(): void {
    if (!this.#account) return;
    keep(this.#account, this.all.flatMap((line) => {
      const { snapshot, muted } = line.call;
      if (!snapshot) return [];
      return [{ snapshot, since: line.since ?? Date.now(), name: line.who, muted, joined: line.joined, current: line === this.current }];
    }));
  }

  /** Forgets the user agent, whose end is the end of its calls. */
  close(): void {
    this.#ua = null;
    this.#decided();
    this.outcome = null;
  }

  dial(target: string): void {
    if (!this.#ua || !target.trim()) return;
    this.#tell.troubled(null);
    this.#show(this.#add(this.#ua.call(target.trim())));
  }

  /** Shows a call, and takes it back when it was put on hold for another one. */
  async select(line: Line): Promise<void> {
    this.#show(line);
    if (!line.talks || !line.call.onHold.local || line.joined) return;
    const active = this.all.find((other) => other !== line && other.talks && !other.joined && !other.call.onHold.local);
    await line.act("hold", (call) => (active ? this.#ua!.swap(active.call, call) : call.resume()));
  }

  /** Whether the dial pad is shown while there are calls. */
  dialAnother(on: boolean): void {
    this.dialling = on;
    this.#tell.changed();
  }

  /** Calls somebody to ask about the call that is shown, which waits. */
  consult(target: string): void {
    const about = this.current;
    if (!about?.talks || !target.trim()) return;
    this.#tell.troubled(null);
    const line = this.#add(about.call.consult(target.trim()));
    line.about = about;
    this.#show(line);
  }

  /** Ends the question and goes back to the call that it was about. */
  async comeBack(line: Line): Promise<void> {
    const { about } = line;
    await line.hangup();
    await line.call.ended;
    if (about && !about.over) await this.select(about);
  }

  /** The established calls, which can be joined. */
  get joinable(): Line[] {
    return this.all.filter((line) => line.call.state === "established");
  }

  /** Lets all these calls hear each other. */
  async join(lines = this.joinable): Promise<void> {
    await this.#together(async (ua) => {
      if (this.#conference) for (const line of lines) await this.#conference.add(line.call);
      else this.#conference = await ua.conference(...lines.map(({ call }) => call));
      for (const line of lines) {
        line.joined = !line.over;
        line.about = null;
      }
    });
  }

  /** Takes the calls apart; the one that is shown goes on. */
  async split(): Promise<void> {
    await this.#together(async () => {
      await this.#apart();
      const others = this.joinable.filter((line) => line !== this.current && !line.call.onHold.local);
      await Promise.all(others.map(({ call }) => call.hold()));
    });
  }

  /** Does as the other side asks. */
  async accept(): Promise<void> {
    const { question } = this;
    if (!question) return;
    this.#decided();
    this.#tell.troubled(null);
    try {
      const line = this.#add(await question.referral.accept());
      line.origin = `${nameOf(question.referral.from, this.#names)} has sent you here.`;
      this.#show(line);
    } catch (error) {
      this.#tell.troubled(trouble(error));
    }
  }

  decline(): void {
    const { question } = this;
    this.#decided();
    question?.referral.reject(603).catch(() => {}); // it may be over by now
  }

  async #together(act: (ua: UserAgent) => Promise<void>): Promise<void> {
    if (!this.#ua || this.joining) return;
    this.joining = true;
    this.#tell.troubled(null);
    try {
      await act(this.#ua);
    } catch (error) {
      this.#tell.troubled(trouble(error, { doing: "join" }));
    } finally {
      this.joining = false;
      this.keep();
      this.#tell.changed();
    }
  }

  async #apart(): Promise<void> {
    const conference = this.#conference;
    this.#conference = null;
    for (const line of this.all) line.joined = false;
    await conference?.end();
  }

  #ask(referral: Referral, line: Line | null): void {
    const from = line?.who ?? nameOf(referral.from, this.#names);
    const to = nameOfTarget(referral.target, this.#names);
    this.question = {
      referral, line, yes: `Call ${to}`,
      text: line ? `${from} wants to connect you with ${to}.` : `${from} asks you to call ${to}.`,
    };
    window.clearTimeout(this.#questionTimer);
    this.#questionTimer = window.setTimeout(() => this.#decided(), decisionTime);
    this.#tell.changed();
  }

  #decided(): void {
    window.clearTimeout(this.#questionTimer);
    this.question = null;
    this.#tell.changed();
  }

  #incoming(call: Call): void {
    const line = this.#add(call);
    // What is on the screen stays there, and with it what the next key would do. Only a call that takes the place of
    // another one takes its place here, too.
    if (call.replaces ? this.current?.call === call.replaces : !this.current) this.current = line;
    this.#tell.changed();
  }

  #show(line: Line): void {
    this.current = line;
    this.dialling = false;
    this.keep();
    this.#tell.changed();
  }

  #add(call: Call, since?: number): Line {
    const line = new Line(call, this.#names, {
      changed: () => this.#tell.changed(),
      troubled: (trouble) => this.#tell.troubled(trouble),
      snapshot: () => this.keep(),
      ended: (line, event) => this.#ended(line, event),
    }, since);
    call.on("referred", (referral) => this.#ask(referral, line));
    call.on("replaced", ({ by }) => {
      const other = this.all.find((l) => l.call === by);
      line.superseded = `${line.who} has connected you${other ? ` with ${other.who}` : ""}.`;
      if (other) other.origin = `${line.who} has connected you.`;
    });
    this.all = [...this.all, line];
    this.outcome = null;
    return line;
  }

  #ended(line: Line, event: EndedEvent): void {
    this.all = this.all.filter((other) => other !== line);
    const talked = line.since === undefined ? null : duration(line.duration);
    const { who, call } = line;
    const said = line.superseded
      ? { text: line.superseded, bad: false }
      : ended(event, { who, talked, direction: call.direction, resumed: line.resumed && event.error !== undefined, deflected: line.deflected });
    if (this.question?.line === line) this.#decided();
    for (const other of this.all) if (other.about === line) other.about = null;
    if (line.joined && this.all.filter(({ joined }) => joined).length < 2) this.#apart().catch(() => {}); // nobody is there whom it could trouble
    if (this.current === line) this.current = (line.about?.over === false ? line.about : null) ?? this.all.find(({ talks }) => talks) ?? this.all[0] ?? null;
    if (this.all.length === 0) this.dialling = false;
    this.outcome = this.all.length === 0 ? said : null;
    this.keep();
    if (this.all.length > 0) this.#tell.say(said.text);
    this.#tell.changed();
    if (this.all.length === 0) this.#tell.idle();
    this.#tell.finished({ who, target: line.target, direction: call.direction, time: line.began, talked });
  }
}
