package sipua_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func conferenceInfo(t *testing.T, body string) sipua.ConferenceInfo {
	t.Helper()
	c, err := sipua.ParseConferenceInfo([]byte(body))
	require.NoError(t, err, body)
	return c
}

// RFC 4575 section 6.
const conferenceFull = `<?xml version="1.0" encoding="UTF-8"?>
   <conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sips:conf233@example.com" state="full" version="1">
   <!-- CONFERENCE INFO -->
    <conference-description>
     <subject>Agenda: This month's goals</subject>
     <service-uris><entry><uri>http://sharepoint/salesgroup/</uri><purpose>web-page</purpose></entry></service-uris>
     <maximum-user-count>50</maximum-user-count>
    </conference-description>
   <!-- CONFERENCE STATE -->
    <conference-state><user-count>33</user-count><active>true</active><locked>0</locked></conference-state>
   <!-- USERS -->
    <users>
     <user entity="sip:bob@example.com" state="full">
      <display-text>Bob Hoskins</display-text>
   <!-- ENDPOINTS -->
      <endpoint entity="sip:bob@pc33.example.com">
       <display-text>Bob's Laptop</display-text>
       <status>disconnected</status>
       <disconnection-method>departed</disconnection-method>
       <disconnection-info><when>2005-03-04T20:00:00Z</when><reason>bad voice quality</reason><by>sip:mike@example.com</by></disconnection-info>
   <!-- MEDIA -->
       <media id="1"><display-text>main audio</display-text><type>audio</type><label>34567</label><src-id>432424</src-id><status>sendrecv</status></media>
      </endpoint>
     </user>
     <user entity="sip:alice@example.com" state="full">
      <display-text>Alice</display-text>
      <roles><entry>participant</entry><entry>speaker</entry></roles>
      <endpoint entity="sip:4kfk4j392jsu@example.com;grid=433kj4j3u">
       <status>connected</status>
       <joining-method>dialed-out</joining-method>
       <joining-info><when>2005-03-04T20:00:00Z</when><by>sip:mike@example.com</by></joining-info>
       <media id="1"><display-text>main audio</display-text><type>audio</type><label>34567</label><src-id>534232</src-id><status>sendrecv</status></media>
      </endpoint>
     </user>
    </users>
   </conference-info>`

func TestConferenceInfoRFC4575(t *testing.T) {
	require.Equal(t, sipua.ConferenceInfo{
		Entity: "sips:conf233@example.com", Version: 1, State: "full",
		Description: sipua.ConferenceDescription{State: "full", Subject: "Agenda: This month's goals", MaximumUserCount: 50},
		Status:      sipua.ConferenceStatus{State: "full", UserCount: 33, Active: "true", Locked: "false"},
		UsersState:  "full",
		Users: []sipua.ConferenceUser{{
			Entity: "sip:bob@example.com", State: "full", DisplayText: "Bob Hoskins",
			Endpoints: []sipua.ConferenceEndpoint{{
				Entity: "sip:bob@pc33.example.com", State: "full", DisplayText: "Bob's Laptop", Status: "disconnected", DisconnectionMethod: "departed",
				Media: []sipua.ConferenceMedia{{ID: "1", DisplayText: "main audio", Type: "audio", Label: "34567", SrcID: "432424", Status: "sendrecv"}},
			}},
		}, {
			Entity: "sip:alice@example.com", State: "full", DisplayText: "Alice", Roles: []string{"participant", "speaker"},
			Endpoints: []sipua.ConferenceEndpoint{{
				Entity: "sip:4kfk4j392jsu@example.com;grid=433kj4j3u", State: "full", Status: "connected", JoiningMethod: "dialed-out",
				Media: []sipua.ConferenceMedia{{ID: "1", DisplayText: "main audio", Type: "audio", Label: "34567", SrcID: "534232", Status: "sendrecv"}},
			}},
		}},
	}, conferenceInfo(t, conferenceFull))

	// what is not told, and elements of other namespaces
	require.Equal(t, sipua.ConferenceInfo{
		State: "partial", Version: 2,
		Description: sipua.ConferenceDescription{MaximumUserCount: -1},
		Status:      sipua.ConferenceStatus{UserCount: -1, State: "partial"},
	}, conferenceInfo(t, `<c:conference-info xmlns:c="urn:ietf:params:xml:ns:conference-info" state="partial" version="2">`+
		`<users/><c:conference-state state="partial"><c:active>perhaps</c:active><user-count>3</user-count></c:conference-state></c:conference-info>`))
	require.Equal(t, sipua.DocumentDeleted, conferenceInfo(t, `<conference-info state="deleted" version="3"/>`).State)
}

