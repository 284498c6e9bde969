package sipua

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipwasm/sipwasm/sipua/internal/xml"
)

// Presence is the body of the event package presence: whether and how somebody
// can be reached, and what the person is doing (RFC 3856 and RFC 3863,
// application/pidf+xml, with the person of RFC 4479 and the activities of
// RFC 4480). It has no partial documents: each replaces the one before.
type Presence struct {
	Entity string // whose presence: a URI, pres:… or sip:…
	Tuples []PresenceTuple
	Notes  []PresenceNote
	Person PresencePerson
}

// PresenceTuple is one way to reach somebody (RFC 3863 section 4.1.2).
type PresenceTuple struct {
	ID        string
	Basic     string // open: ready to be reached here; closed: not; "" when not told (section 4.1.4)
	Contact   string // a URI, "" when not told
	Priority  int    // of Contact, in thousandths from 0 to 1000; the highest is preferred, 0 stands also for none (section 4.1.5)
	Notes     []PresenceNote
	Timestamp time.Time // of the last change, in UTC, to the second; zero when not told
}

// PresencePerson is what the person is doing (RFC 4479 section 3.2). When a
// document speaks of several persons, which are then several sources about one,
// this is what they say together.
type PresencePerson struct {
	// Activities are those of RFC 4480 section 3.2: away, busy, meeting,
	// on-the-phone, …; or the words of the person for another activity.
	Activities []string
	Notes      []PresenceNote
	Timestamp  time.Time // of the last change, in UTC, to the second; zero when not told
}

// PresenceNote is text for people.
type PresenceNote struct {
	Text string
	Lang string // of Text, such as "de"; "" when not told (RFC 3863 section 4.1.6)
}

// Open tells whether somebody can be reached at all: one of the tuples is open.
func (p Presence) Open() bool {
	return slices.ContainsFunc(p.Tuples, func(t PresenceTuple) bool { return t.Basic == "open" })
}

// The namespaces of presence documents.
const (
	spacePIDF      = "urn:ietf:params:xml:ns:pidf"            // RFC 3863
	spaceDataModel = "urn:ietf:params:xml:ns:pidf:data-model" // RFC 4479
	spaceRPID      = "urn:ietf:params:xml:ns:pidf:rpid"       // RFC 4480
)

// ParsePresence reads a presence document. Errors are *Error with CodeProtocol.
func ParsePresence(body []byte) (Presence, error) {
	e, err := parseDocument(body, "presence")
	if err != nil {
		return Presence{}, err
	}
	p := Presence{Entity: ident(e.Attr("entity")), Notes: presenceNotes(e.All("note"))}
	for _, t := range e.All("tuple") {
		contact := t.Child("contact")
		tuple := PresenceTuple{
			ID:        ident(t.Attr("id")),
			Basic:     word(t.Child("status").Child("basic").Text()),
			Contact:   ident(contact.Text()),
			Notes:     presenceNotes(t.All("note")),
			Timestamp: instant(t.Child("timestamp").Text()),
		}
		if contact != nil {
			tuple.Priority = thousandths(contact.Attr("priority"), 0)
		}
		p.Tuples = append(p.Tuples, tuple)
	}
	// By the local name alone: Asterisk and others use the namespaces of drafts.
	for _, c := range e.Children {
		if c.Local == "person" {
			p.Person.read(c)
		}
	}
	return p, nil
}

// read adds a person element, or the status element that drafts had inside.
func (p *PresencePerson) read(e *xml.Element) {
	for _, c := range e.Children {
		switch c.Local {
		case "status":
			for _, a := range c.Children {
				if a.Local == "activities" {
					p.readActivities(a)
				}
			}
		case "activities":
			p.readActivities(c)
		case "note":
			p.Notes = append(p.Notes, presenceNote(c))
		case "timestamp":
			if t := instant(c.Text()); t.After(p.Timestamp) {
				p.Timestamp = t
			}
		}
	}
}

func (p *PresencePerson) readActivities(e *xml.Element) {
	for _, c := range e.Children {
		name := word(c.Local)
		switch name {
		case "note":
			p.Notes = append(p.Notes, presenceNote(c))
			continue
		case "other", "activity": // the second is that of drafts
			if words := label(c.Text(), 200); words != "" {
				name = words
			}
		}
		// a person who does more than a hundred things at a time is somebody's attack
		if len(p.Activities) < 100 && !slices.Contains(p.Activities, name) {
			p.Activities = append(p.Activities, name)
		}
	}
}

func presenceNotes(all []*xml.Element) (notes []PresenceNote) {
	for _, e := range all {
		notes = append(notes, presenceNote(e))
	}
	return notes
}

