package sipua_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func registrationInfo(t *testing.T, body string) sipua.RegistrationInfo {
	t.Helper()
	r, err := sipua.ParseRegistrationInfo([]byte(body))
	require.NoError(t, err, body)
	return r
}

func TestRegistrationInfoRFC3680(t *testing.T) {
	// section 5.3
	require.Equal(t, sipua.RegistrationInfo{
		State: "full",
		Registrations: []sipua.RegistrationEntry{{
			AOR: "sip:user@example.com", ID: "as9", State: "active",
			Contacts: []sipua.RegistrationContact{
				{ID: "76", State: "active", Event: "registered", DurationRegistered: 7322, Q: 800, URI: "sip:user@pc887.example.com"},
				{ID: "77", State: "terminated", Event: "expired", DurationRegistered: 3600, Q: 500, URI: "sip:user@university.edu"},
			},
		}},
	}, registrationInfo(t, `<?xml version="1.0"?>
       <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">
         <registration aor="sip:user@example.com" id="as9" state="active">
           <contact id="76" state="active" event="registered" duration-registered="7322" q="0.8"><uri>sip:user@pc887.example.com</uri></contact>
           <contact id="77" state="terminated" event="expired" duration-registered="3600" q="0.5"><uri>sip:user@university.edu</uri></contact>
         </registration>
       </reginfo>`))
}

// RFC 5628 section 6, and everything else that a contact may have.
func TestRegistrationInfoRFC5628(t *testing.T) {
	r := registrationInfo(t, `<?xml version="1.0"?>
   <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="3" state="partial">
     <registration aor="sip:user@example.com" id="as9" state="active">
       <contact id="76" state="active" event="probation" expires="3600" retry-after="30" q="1" callid="e46c4f@192.0.2.1" cseq="54301">
         <uri>
           sip:user@192.0.2.1
         </uri>
         <display-name xml:lang="en">Joe "&lt;&#x202E;User"</display-name>
         <unknown-param name="+sip.instance">"&lt;urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6&gt;"</unknown-param>
         <unknown-param name="+u.x"/>
         <gr:pub-gruu uri="sip:user@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"/>
         <gr:temp-gruu uri="sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr" first-cseq="54301"/>
         <uri xmlns="urn:other">sip:other@example.com</uri>
       </contact>
       <contact xmlns="urn:other" id="99"/>
     </registration>
   </reginfo>`)
	require.Equal(t, []sipua.RegistrationContact{{
		ID: "76", State: "active", Event: "probation", Expires: 3600, RetryAfter: 30, Q: 1000, CallID: "e46c4f@192.0.2.1", CSeq: 54301,
		URI: "sip:user@192.0.2.1", DisplayName: `Joe "<User"`,
		Params:        []sipua.Param{{Name: "+sip.instance", Value: `"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"`}, {Name: "+u.x"}},
		PublicGRUU:    "sip:user@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
		TemporaryGRUU: "sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr", TemporaryGRUUCSeq: 54301,
	}}, r.Registrations[0].Contacts)

	// prefixes that the examples do not have, and one that is not declared
	r = registrationInfo(t, `<r:reginfo xmlns:r="urn:ietf:params:xml:ns:reginfo" version="0" state="FULL"><r:registration id="1" aor="sip:a" state="init"/>`+
		`<r:registration id="2" aor="sip:b" state="Active"><r:contact id="3" state="active" event="created" expires="x" q="2"><r:uri>sip:c</r:uri><g:pub-gruu uri="sip:g"/></r:contact></r:registration></r:reginfo>`)
	require.Equal(t, sipua.RegistrationInfo{State: "full", Registrations: []sipua.RegistrationEntry{
		{AOR: "sip:a", ID: "1", State: "init"},
		{AOR: "sip:b", ID: "2", State: "active", Contacts: []sipua.RegistrationContact{{ID: "3", State: "active", Event: "created", Q: -1, URI: "sip:c", PublicGRUU: "sip:g"}}},
	}}, r)
}

