import type { Presence, PresenceNote, PresenceTuple } from "./event_values.js";

/** What {@link pidf} writes: as much of a {@link Presence} as is to be told. */
export interface PresenceDocument {
  /** Whose presence: a URI, such as "pres:1001@example.com". */
  entity: string;
  tuples?: readonly Partial<PresenceTuple>[];
  notes?: readonly PresenceNote[];
  person?: Partial<Presence["person"]>;
}

/** The elements of RFC 4480 section 3.2. */
const activities = new Set((
  "appointment away breakfast busy dinner holiday in-transit looking-for-work lunch meal meeting on-the-phone performance permanent-absence playing " +
  "presentation shopping sleeping spectator steering travel tv unknown vacation working worship other"
).split(" "));

/**
 * Writes a presence document (application/pidf+xml, RFC 3863) for {@link UserAgent.publish} and {@link Notifier.notify}. Text may be
 * anything; what XML cannot hold is left out. A tuple without an `id` gets one. A status other than "open" and "closed" is left out; an
 * activity that RFC 4480 does not know becomes a free one.
 */
export function pidf({ entity, tuples = [], notes = [], person = {} }: PresenceDocument): string {
  const { activities: doing = [], notes: words = [], timestamp } = person;
  return '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<presence xmlns="urn:ietf:params:xml:ns:pidf"${attribute("entity", entity)}>\n` +
    tuples.map((tuple, i) => `${tupleElement(tuple, i + 1)}\n`).join("") + noteElements("note", notes) +
    (doing.length + words.length === 0 ? "" :
      '<dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" id="p1">' +
      (doing.length === 0 ? "" : `<rpid:activities>${doing.map(activity).join("")}</rpid:activities>`) +
      `${noteElements("dm:note", words)}${time("dm:timestamp", timestamp)}</dm:person>\n`) +
    "</presence>\n";
}

function tupleElement({ id, basic, contact, priority, notes = [], timestamp }: Partial<PresenceTuple>, place: number): string {
  const status = basic === "open" || basic === "closed" ? element("basic", basic) : "";
  const preference = priority !== undefined && priority > 0 ? attribute("priority", String(Math.min(1, Math.round(priority * 1000) / 1000))) : "";
  return `<tuple${attribute("id", id || `t${place}`)}><status>${status}</status>` + // an xs:ID begins with a letter
    `${contact ? element("contact", contact, preference) : ""}${noteElements("note", notes)}${time("timestamp", timestamp)}</tuple>`;
}

const activity = (name: string) => (activities.has(name) ? `<rpid:${name}/>` : element("rpid:other", name));
const noteElements = (name: string, notes: readonly PresenceNote[]) =>
  notes.map(({ text, lang }) => element(name, text, lang ? attribute("xml:lang", lang) : "")).join("");
const time = (name: string, at: number | undefined) => (at === undefined || !(Math.abs(at) <= 8.64e15) ? "" : element(name, `${new Date(at).toISOString().slice(0, 19)}Z`));
const attribute = (name: string, value: string) => ` ${name}="${escape(value)}"`;
const element = (name: string, text: string, attributes = "") => `<${name}${attributes}>${escape(text)}</${name}>`;

/** Text in an element and between quotes. A line break would be lost in an attribute; what is no character of XML 1.0 (section 2.2) goes. */
const escape = (text: string) => text
  .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "")
  .replace(/[&<>"\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`);