func presenceNote(e *xml.Element) PresenceNote {
	return PresenceNote{Text: label(e.Text(), 1000), Lang: label(e.AttrIn(xml.SpaceXML, "lang"), 40)}
}

// activities are the elements of RFC 4480 section 3.2.
const activities = " appointment away breakfast busy dinner holiday in-transit looking-for-work lunch meal meeting on-the-phone" +
	" performance permanent-absence playing presentation shopping sleeping spectator steering travel tv unknown vacation working worship other "

// PIDF writes a presence document (application/pidf+xml) to publish or notify.
// Text may be anything; what XML cannot hold is left out. A tuple without an ID
// gets one. A status other than open and closed is left out, an activity that
// RFC 4480 does not know becomes the text of its element other.
func (p Presence) PIDF() []byte {
	w := &pidfWriter{}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<presence xmlns="` + spacePIDF + `"`)
	w.attr("entity", p.Entity)
	w.WriteString(">\n")
	for i, t := range p.Tuples {
		if t.ID == "" {
			t.ID = "t" + strconv.Itoa(i+1) // an xs:ID begins with a letter
		}
		w.WriteString("<tuple")
		w.attr("id", t.ID)
		w.WriteString("><status>")
		if t.Basic == "open" || t.Basic == "closed" {
			w.WriteString("<basic>" + t.Basic + "</basic>")
		}
		w.WriteString("</status>")
		if t.Contact != "" {
			w.WriteString("<contact")
			if t.Priority > 0 {
				w.attr("priority", decimal(min(t.Priority, 1000)))
			}
			w.text(t.Contact, "</contact>")
		}
		w.notes("note", t.Notes)
		w.timestamp("timestamp", t.Timestamp)
		w.WriteString("</tuple>\n")
	}
	w.notes("note", p.Notes)
	if person := p.Person; len(person.Activities) > 0 || len(person.Notes) > 0 {
		w.WriteString(`<dm:person xmlns:dm="` + spaceDataModel + `" xmlns:rpid="` + spaceRPID + `" id="p1">`)
		if len(person.Activities) > 0 {
			w.WriteString("<rpid:activities>")
			for _, a := range person.Activities {
				if !strings.Contains(a, " ") && strings.Contains(activities, " "+a+" ") {
					w.WriteString("<rpid:" + a + "/>")
					continue
				}
				w.WriteString("<rpid:other")
				w.text(a, "</rpid:other>")
			}
			w.WriteString("</rpid:activities>")
		}
		w.notes("dm:note", person.Notes)
		w.timestamp("dm:timestamp", person.Timestamp)
		w.WriteString("</dm:person>\n")
	}
	w.WriteString("</presence>\n")
	return []byte(w.String())
}

// decimal writes thousandths as a decimal from 0 to 1.
func decimal(n int) string {
	if n == 1000 {
		return "1"
	}
	return fmt.Sprintf("0.%03d", n)
}

type pidfWriter struct{ strings.Builder }

func (w *pidfWriter) notes(name string, notes []PresenceNote) {
	for _, n := range notes {
		w.WriteString("<" + name)
		if n.Lang != "" {
			w.attr("xml:lang", n.Lang)
		}
		w.text(n.Text, "</"+name+">")
	}
}

func (w *pidfWriter) timestamp(name string, t time.Time) {
	if !t.IsZero() {
		year, month, day := t.UTC().Date()
		hour, minute, second := t.UTC().Clock()
		fmt.Fprintf(w, "<%s>%04d-%02d-%02dT%02d:%02d:%02dZ</%s>", name, year, int(month), day, hour, minute, second, name)
	}
}

func (w *pidfWriter) attr(name, value string) {
	w.WriteString(" " + name + `="`)
	w.escape(value)
	w.WriteString(`"`)
}

// text ends a start tag and writes what is in the element, and the end tag.
func (w *pidfWriter) text(s, end string) {
	w.WriteString(">")
	w.escape(s)
	w.WriteString(end)
}

// escape writes text so that it is text in an element and between quotes.
func (w *pidfWriter) escape(s string) {
	for _, r := range strings.ToValidUTF8(s, "") {
		switch r {
		case '&':
			w.WriteString("&amp;")
		case '<':
			w.WriteString("&lt;")
		case '>':
			w.WriteString("&gt;")
		case '"':
			w.WriteString("&quot;")
		case '\t', '\n', '\r':
			w.WriteString("&#" + strconv.Itoa(int(r)) + ";") // or an attribute would lose it
		default:
			if r >= 0x20 && r != 0xfffe && r != 0xffff { // XML 1.0 section 2.2
				w.WriteRune(r)
			}
		}
	}
}
