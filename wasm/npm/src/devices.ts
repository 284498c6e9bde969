import type { MediaOptions } from "./call_options.js";
import { Emitter, report } from "./emitter.js";
import { SipError } from "./errors.js";
import type { Host } from "./host.js";
import { isObject } from "./options.js";

/** A microphone, camera or loudspeaker. */
export interface Device {
  readonly kind: "microphone" | "camera" | "speaker";
  /** What the methods of {@link Devices} take. It stays the same for this site until the person clears the site's data. */
  readonly id: string;
  /** Its name, for the person to choose by. Text from the system, never markup. */
  readonly label: string;
  /** The system uses it where nothing is chosen. */
  readonly default: boolean;
}

/** The devices by their kind. */
export interface DeviceList {
  readonly microphones: readonly Device[];
  readonly cameras: readonly Device[];
  /** Empty in browsers that do not let a page choose. */
  readonly speakers: readonly Device[];
}

/** The events of {@link Devices}: name and what listeners get. */
export interface DevicesEvents {
  /** Something was plugged in or taken out, or the labels are known now. */
  changed: { readonly list: DeviceList; readonly added: readonly Device[]; readonly removed: readonly Device[] };
}

/** A microphone or camera: the `id` of a {@link Device}, constraints, or a stream of the page, which is never stopped by this package. */
export type Source = string | MediaTrackConstraints | MediaStream;

/** @internal What a call does when devices change. */
export interface DeviceUser {
  /** It has no microphone of its own wish. */
  readonly follows: boolean;
  useMicrophone(source: Source | null): Promise<void>;
  useCamera(): Promise<void>;
  useSpeaker(id: string): Promise<void>;
  plugged(list: DeviceList): void;
}

const kinds = { audioinput: "microphone", videoinput: "camera", audiooutput: "speaker" } as const;
const empty: DeviceList = { microphones: [], cameras: [], speakers: [] };

/**
 * The microphones, cameras and loudspeakers of this computer, and which of them the calls of a user agent use. Where nothing is chosen,
 * that is the system's default.
 */
export class Devices {
  readonly #host: Pick<Host, "mediaDevices">;
  readonly #users: () => Iterable<DeviceUser>;
  readonly #ringer: (id: string) => Promise<void>;
  readonly #events = new Emitter<DevicesEvents>();
  #microphone: Source | null = null;
  #camera: Source | null = null;
  #speaker = "";
  #ringing: string | undefined;
  /** What there was last. Each look waits for the one before. */
  #last: Promise<DeviceList> | undefined;
  #known = empty;