func TestConferenceInfoRefused(t *testing.T) {
	for body, reason := range map[string]string{
		"":                                 "no element",
		"<users/>":                         `the root element is "users"`,
		"<conference-info version='1.5'/>": `the version "1.5" is no number`,
		"<conference-info state='none'/>":  `the state "none" is not known`,
		conferenceFull[:900]:               "line",
	} {
		_, err := sipua.ParseConferenceInfo([]byte(body))
		badBody(t, err, reason)
	}
}

// shape writes a state in short: users with their endpoints and streams.
func shape(c sipua.ConferenceInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v%d %s %q/%d %d/%s/%s", c.Version, c.State, c.Description.Subject, c.Description.MaximumUserCount, c.Status.UserCount, c.Status.Active, c.Status.Locked)
	for _, u := range c.Users {
		fmt.Fprintf(&b, " | %s %s %v", u.Entity, u.DisplayText, u.Roles)
		for _, p := range u.Endpoints {
			fmt.Fprintf(&b, " %s=%s%s", p.Entity, p.Status, p.DisconnectionMethod)
			for _, m := range p.Media {
				fmt.Fprintf(&b, ",%s:%s", m.ID, m.Status)
			}
		}
	}
	return b.String()
}

// RFC 4575 section 4.6, each rule with what comes of it.
func TestConferenceInfoMerge(t *testing.T) {
	const known = `<conference-info entity="sip:c" version="5" state="full"><conference-description><subject>S</subject><maximum-user-count>9</maximum-user-count></conference-description>` +
		`<conference-state><user-count>2</user-count><active>true</active></conference-state><users>` +
		`<user entity="a"><display-text>A</display-text><roles><entry>r</entry></roles><endpoint entity="a1"><status>connected</status><media id="1"><status>sendrecv</status></media></endpoint></user>` +
		`<user entity="b"><display-text>B</display-text><endpoint entity="b1"><status>connected</status></endpoint></user></users></conference-info>`
	const before = `v5 full "S"/9 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`
	users := func(state, s string) string { return `<users` + state + `>` + s + `</users>` }
	partly := func(s string) string { return users(` state="partial"`, s) }
	for _, c := range []struct {
		name, attributes, body string
		update                 sipua.DocumentUpdate
		want                   string
	}{
		{"full", `version="6"`, users("", `<user entity="c"/>`), "applied", `v6 full ""/-1 -1// | c  []`},
		{"full with an old version", `version="0" state="full"`, "", "applied", `v0 full ""/-1 -1//`},
		{"nothing changed", `version="6" state="partial"`, "", "applied", strings.Replace(before, "v5", "v6", 1)},
		{"the version again", `version="5" state="partial"`, users("", ""), "stale", before},
		{"an old version", `version="1" state="partial"`, users("", ""), "stale", before},
		{"a gap", `version="7" state="partial"`, users("", ""), "gap", before},
		{"the end", `version="6" state="deleted"`, "", "applied", `v6 deleted ""/-1 -1//`},

		{"description, full", `version="6" state="partial"`, `<conference-description><subject>T</subject></conference-description>`, "applied",
			`v6 full "T"/-1 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`},
		{"description, partial", `version="6" state="partial"`, `<conference-description state="partial"><maximum-user-count>3</maximum-user-count></conference-description>`, "applied",
			`v6 full "S"/3 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`},
		{"description, deleted", `version="6" state="partial"`, `<conference-description state="deleted"/>`, "applied",
			`v6 full ""/-1 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`},
		{"state, full", `version="6" state="partial"`, `<conference-state><locked>true</locked></conference-state>`, "applied",
			`v6 full "S"/9 -1//true | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`},
		{"state, partial", `version="6" state="partial"`, `<conference-state state="partial"><user-count>0</user-count><active>false</active></conference-state>`, "applied",
			`v6 full "S"/9 0/false/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`},
		{"state, deleted", `version="6" state="partial"`, `<conference-state state="deleted"/>`, "applied",
			`v6 full "S"/9 -1// | a A [r] a1=connected,1:sendrecv | b B [] b1=connected`},

		{"users, full", `version="6" state="partial"`, users("", `<user entity="b"/>`), "applied", `v6 full "S"/9 2/true/ | b  []`},
		{"users, deleted", `version="6" state="partial"`, users(` state="deleted"`, ``), "applied", `v6 full "S"/9 2/true/`},
		{"user, new", `version="6" state="partial"`, partly(`<user entity="c"><display-text>C</display-text></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected | c C []`},
		{"user, new though partial", `version="6" state="partial"`, partly(`<user entity="c" state="partial"><display-text>C</display-text></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected | c C []`},
		{"user, full", `version="6" state="partial"`, partly(`<user entity="a"/>`), "applied", `v6 full "S"/9 2/true/ | a  [] | b B [] b1=connected`},
		{"user, deleted", `version="6" state="partial"`, partly(`<user entity="a" state="deleted"/><user entity="z" state="deleted"/>`), "applied", `v6 full "S"/9 2/true/ | b B [] b1=connected`},
		{"user, deleted and back", `version="6" state="partial"`, partly(`<user entity="a" state="deleted"/><user entity="a"/>`), "applied", `v6 full "S"/9 2/true/ | b B [] b1=connected | a  []`},
		{"user, partial", `version="6" state="partial"`, partly(`<user entity="a" state="partial"><roles><entry>q</entry></roles></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [q] a1=connected,1:sendrecv | b B [] b1=connected`},

		{"endpoint, new", `version="6" state="partial"`, partly(`<user entity="b" state="partial"><endpoint entity="b2"/></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] a1=connected,1:sendrecv | b B [] b1=connected b2=`},
		{"endpoint, full", `version="6" state="partial"`, partly(`<user entity="a" state="partial"><endpoint entity="a1"><status>on-hold</status></endpoint></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] a1=on-hold | b B [] b1=connected`},
		{"endpoint, partial", `version="6" state="partial"`, partly(`<user entity="a" state="partial"><endpoint entity="a1" state="partial"><status>disconnected</status>` +
			`<disconnection-method>booted</disconnection-method><media id="2"><status>recvonly</status></media></endpoint></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] a1=disconnectedbooted,1:sendrecv,2:recvonly | b B [] b1=connected`},
		{"endpoint, deleted", `version="6" state="partial"`, partly(`<user entity="a" state="partial"><endpoint entity="a1" state="deleted"/><endpoint entity="a9" state="deleted"/></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] | b B [] b1=connected`},
		{"stream, changed", `version="6" state="partial"`, partly(`<user entity="a" state="partial"><endpoint entity="a1" state="partial"><media id="1"><status>inactive</status></media></endpoint></user>`), "applied",
			`v6 full "S"/9 2/true/ | a A [r] a1=connected,1:inactive | b B [] b1=connected`},

		{"a user once for each device", `version="6"`, users("", `<user entity="a"><endpoint entity="a1"/></user><user entity="a"><endpoint entity="a2"/></user>`), "applied",
			`v6 full ""/-1 -1// | a  [] a1= a2=`},
		{"an endpoint once for each stream", `version="6"`, users("", `<user entity="a"><endpoint entity="a1"><media id="1"/></endpoint><endpoint entity="a1"><media id="2"/></endpoint></user>`), "applied",
			`v6 full ""/-1 -1// | a  [] a1=,1:,2:`},
		{"users without names", `version="6"`, users("", `<user><display-text>X</display-text></user><user><display-text>Y</display-text></user>`), "applied",
			`v6 full ""/-1 -1// |  X [] |  Y []`},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, update := conferenceInfo(t, known).Merge(sipua.ConferenceInfo{})
			require.Equal(t, sipua.DocumentApplied, update)
			require.Equal(t, before, shape(state))
			next, update := conferenceInfo(t, "<conference-info entity='sip:c' "+c.attributes+">"+c.body+"</conference-info>").Merge(state)
			require.Equal(t, c.update, update)
			require.Equal(t, c.want, shape(next))
			require.Equal(t, before, shape(state), "what was known is somebody else's")
			for _, u := range next.Users {
				require.Equal(t, sipua.DocumentFull, u.State)
				for _, p := range u.Endpoints {
					require.Equal(t, sipua.DocumentFull, p.State)
				}
			}
		})
	}

	partial := conferenceInfo(t, `<conference-info version="1" state="partial"><users><user entity="a"/></users></conference-info>`)
	state, update := partial.Merge(sipua.ConferenceInfo{})
	require.Equal(t, sipua.DocumentGap, update)
	require.Zero(t, state, "a change of nothing is nothing")
	state, update = partial.Merge(sipua.ConferenceInfo{State: "deleted"})
	require.Equal(t, sipua.DocumentGap, update, "a conference that is over has no changes")
	require.Empty(t, state.Users)
}

func TestConferenceInfoMergeIsBounded(t *testing.T) {
	state := sipua.ConferenceInfo{State: "full"}
	for version := 1; ; version++ {
		next := sipua.ConferenceInfo{Version: version, State: "partial", UsersState: "partial"}
		for i := range 1500 {
			next.Users = append(next.Users, sipua.ConferenceUser{Entity: fmt.Sprint(version, i), Endpoints: []sipua.ConferenceEndpoint{{Media: []sipua.ConferenceMedia{{}}}}})
		}
		merged, update := next.Merge(state)
		if update == sipua.DocumentGap {
			require.Equal(t, state, merged)
			require.Equal(t, 3, version)
			return
		}
		state = merged
	}
}
