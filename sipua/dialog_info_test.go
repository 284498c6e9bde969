package sipua_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func dialogInfo(t *testing.T, body string) sipua.DialogInfo {
	t.Helper()
	d, err := sipua.ParseDialogInfo([]byte(body))
	require.NoError(t, err, body)
	return d
}

func TestDialogInfoRFC4235(t *testing.T) {
	// section 4.2: everything that a document may hold
	d := dialogInfo(t, `<?xml version="1.0" encoding="UTF-8"?>
   <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"
                xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
                xsi:schemaLocation="urn:ietf:params:xml:ns:dialog-info"
                version="1" state="full" entity="sip:alice@example.com">
     <dialog id="123456">
       <state>confirmed</state>
       <duration>274</duration>
       <local>
         <identity display="Alice">sip:alice@example.com</identity>
         <target uri="sip:alice@pc33.example.com">
           <param pname="isfocus" pval="true"/>
           <param pname="class" pval="personal"/>
         </target>
       </local>
       <remote>
         <identity display="Bob">sip:bob@example.org</identity>
         <target uri="sip:bobster@phone21.example.org"/>
       </remote>
     </dialog>
   </dialog-info>`)
	require.Equal(t, sipua.DialogInfo{
		Version: 1, State: "full", Entity: "sip:alice@example.com",
		Dialogs: []sipua.DialogState{{
			ID: "123456", State: "confirmed", Duration: 274,
			Local: sipua.DialogParty{
				DisplayName: "Alice", URI: "sip:alice@example.com", Target: "sip:alice@pc33.example.com",
				TargetParams: []sipua.Param{{Name: "isfocus", Value: "true"}, {Name: "class", Value: "personal"}},
			},
			Remote: sipua.DialogParty{DisplayName: "Bob", URI: "sip:bob@example.org", Target: "sip:bobster@phone21.example.org"},
		}},
	}, d)

	// section 6.1: a forked call that was replaced, with all identifiers
	d = dialogInfo(t, `<?xml version="1.0"?>
   <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="partial" entity="sip:alice@example.com">
     <dialog id="zxcnm3" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="8736347" direction="initiator">
       <state event="rejected" code="486">terminated</state>
       <replaces call-id="hg287s98s89" local-tag="6762h7" remote-tag="09278hsb"/>
       <referred-by display="Bob">sip:bob@example.com</referred-by>
     </dialog>
   </dialog-info>`)
	require.Equal(t, []sipua.DialogState{{
		ID: "zxcnm3", CallID: "a84b4c76e66710", LocalTag: "1928301774", RemoteTag: "8736347", Direction: "initiator",
		State: "terminated", Event: "rejected", Code: 486,
		Replaces:   sipua.DialogReplaces{CallID: "hg287s98s89", LocalTag: "6762h7", RemoteTag: "09278hsb"},
		ReferredBy: sipua.DialogParty{DisplayName: "Bob", URI: "sip:bob@example.com"},
	}}, d.Dialogs)
	require.Equal(t, sipua.DocumentPartial, d.State)
}