  /** @internal */
  constructor(host: Pick<Host, "mediaDevices">, users: () => Iterable<DeviceUser>, ringer: (id: string) => Promise<void>) {
    this.#host = host;
    this.#users = users;
    this.#ringer = ringer;
    host.mediaDevices?.addEventListener?.("devicechange", this.#look);
  }

  /** @internal */
  close(): void {
    this.#host.mediaDevices?.removeEventListener?.("devicechange", this.#look);
  }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof DevicesEvents>(type: K, listener: (event: DevicesEvents[K]) => unknown): () => void {
    if (this.#host.mediaDevices) this.#last ??= this.list().catch(() => empty); // what is new can be told from now on
    return this.#events.on(type, listener);
  }

  /**
   * What there is. Before the person has allowed the microphone, once or for good, browsers tell no more than whether there is one: one
   * device of each kind, of which `id` and `label` are empty.
   * @throws {SipError} "insecure-context" on a page that is not served from https:// or localhost; "unsupported".
   */
  async list(): Promise<DeviceList> {
    const { mediaDevices } = this.#host;
    if (!mediaDevices) throw new SipError("insecure-context", "list: the browser shows its devices to secure pages alone: serve this one from https:// or localhost", { op: "list" });
    if (!mediaDevices.enumerateDevices) throw new SipError("unsupported", "list: this browser does not list its devices", { op: "list" });
    const all = await mediaDevices.enumerateDevices();
    this.#known = { microphones: sorted(all, "audioinput"), cameras: sorted(all, "videoinput"), speakers: sorted(all, "audiooutput") };
    return this.#known;
  }

  /** What was chosen, null for the system's default. */
  get microphone(): Source | null { return this.#microphone; }
  /** What {@link useCamera} was given last; null: the default. */
  get camera(): Source | null { return this.#camera; }
  /** The `id` that was chosen, null for the system's default. */
  get speaker(): string | null { return this.#speaker || null; }

  /**
   * Uses this microphone for the calls that there are, whose mute and hold stay as they are, and for later ones; null: the system's
   * default. A call that was given a microphone of its own keeps that. A device that is not there later, when a call begins, does not
   * keep it from being made: the system's default is used.
   * @throws {SipError} "invalid-argument"; "media-not-found", "media-denied", "media-failed": everything is as it was; "insecure-context".
   */
  async useMicrophone(source: Source | null): Promise<void> {
    await this.#check("useMicrophone", "microphone", source);
    await Promise.all([...this.#users()].filter(({ follows }) => follows).map((user) => user.useMicrophone(source)));
    this.#microphone = source;
  }

  /**
   * Uses this camera where `addVideo` is not told another one: for the calls that send the camera, and for later ones.
   * @throws {SipError} as {@link useMicrophone}.
   */
  async useCamera(source: Source | null): Promise<void> {
    await this.#check("useCamera", "camera", source);
    const before = this.#camera;
    this.#camera = source;
    await Promise.all([...this.#users()].map((user) => user.useCamera())).catch((error: unknown) => {
      this.#camera = before;
      throw error;
    });
  }

  /**
   * Plays calls through this loudspeaker, those that there are and later ones; null: the system's default. When it is unplugged, the
   * default plays until it is back.
   * @param id of a {@link Device} of the list
   * @throws {SipError} "unsupported" where the browser does not let a page choose (Safari, Firefox before 116); "media-not-found",
   * "media-denied"; "invalid-argument".
   */
  async useSpeaker(id: string | null): Promise<void> {
    await this.#check("useSpeaker", "speaker", id);
    const before = this.#speaker;
    this.#speaker = id ?? "";
    await this.#playThrough(this.#speaker, this.#ringing ?? this.#speaker).catch((error: unknown) => {
      this.#speaker = before;
      throw error;
    });
  }

  /**
   * Rings through another loudspeaker than calls are heard through, as with a headset on the desk; null: the same one.
   * @throws {SipError} as {@link useSpeaker}.
   */
  async useRinger(id: string | null): Promise<void> {
    await this.#check("useRinger", "speaker", id);
    await this.#ringer(id ?? this.#speaker);
    this.#ringing = id ?? undefined;
  }

  /** @internal The media of a call of which the application has said this. */
  mediaFor(given: MediaOptions | undefined): MediaOptions | undefined {
    const { audio = true, video } = given?.constraints ?? {};
    if (given?.stream || isObject(audio)) return given;
    const microphone = audio ? this.#present(this.#microphone) : null;
    if (isStream(microphone)) return video ? given : { ...given, stream: microphone };
    const camera = video === true ? this.#present(this.#camera) : null;
    if (microphone === null && (camera === null || isStream(camera))) return given;
    return { ...given, constraints: {
      audio: microphone === null ? audio : constraintsOf(microphone),
      ...(video !== undefined && { video: camera === null || isStream(camera) ? video : constraintsOf(camera) }),
    } };
  }

  /** @internal What `addVideo` sends where it is not told. */
  cameraOptions(): { stream?: MediaStream; constraints?: MediaTrackConstraints } {
    const camera = this.#present(this.#camera);
    if (camera === null) return {};
    return isStream(camera) ? { stream: camera } : { constraints: constraintsOf(camera) };
  }

  /** A device that has gone gives way to the default. */
  #present(source: Source | null): Source | null {
    const { microphones, cameras } = this.#known;
    return typeof source === "string" && ![...microphones, ...cameras].some(({ id }) => id === source) ? null : source;
  }

  readonly #look = () => {
    const before = this.#last;
    this.#last = (async () => {
      const known = await before;
      const list = await this.list().catch(() => known ?? empty);
      for (const user of this.#users()) user.plugged(list);
      const there = (id: string) => (list.speakers.some((speaker) => speaker.id === id) ? id : "");
      // Where nothing was chosen, what the page did with its own elements stays.
      if (this.#speaker || this.#ringing) await this.#playThrough(there(this.#speaker), there(this.#ringing ?? this.#speaker)).catch(() => {}); // it has gone again
      if (known) this.#tell(known, list);
      return list;
    })();
    this.#last.catch(report);
  };

  #tell(before: DeviceList, list: DeviceList): void {
    const flat = (l: DeviceList) => [...l.microphones, ...l.cameras, ...l.speakers];
    const without = (all: Device[], others: Device[]) =>
      all.filter((one) => !others.some((other) => one.kind === other.kind && one.id === other.id && one.label === other.label));
    const [added, removed] = [without(flat(list), flat(before)), without(flat(before), flat(list))];
    if (added.length + removed.length > 0) this.#events.emit("changed", { list, added, removed });
  }

  async #playThrough(speaker: string, ringer: string): Promise<void> {
    await Promise.all([this.#ringer(ringer), ...[...this.#users()].map((user) => user.useSpeaker(speaker))]);
  }

  /** @internal Where the calls and the signals are heard. */
  get outputs(): { readonly calls: string; readonly ringing: string } {
    return { calls: this.#speaker, ringing: this.#ringing ?? this.#speaker };
  }

  /** @internal Refuses what is no device, and one that is not there. */
  async #check(op: string, kind: Device["kind"], source: Source | null): Promise<void> {
    checkSource(op, source, kind === "speaker");
    if (typeof source !== "string") return;
    const { microphones, cameras, speakers } = await this.list();
    if (![...microphones, ...cameras, ...speakers].some((device) => device.kind === kind && device.id === source)) {
      throw new SipError("media-not-found", `${op}: there is no such ${kind}: choose one that list() has`, { op });
    }
  }
}

/** @internal */
export function checkSource(op: string, source: unknown, idOnly = false): asserts source is Source | null {
  if (source === null || (typeof source === "string" && source !== "") || (!idOnly && isObject(source))) return;
  throw new SipError("invalid-argument", `${op}: wanted is the id of a device${idOnly ? "" : ", constraints, a MediaStream"} or null`, { op });
}

/** @internal By what it can do: a stream of another window is an instance of another class. */
export const isStream = (source: unknown): source is MediaStream => isObject(source) && typeof source["getAudioTracks"] === "function";

/** @internal Exactly that one: Chromium does not always take the one that is ideal. */
export const constraintsOf = (source: string | MediaTrackConstraints): MediaTrackConstraints =>
  typeof source === "string" ? { deviceId: { exact: source } } : source;

/**
 * The devices of a kind. Chromium lists the default once more under a name of its own, and so the one for communications: the device itself
 * is marked instead. Other browsers list the default first (W3C Media Capture section 9.3).
 */
function sorted(all: readonly MediaDeviceInfo[], kind: keyof typeof kinds): Device[] {
  const of = all.filter((device) => device.kind === kind);
  const alias = of.find(({ deviceId }) => deviceId === "default");
  const real = of.filter(({ deviceId }) => deviceId !== "default" && deviceId !== "communications");
  const main = alias ? real.find(({ groupId }) => groupId === alias.groupId) : real[0];
  const listed = alias && !main ? [alias, ...real] : real;
  return listed.map((device) => ({ kind: kinds[kind], id: device.deviceId, label: device.label, default: device === (main ?? alias) }));
}