func TestRegistrationInfoRefused(t *testing.T) {
	for body, reason := range map[string]string{
		"":                             "no element",
		"<dialog-info/>":               `the root element is "dialog-info"`,
		"<reginfo version='one'/>":     `the version "one" is no number`,
		"<reginfo state='deleted'/>":   "neither full nor partial",
		"<reginfo><registration>":      "the document ends inside",
		"<reginfo a='1' a='2'/>":       "comes twice",
		"<reginfo>&#0;</reginfo>":      "no reference",
		"<!DOCTYPE reginfo><reginfo/>": "document type declaration",
	} {
		_, err := sipua.ParseRegistrationInfo([]byte(body))
		badBody(t, err, reason)
	}
}

// bindings makes a document of registrations with their contacts,
// "a=active(1:active,2:terminated)".
func bindings(version int, state sipua.DocumentState, text string) sipua.RegistrationInfo {
	r := sipua.RegistrationInfo{Version: version, State: state}
	for one := range strings.FieldsSeq(text) {
		id, rest, _ := strings.Cut(one, "=")
		state, contacts, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "(")
		e := sipua.RegistrationEntry{ID: id, State: state}
		for c := range strings.SplitSeq(contacts, ",") {
			if id, state, ok := strings.Cut(c, ":"); ok {
				e.Contacts = append(e.Contacts, sipua.RegistrationContact{ID: id, State: state})
			}
		}
		r.Registrations = append(r.Registrations, e)
	}
	return r
}

// RFC 3680 section 5.2; each row of the table at DocumentUpdate.
func TestRegistrationInfoMerge(t *testing.T) {
	none := sipua.RegistrationInfo{}
	known := bindings(5, "full", "a=active(1:active,2:terminated) b=terminated(3:terminated) c=init()")
	for _, c := range []struct {
		name            string
		document, known sipua.RegistrationInfo
		update          sipua.DocumentUpdate
		want            sipua.RegistrationInfo
	}{
		{"full first", bindings(0, "full", "a=init()"), none, "applied", bindings(0, "full", "a=init()")},
		{"full next", bindings(6, "full", "a=init()"), known, "applied", bindings(6, "full", "a=init()")},
		{"full from a server that counts anew", bindings(0, "full", "a=init()"), known, "applied", bindings(0, "full", "a=init()")},
		{"partial first", bindings(0, "partial", "a=init()"), none, "gap", bindings(0, "partial", "a=init()")},
		{"nothing changed", bindings(6, "partial", ""), known, "applied", bindings(6, "full", "a=active(1:active) c=init()")},
		{"a binding more", bindings(6, "partial", "c=active(9:active)"), known, "applied", bindings(6, "full", "a=active(1:active) c=active(9:active)")},
		{"a binding ends", bindings(6, "partial", "a=terminated(1:terminated)"), known, "applied", bindings(6, "full", "a=terminated(1:terminated) c=init()")},
		{"a registration more", bindings(6, "partial", "d=active(7:active)"), known, "applied", bindings(6, "full", "a=active(1:active) c=init() d=active(7:active)")},
		{"one that was over begins again", bindings(6, "partial", "b=active(8:active)"), known, "applied", bindings(6, "full", "a=active(1:active) c=init() b=active(8:active)")},
		{"one twice", bindings(6, "partial", "a=active(7:active) a=active(8:active)"), known, "applied", bindings(6, "full", "a=active(1:active,7:active,8:active) c=init()")},
		{"partial again", bindings(5, "partial", "a=terminated(1:terminated)"), known, "stale", known},
		{"partial after a gap", bindings(8, "partial", "c=active(9:active)"), known, "gap", bindings(8, "partial", "a=active(1:active) c=active(9:active)")},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := fmt.Sprint(c.known)
			got, update := c.document.Merge(c.known)
			require.Equal(t, c.update, update)
			require.Equal(t, c.want, got)
			require.Equal(t, before, fmt.Sprint(c.known), "what was known is somebody else's")
		})
	}
}

func TestRegistrationInfoMergeIsBounded(t *testing.T) {
	state := bindings(0, "full", "a=active()")
	for version := 1; ; version++ {
		next := bindings(version, "partial", "a=active()")
		for i := range 3000 {
			next.Registrations[0].Contacts = append(next.Registrations[0].Contacts, sipua.RegistrationContact{ID: fmt.Sprint(version, i)})
		}
		merged, update := next.Merge(state)
		if update == sipua.DocumentGap {
			require.Equal(t, state, merged)
			require.Equal(t, 4, version)
			return
		}
		state = merged
	}
}
