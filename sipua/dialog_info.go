package sipua

import "github.com/sipwasm/sipwasm/sipua/internal/xml"

// DialogInfo is the body of the event package dialog: the calls of somebody, as
// busy lamps and call pickup need them (RFC 4235 section 4,
// application/dialog-info+xml).
type DialogInfo struct {
	Version int           // counts the documents of a subscription
	State   DocumentState // full or partial
	Entity  string        // whose dialogs: a URI
	Dialogs []DialogState
}

// DialogState is one dialog of a [DialogInfo] (RFC 4235 section 4.1.1), seen from
// the watched side. All but ID and State may be "".
type DialogState struct {
	ID string // of the dialog in these documents

	// The identifiers of the SIP dialog, for a Replaces header field. They are
	// missing when the server keeps them to itself, and before they exist.
	CallID, LocalTag, RemoteTag string

	Direction string // initiator: the watched side called; recipient: it was called
	State     string // trying, proceeding, early, confirmed or terminated (section 3.7.1)
	Event     string // what led to State: cancelled, rejected, replaced, local-bye, remote-bye, error, timeout
	Code      int    // the status of the response that did, 0 when there was none
	Duration  int    // of the dialog in seconds, 0 when not told (section 4.1.3)

	Replaces   DialogReplaces // the dialog that this one takes the place of (section 4.1.4)
	ReferredBy DialogParty    // who asked for the call (section 4.1.5)

	Local, Remote DialogParty // section 4.1.6
}

// DialogReplaces names the dialog that another one replaces. It is empty when
// there is none.
type DialogReplaces struct{ CallID, LocalTag, RemoteTag string }

// DialogParty is one side of a dialog. All fields may be "".
type DialogParty struct {
	DisplayName  string
	URI          string  // the identity
	Target       string  // the URI of the device
	TargetParams []Param // of the device's Contact, such as +sip.rendering "no": on hold
}

// ParseDialogInfo reads a dialog-info document. Errors are *Error with
// CodeProtocol.
func ParseDialogInfo(body []byte) (DialogInfo, error) {
	e, version, state, err := parseVersioned(body, "dialog-info")
	if err != nil {
		return DialogInfo{}, err
	}
	if state == DocumentDeleted {
		return DialogInfo{}, badBody("dialog-info", "the state is neither full nor partial")
	}
	d := DialogInfo{Version: version, State: state, Entity: ident(e.Attr("entity"))}
	for _, c := range e.All("dialog") {
		d.Dialogs = append(d.Dialogs, dialogState(c))
	}
	return d, nil
}

func dialogState(e *xml.Element) DialogState {
	d := DialogState{
		ID:        ident(e.Attr("id")),
		CallID:    ident(e.Attr("call-id")),
		LocalTag:  ident(e.Attr("local-tag")),
		RemoteTag: ident(e.Attr("remote-tag")),
		Direction: word(e.Attr("direction")),
		Duration:  numberOr(e.Child("duration").Text(), 0),
		Local:     dialogParty(e.Child("local")),
		Remote:    dialogParty(e.Child("remote")),
	}
	if s := e.Child("state"); s != nil {
		d.State, d.Event, d.Code = word(s.Text()), word(s.Attr("event")), numberOr(s.Attr("code"), 0)
	}
	if r := e.Child("replaces"); r != nil {
		d.Replaces = DialogReplaces{ident(r.Attr("call-id")), ident(r.Attr("local-tag")), ident(r.Attr("remote-tag"))}
	}
	if r := e.Child("referred-by"); r != nil {
		d.ReferredBy = DialogParty{DisplayName: displayName(r.Attr("display")), URI: ident(r.Text())}
	}
	return d
}

func dialogParty(e *xml.Element) (p DialogParty) {
	if i := e.Child("identity"); i != nil {
		p.DisplayName, p.URI = displayName(i.Attr("display")), ident(i.Text())
	}
	target := e.Child("target")
	if target != nil {
		p.Target = ident(target.Attr("uri"))
	}
	for _, c := range target.All("param") {
		value := c.Attr("pval")
		if value == "" {
			value = c.Attr("pvalue") // as Asterisk and others write it
		}
		p.TargetParams = append(p.TargetParams, Param{ident(c.Attr("pname")), ident(value)})
	}
	return p
}

// Lamp is the state of a busy lamp.
type Lamp string

// The states of a busy lamp.
const (
	LampIdle    Lamp = "idle"    // there is no call
	LampRinging Lamp = "ringing" // there is a call to pick up
	LampBusy    Lamp = "busy"    // there are calls, and none to pick up
)

// Lamp returns the state of a busy lamp for the watched side. For a subscription
// it is that of the merged document.
//
// A dialog is ringing when it is trying, proceeding or early and the watched
// side did not begin it: the direction is recipient, or not told as by Asterisk.
// It is busy when it is confirmed, or trying, proceeding or early with the
// direction initiator. Others do not count. One ringing dialog makes the lamp
// ringing, even beside busy ones: it is the one that somebody can do something
// about.
func (d DialogInfo) Lamp() Lamp {
	lamp := LampIdle
	for i := range d.Dialogs {
		one := &d.Dialogs[i]
		switch one.State {
		case "confirmed":
			lamp = LampBusy
		case "trying", "proceeding", "early":
			if one.Direction != "initiator" {
				return LampRinging
			}
			lamp = LampBusy
		}
	}
	return lamp
}

// Merge returns the state after the document d, when previous is the result of
// the Merge before, or the zero value at the beginning of a subscription. It
// follows RFC 4235 section 4.3; what it does with which version is written at
// [DocumentUpdate]. The result has the state partial as long as something may be
// missing. A terminated dialog is in the result of the document that said so and
// not in the next one.
func (d DialogInfo) Merge(previous DialogInfo) (DialogInfo, DocumentUpdate) {
	update := updateOf(d.State, d.Version, previous.State, previous.Version)
	if update == DocumentStale {
		return previous, update
	}
	if d.State != DocumentPartial {
		return d, update
	}
	merged := d
	if update == DocumentApplied {
		merged.State = previous.State
	}
	merged.Dialogs = nil
	row := make(map[string]int)
	put := func(one *DialogState) {
		i, ok := row[one.ID]
		if !ok {
			i = len(merged.Dialogs)
			row[one.ID] = i
			merged.Dialogs = append(merged.Dialogs, DialogState{})
		}
		merged.Dialogs[i] = *one
	}
	for i := range previous.Dialogs {
		if old := &previous.Dialogs[i]; old.State != "terminated" {
			put(old)
		}
	}
	for i := range d.Dialogs {
		put(&d.Dialogs[i])
	}
	if len(merged.Dialogs) > maxRows {
		return previous, DocumentGap
	}
	return merged, update
}