// What servers really send.
func TestDialogInfoOfServers(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		lamp sipua.Lamp
		want sipua.DialogInfo
	}{
		"Asterisk, idle": {
			"<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" entity=\"sip:2001@192.0.2.27\">\n" +
				"<dialog id=\"2001\">\n<state>terminated</state>\n</dialog>\n</dialog-info>\n",
			sipua.LampIdle,
			sipua.DialogInfo{State: "full", Entity: "sip:2001@192.0.2.27", Dialogs: []sipua.DialogState{{ID: "2001", State: "terminated"}}},
		},
		"Asterisk, ringing": {
			`<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="4" state="full" entity="sip:2001@192.0.2.27">` +
				`<dialog id="2001" call-id="pickup-abc" direction="recipient"><remote><identity display="J&#xFC;rgen &lt;Chef&gt;">sip:2002@192.0.2.27</identity>` +
				`<target uri="sip:2002@192.0.2.27"/></remote><local><identity display="2001">sip:2001@192.0.2.27</identity>` +
				`<target uri="sip:2001@192.0.2.27"><param pname="+sip.rendering" pvalue="yes"/></target></local><state>early</state></dialog></dialog-info>`,
			sipua.LampRinging,
			sipua.DialogInfo{Version: 4, State: "full", Entity: "sip:2001@192.0.2.27", Dialogs: []sipua.DialogState{{
				ID: "2001", CallID: "pickup-abc", Direction: "recipient", State: "early",
				Remote: sipua.DialogParty{DisplayName: "Jürgen <Chef>", URI: "sip:2002@192.0.2.27", Target: "sip:2002@192.0.2.27"},
				Local:  sipua.DialogParty{DisplayName: "2001", URI: "sip:2001@192.0.2.27", Target: "sip:2001@192.0.2.27", TargetParams: []sipua.Param{{Name: "+sip.rendering", Value: "yes"}}},
			}}},
		},
		"Kamailio: version with zeros, prefixes, no dialog": {
			`<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + "\n" +
				`<di:dialog-info xmlns:di="urn:ietf:params:xml:ns:dialog-info" version="00000000012" state="full" entity="sip:bob@example.com"/>`,
			sipua.LampIdle,
			sipua.DialogInfo{Version: 12, State: "full", Entity: "sip:bob@example.com"},
		},
		"FreeSWITCH: no namespace, partial, UTF-8": {
			`<?xml version="1.0"?><dialog-info version="7" state="partial" entity="sip:1000@example.com"><dialog id="f81d4fae" direction="initiator">` +
				`<state>CONFIRMED</state><local><identity display="Zoë">sip:1000@example.com</identity></local></dialog></dialog-info>`,
			sipua.LampBusy,
			sipua.DialogInfo{Version: 7, State: "partial", Entity: "sip:1000@example.com", Dialogs: []sipua.DialogState{{
				ID: "f81d4fae", Direction: "initiator", State: "confirmed", Local: sipua.DialogParty{DisplayName: "Zoë", URI: "sip:1000@example.com"},
			}}},
		},
		"prefix never declared, extensions, no version, no state": {
			`<x:dialog-info entity="sip:a@example.com"><y:dialog id="extension"/><x:dialog id=" 1 "><x:state code="x">early</x:state><x:duration>-1</x:duration></x:dialog></x:dialog-info>`,
			sipua.LampRinging,
			sipua.DialogInfo{State: "full", Entity: "sip:a@example.com", Dialogs: []sipua.DialogState{{ID: "1", State: "early"}}},
		},
		"text that would fool people": {
			"<dialog-info version='1' state='full'><dialog id='1'><remote><identity display='\u202eBob&#10;&#x2028;\u0085\tRoss " + strings.Repeat("x", 300) + "'>sip:b</identity></remote></dialog></dialog-info>",
			sipua.LampIdle,
			sipua.DialogInfo{Version: 1, State: "full", Dialogs: []sipua.DialogState{{ID: "1", Remote: sipua.DialogParty{
				DisplayName: "Bob Ross " + strings.Repeat("x", 191) + "…", URI: "sip:b",
			}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dialogInfo(t, c.body)
			require.Equal(t, c.want, d)
			require.Equal(t, c.lamp, d.Lamp())
		})
	}
}

func TestDialogInfoRefused(t *testing.T) {
	for body, reason := range map[string]string{
		"":                                     "no element",
		"Messages-Waiting: yes":                "text outside",
		"<presence/>":                          `the root element is "presence"`,
		"<" + strings.Repeat("a", 1000) + "/>": "the root element is",
		"<dialog-info version='x'/>":           `the version "x" is no number`,
		"<dialog-info version='-1'/>":          "is no number",
		"<dialog-info version='99999999999999999999'/>":                        "is no number",
		"<dialog-info version='\u202e&#10;" + strings.Repeat("9", 500) + "'/>": "is no number",
		"<dialog-info state='deleted'/>":                                       "neither full nor partial",
		"<dialog-info state='whole'/>":                                         `the state "whole" is not known`,
		"<dialog-info><dialog></dialog-info>":                                  "end tag",
		`<!DOCTYPE x [<!ENTITY a "b">]><dialog-info/>`:                         "document type declaration",
		"<dialog-info>\x00</dialog-info>":                                      "U+0000",
		strings.Repeat("<dialog-info>", 100):                                   "nested more than",
	} {
		d, err := sipua.ParseDialogInfo([]byte(body))
		badBody(t, err, reason)
		require.Zero(t, d)
	}
}

func TestDialogInfoLamp(t *testing.T) {
	// state of the dialog × direction
	for state, lamps := range map[string][3]sipua.Lamp{ // recipient, initiator, not told
		"trying":     {"ringing", "busy", "ringing"},
		"proceeding": {"ringing", "busy", "ringing"},
		"early":      {"ringing", "busy", "ringing"},
		"confirmed":  {"busy", "busy", "busy"},
		"terminated": {"idle", "idle", "idle"},
		"":           {"idle", "idle", "idle"},
		"strange":    {"idle", "idle", "idle"},
	} {
		for i, direction := range []string{"recipient", "initiator", ""} {
			one := sipua.DialogState{State: state, Direction: direction}
			require.Equal(t, lamps[i], sipua.DialogInfo{Dialogs: []sipua.DialogState{one}}.Lamp(), "%s %s", state, direction)
			beside := sipua.DialogInfo{Dialogs: []sipua.DialogState{{State: "confirmed"}, one, {State: "terminated"}}}
			if want := beside.Lamp(); lamps[i] == sipua.LampRinging {
				require.Equal(t, sipua.LampRinging, want, "%s %s", state, direction)
			} else {
				require.Equal(t, sipua.LampBusy, want, "%s %s", state, direction)
			}
		}
	}
	require.Equal(t, sipua.LampIdle, sipua.DialogInfo{}.Lamp())
}

// dialogs makes a document of ids with a state, "1:early 2:confirmed".
func dialogs(version int, state sipua.DocumentState, text string) sipua.DialogInfo {
	d := sipua.DialogInfo{Version: version, State: state, Entity: "sip:a@example.com"}
	for one := range strings.FieldsSeq(text) {
		id, state, _ := strings.Cut(one, ":")
		d.Dialogs = append(d.Dialogs, sipua.DialogState{ID: id, State: state})
	}
	return d
}

// The table at DocumentUpdate, each row with the state that results.
func TestDialogInfoMerge(t *testing.T) {
	none := sipua.DialogInfo{}
	known := dialogs(5, "full", "1:early 2:confirmed 3:terminated")
	for _, c := range []struct {
		name            string
		document, known sipua.DialogInfo
		update          sipua.DocumentUpdate
		want            sipua.DialogInfo
	}{
		{"full first", dialogs(0, "full", "1:early"), none, "applied", dialogs(0, "full", "1:early")},
		{"full next", dialogs(6, "full", "9:early"), known, "applied", dialogs(6, "full", "9:early")},
		{"full after a gap", dialogs(60, "full", ""), known, "applied", dialogs(60, "full", "")},
		{"full from a server that counts anew", dialogs(0, "full", "9:early"), known, "applied", dialogs(0, "full", "9:early")},
		{"partial first", dialogs(0, "partial", "1:early"), none, "gap", dialogs(0, "partial", "1:early")},
		{"partial next", dialogs(6, "partial", "4:trying 1:confirmed"), known, "applied", dialogs(6, "full", "1:confirmed 2:confirmed 4:trying")},
		{"partial, one ends", dialogs(6, "partial", "1:terminated"), known, "applied", dialogs(6, "full", "1:terminated 2:confirmed")},
		{"partial, one twice", dialogs(6, "partial", "4:trying 4:early"), known, "applied", dialogs(6, "full", "1:early 2:confirmed 4:early")},
		{"partial again", dialogs(5, "partial", "1:terminated"), known, "stale", known},
		{"partial old", dialogs(4, "partial", "1:terminated"), known, "stale", known},
		{"partial after a gap", dialogs(7, "partial", "1:confirmed"), known, "gap", dialogs(7, "partial", "1:confirmed 2:confirmed")},
		{"partial after partial", dialogs(8, "partial", "2:terminated"), dialogs(7, "partial", "1:confirmed"), "applied", dialogs(8, "partial", "1:confirmed 2:terminated")},
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

// A server that names new dialogs for ever cannot make us keep them.
func TestDialogInfoMergeIsBounded(t *testing.T) {
	state := dialogs(0, "full", "")
	for version := 1; ; version++ {
		var ids strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&ids, "%d-%d:early ", version, i)
		}
		next, update := dialogs(version, "partial", ids.String()).Merge(state)
		if update == sipua.DocumentGap {
			require.Equal(t, state, next)
			require.Equal(t, 4, version)
			return
		}
		state = next
	}
}
