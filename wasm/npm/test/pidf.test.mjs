// The presence document; that it is read back as it was meant is tested in test/browser/subscriptions.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pidf } from "../dist/index.js";

const head = '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"';

test("a presence document has what it was given", () => {
  assert.equal(pidf({
    entity: "pres:a@b",
    tuples: [
      { id: "a", basic: "open", contact: "sip:a@b", priority: 0.7254, notes: [{ text: "da", lang: "de" }], timestamp: Date.UTC(2026, 10, 22, 8) },
      { basic: "closed", priority: 5 }, { contact: "tel:+1", priority: 5 },
    ],
    notes: [{ text: "n" }],
    person: { activities: ["on-the-phone", "on the moon"], notes: [{ text: "p" }], timestamp: Date.UTC(2026, 0, 1) },
  }), `${head} entity="pres:a@b">
<tuple id="a"><status><basic>open</basic></status><contact priority="0.725">sip:a@b</contact><note xml:lang="de">da</note><timestamp>2026-11-22T08:00:00Z</timestamp></tuple>
<tuple id="t2"><status><basic>closed</basic></status></tuple>
<tuple id="t3"><status></status><contact priority="1">tel:+1</contact></tuple>
<note>n</note><dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" id="p1"><rpid:activities><rpid:on-the-phone/><rpid:other>on the moon</rpid:other></rpid:activities><dm:note>p</dm:note><dm:timestamp>2026-01-01T00:00:00Z</dm:timestamp></dm:person>
</presence>
`);
  assert.equal(pidf({ entity: "" }), `${head} entity="">\n</presence>\n`);
});

test("text is text, and what XML cannot hold is left out", () => {
  const text = '</note>&"\t\n]]>\0\x1b\ufffe\ud800Zoë 😀';
  assert.equal(pidf({ entity: text, notes: [{ text, lang: '"><x' }], tuples: [{ basic: "<busy/>", timestamp: NaN, priority: NaN, contact: "c" }], person: { activities: ["constructor", "away/><x", ""] } }),
    `${head} entity="&#60;/note&#62;&#38;&#34;&#9;&#10;]]&#62;Zoë 😀">
<tuple id="t1"><status></status><contact>c</contact></tuple>
<note xml:lang="&#34;&#62;&#60;x">&#60;/note&#62;&#38;&#34;&#9;&#10;]]&#62;Zoë 😀</note><dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" id="p1"><rpid:activities><rpid:other>constructor</rpid:other><rpid:other>away/&#62;&#60;x</rpid:other><rpid:other></rpid:other></rpid:activities></dm:person>
</presence>
`);
});
