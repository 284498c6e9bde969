package sipua

import "github.com/sipwasm/sipwasm/sipua/internal/xml"

// RegistrationInfo is the body of the event package reg: the bindings that a
// registrar holds (RFC 3680 section 5, application/reginfo+xml, with the GRUUs of
// RFC 5628).
type RegistrationInfo struct {
	Version       int           // counts the documents of a subscription
	State         DocumentState // full or partial
	Registrations []RegistrationEntry
}

// RegistrationEntry is the registration of one address of record (RFC 3680
// section 5.1).
type RegistrationEntry struct {
	AOR      string // the address of record, a URI
	ID       string // of the registration in these documents
	State    string // init, active or terminated
	Contacts []RegistrationContact
}

// RegistrationContact is one binding (RFC 3680 section 5.1). All but ID, State,
// Event and URI may be missing.
type RegistrationContact struct {
	ID    string // of the binding in these documents
	State string // active or terminated
	Event string // what led to State: registered, created, refreshed, shortened, expired, deactivated, probation, unregistered, rejected

	Expires            int // seconds left, 0 when not told
	RetryAfter         int // seconds after which a probation may be tried again, 0 when not told
	DurationRegistered int // seconds since it was registered, 0 when not told
	Q                  int // the q-value in thousandths, 0 to 1000; -1 when not told

	CallID string // of the last REGISTER
	CSeq   int    // of the last REGISTER, 0 when not told

	URI         string
	DisplayName string
	Params      []Param // of the Contact, which RFC 3680 calls unknown: +sip.instance, …

	PublicGRUU        string // RFC 5628 section 5.1
	TemporaryGRUU     string // the newest
	TemporaryGRUUCSeq int    // the CSeq of the REGISTER from which on it holds, 0 when not told
}

// ParseRegistrationInfo reads a reginfo document. Errors are *Error with
// CodeProtocol.
func ParseRegistrationInfo(body []byte) (RegistrationInfo, error) {
	e, version, state, err := parseVersioned(body, "reginfo")
	if err != nil {
		return RegistrationInfo{}, err
	}
	if state == DocumentDeleted {
		return RegistrationInfo{}, badBody("reginfo", "the state is neither full nor partial")
	}
	info := RegistrationInfo{Version: version, State: state}
	for _, c := range e.All("registration") {
		r := RegistrationEntry{AOR: ident(c.Attr("aor")), ID: ident(c.Attr("id")), State: word(c.Attr("state"))}
		for _, contact := range c.All("contact") {
			r.Contacts = append(r.Contacts, registrationContact(contact))
		}
		info.Registrations = append(info.Registrations, r)
	}
	return info, nil
}

func registrationContact(e *xml.Element) RegistrationContact {
	c := RegistrationContact{
		ID:                 ident(e.Attr("id")),
		State:              word(e.Attr("state")),
		Event:              word(e.Attr("event")),
		Expires:            numberOr(e.Attr("expires"), 0),
		RetryAfter:         numberOr(e.Attr("retry-after"), 0),
		DurationRegistered: numberOr(e.Attr("duration-registered"), 0),
		Q:                  thousandths(e.Attr("q"), -1),
		CallID:             ident(e.Attr("callid")),
		CSeq:               numberOr(e.Attr("cseq"), 0),
		URI:                ident(e.Child("uri").Text()),
		DisplayName:        displayName(e.Child("display-name").Text()),
	}
	for _, p := range e.All("unknown-param") {
		c.Params = append(c.Params, Param{ident(p.Attr("name")), ident(p.Text())})
	}
	for _, g := range e.Children { // by the local name alone: servers forget to declare the namespace of RFC 5628
		switch g.Local {
		case "pub-gruu":
			c.PublicGRUU = ident(g.Attr("uri"))
		case "temp-gruu":
			c.TemporaryGRUU, c.TemporaryGRUUCSeq = ident(g.Attr("uri")), numberOr(g.Attr("first-cseq"), 0)
		}
	}
	return c
}

// Merge returns the state after the document r, when previous is the result of
// the Merge before, or the zero value at the beginning of a subscription. It
// follows RFC 3680 section 5.2; what it does with which version is written at
// [DocumentUpdate]. The result has the state partial as long as something may be
// missing. What is terminated is in the result of the document that said so and
// not in the next one.
func (r RegistrationInfo) Merge(previous RegistrationInfo) (RegistrationInfo, DocumentUpdate) {
	update := updateOf(r.State, r.Version, previous.State, previous.Version)
	if update == DocumentStale {
		return previous, update
	}
	if r.State != DocumentPartial {
		return r, update
	}
	merged := r
	if update == DocumentApplied {
		merged.State = previous.State
	}
	merged.Registrations = nil
	row := make(map[string]int)
	for _, old := range previous.Registrations {
		if old.State != "terminated" {
			row[old.ID] = len(merged.Registrations)
			merged.Registrations = append(merged.Registrations, old)
		}
	}
	changed := make(map[int]bool)
	for _, one := range r.Registrations {
		i, ok := row[one.ID]
		if !ok {
			i = len(merged.Registrations)
			row[one.ID] = i
			merged.Registrations = append(merged.Registrations, RegistrationEntry{})
		}
		known := merged.Registrations[i].Contacts
		if changed[i] { // twice in one document, which is not allowed
			one.Contacts = append(known, one.Contacts...)
		} else {
			one.Contacts = mergeContacts(known, one.Contacts)
		}
		changed[i] = true
		merged.Registrations[i] = one
	}
	rows := 0
	for i := range merged.Registrations {
		one := &merged.Registrations[i]
		if !changed[i] {
			one.Contacts = mergeContacts(one.Contacts, nil)
		}
		rows += 1 + len(one.Contacts)
	}
	if rows > maxRows {
		return previous, DocumentGap
	}
	return merged, update
}

// mergeContacts puts changed bindings over known ones, of which those that are
// terminated are dropped first.
func mergeContacts(known, changed []RegistrationContact) (merged []RegistrationContact) {
	row := make(map[string]int)
	put := func(one *RegistrationContact) {
		i, ok := row[one.ID]
		if !ok {
			i = len(merged)
			row[one.ID] = i
			merged = append(merged, RegistrationContact{})
		}
		merged[i] = *one
	}
	for i := range known {
		if old := &known[i]; old.State != "terminated" {
			put(old)
		}
	}
	for i := range changed {
		put(&changed[i])
	}
	return merged
}
