package dialog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Record is a confirmed dialog as text and numbers, which outlives the program.
type Record struct {
	ID                    ID
	Local, Remote         string // URIs
	LocalName, RemoteName string
	Target                string
	Routes                []string
	LocalSeq, RemoteSeq   uint32
	Caller                bool // we have sent the INVITE that made it
}

// Record returns what Restore needs.
func (d *Dialog) Record() Record {
	r := Record{
		ID: d.ID, Local: d.Local.String(), Remote: d.Remote.String(), LocalName: d.LocalName, RemoteName: d.RemoteName,
		Target: d.RemoteTarget.String(), LocalSeq: d.localSeq, RemoteSeq: d.remoteSeq, Caller: d.caller,
	}
	for i := range d.RouteSet {
		r.Routes = append(r.Routes, d.RouteSet[i].String())
	}
	return r
}

// Restore makes the dialog of a record. It takes nothing on trust.
func Restore(r Record) (*Dialog, error) {
	if r.ID.CallID == "" || r.ID.LocalTag == "" {
		return nil, errors.New("the dialog has no Call-ID or tag")
	}
	for _, s := range []string{r.ID.CallID, r.ID.LocalTag, r.ID.RemoteTag, r.LocalName, r.RemoteName} {
		if err := message.CheckValue(s); err != nil {
			return nil, fmt.Errorf("the dialog %w", err)
		}
	}
	if strings.ContainsAny(r.ID.LocalTag+r.ID.RemoteTag, " \t;,\"<>") || strings.ContainsAny(r.ID.CallID, " \t") {
		return nil, errors.New("the dialog has a Call-ID or tag that is none")
	}
	if r.LocalSeq >= 1<<31 { // RFC 3261 section 8.1.1.5
		return nil, errors.New("the dialog has a sequence number that is none")
	}
	d := &Dialog{ID: r.ID, State: Confirmed, LocalName: r.LocalName, RemoteName: r.RemoteName,
		caller: r.Caller, localSeq: r.LocalSeq, remoteSeq: r.RemoteSeq, hasRemote: r.RemoteSeq > 0}
	for _, u := range []struct {
		text string
		uri  *sip.Uri
	}{{r.Local, &d.Local}, {r.Remote, &d.Remote}, {r.Target, &d.RemoteTarget}} {
		uri, err := message.ParseURI(u.text)
		if err != nil {
			return nil, fmt.Errorf("the dialog has the URI %q: %w", u.text, err)
		}
		*u.uri = uri
	}
	for _, text := range r.Routes {
		uri, err := message.ParseURI(text)
		if err != nil {
			return nil, fmt.Errorf("the dialog has the route %q: %w", text, err)
		}
		d.RouteSet = append(d.RouteSet, uri)
	}
	return d, nil
}
