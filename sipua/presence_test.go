package sipua_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func presence(t *testing.T, body string) sipua.Presence {
	t.Helper()
	p, err := sipua.ParsePresence([]byte(body))
	require.NoError(t, err, body)
	return p
}

func TestPresenceRFC3863(t *testing.T) {
	// section 4.3.2: prefixes, an extension with an element called like ours
	require.Equal(t, sipua.Presence{
		Entity: "pres:someone@example.com",
		Tuples: []sipua.PresenceTuple{{ID: "sg89ae", Basic: "open", Contact: "tel:+09012345678", Priority: 800}},
	}, presence(t, `<?xml version="1.0" encoding="UTF-8"?>
   <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf" xmlns:myex="http://id.example.com/presence/" entity="pres:someone@example.com">
     <impp:tuple id="sg89ae">
       <impp:status>
         <impp:basic>open</impp:basic>
         <myex:basic>closed</myex:basic>
       </impp:status>
       <myex:note>other</myex:note>
       <impp:contact priority="0.8">tel:+09012345678</impp:contact>
     </impp:tuple>
   </impp:presence>`))

	// section 4.2.1: several tuples, notes in several languages
	p := presence(t, `<?xml version="1.0" encoding="UTF-8"?>
    <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" xmlns:myex="http://id.example.com/presence/" entity="pres:someone@example.com">
      <tuple id="bs35r9">
        <status><basic>open</basic><im:im>busy</im:im><myex:location>home</myex:location></status>
        <contact priority="0.8">im:someone@mobilecarrier.example.net</contact>
        <note xml:lang="en">Don't Disturb Please!</note>
        <note xml:lang="fr">Ne derangez pas, s'il vous plait</note>
        <timestamp>2001-10-27T16:49:29Z</timestamp>
      </tuple>
      <tuple id="eg92n8">
        <status><basic>closed</basic></status>
        <contact priority="1.0">mailto:someone@example.com</contact>
      </tuple>
      <note>I'll be in Tokyo next week</note>
    </presence>`)
	require.Equal(t, sipua.Presence{
		Entity: "pres:someone@example.com",
		Tuples: []sipua.PresenceTuple{{
			ID: "bs35r9", Basic: "open", Contact: "im:someone@mobilecarrier.example.net", Priority: 800,
			Notes:     []sipua.PresenceNote{{Text: "Don't Disturb Please!", Lang: "en"}, {Text: "Ne derangez pas, s'il vous plait", Lang: "fr"}},
			Timestamp: time.Date(2001, 10, 27, 16, 49, 29, 0, time.UTC),
		}, {
			ID: "eg92n8", Basic: "closed", Contact: "mailto:someone@example.com", Priority: 1000,
		}},
		Notes: []sipua.PresenceNote{{Text: "I'll be in Tokyo next week"}},
	}, p)
	require.True(t, p.Open())
	p.Tuples = p.Tuples[1:]
	require.False(t, p.Open())
	require.False(t, sipua.Presence{}.Open())
}

// RFC 4480 section 4.
func TestPresenceActivities(t *testing.T) {
	p := presence(t, `<?xml version="1.0" encoding="UTF-8"?>
     <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:someone@example.com">
       <tuple id="bs35r9"><status><basic>open</basic></status>
         <rpid:privacy><rpid:audio/></rpid:privacy>
         <contact>im:someone@mobile.example.net</contact>
       </tuple>
       <note>I'll be in Tokyo next week</note>
       <dm:device id="pc147"><dm:deviceID>urn:device:0003ba4811e3</dm:deviceID><dm:note>PC</dm:note></dm:device>
       <dm:person id="p1">
         <rpid:activities from="2005-05-30T12:00:00+05:00" until="2005-05-30T17:00:00+05:00">
           <rpid:note>Far away</rpid:note>
           <rpid:away/><rpid:On-The-Phone/>
           <rpid:other>Walking the dog</rpid:other><rpid:other/>
         </rpid:activities>
         <rpid:mood><rpid:angry/></rpid:mood>
         <dm:note>Scoring 120</dm:note>
         <dm:timestamp>2005-05-30T16:09:44+05:00</dm:timestamp>
       </dm:person>
       <dm:person id="p2"><rpid:activities><rpid:meeting/><rpid:away/></rpid:activities><dm:timestamp>2005-05-30T16:09:44Z</dm:timestamp></dm:person>
     </presence>`)
	require.Equal(t, []string{"away", "on-the-phone", "Walking the dog", "other", "meeting"}, p.Person.Activities)
	require.Equal(t, []sipua.PresenceNote{{Text: "Far away"}, {Text: "Scoring 120"}}, p.Person.Notes)
	require.True(t, p.Person.Timestamp.Equal(time.Date(2005, 5, 30, 16, 9, 44, 0, time.UTC)), "the newest")
	require.Equal(t, []sipua.PresenceNote{{Text: "I'll be in Tokyo next week"}}, p.Notes)
}

func TestPresenceOfServers(t *testing.T) {
	// Asterisk: the namespaces of drafts, a wrong encoding, and everything in another order
	p := presence(t, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \nxmlns:pp=\"urn:ietf:params:xml:ns:pidf:person\"\n"+
		"xmlns:es=\"urn:ietf:params:xml:ns:pidf:rpid:status:rpid-status\"\nxmlns:ep=\"urn:ietf:params:xml:ns:pidf:rpid:rpid-person\"\nentity=\"sip:2011@192.0.2.27\">\n"+
		"<pp:person><status>\n<ep:activities><ep:busy/></ep:activities>\n</status></pp:person>\n<note>Gespräch</note>\n"+
		"<tuple id=\"2011\">\n<contact priority=\"1\">sip:2011@192.0.2.27</contact>\n<status><basic>open</basic></status>\n</tuple>\n</presence>\n")
	require.Equal(t, sipua.Presence{
		Entity: "sip:2011@192.0.2.27",
		Tuples: []sipua.PresenceTuple{{ID: "2011", Basic: "open", Contact: "sip:2011@192.0.2.27", Priority: 1000}},
		Notes:  []sipua.PresenceNote{{Text: "Gespräch"}},
		Person: sipua.PresencePerson{Activities: []string{"busy"}},
	}, p)
	// the draft's text form; values that are none; no namespace
	p = presence(t, `<presence><person><status><activities><activity>on-the-phone</activity></activities></status></person>`+
		`<tuple><status><basic>OPEN</basic></status><contact priority="2">x</contact><timestamp>now</timestamp></tuple><tuple/></presence>`)
	require.Equal(t, []string{"on-the-phone"}, p.Person.Activities)
	require.Equal(t, []sipua.PresenceTuple{{Basic: "open", Contact: "x"}, {}}, p.Tuples)
	for _, s := range []string{"NaN", "inf", "-0.1", "1.001", "", "1e999"} {
		require.Zero(t, presence(t, `<presence><tuple><contact priority="`+s+`">x</contact></tuple></presence>`).Tuples[0].Priority, s)
	}
}

func TestPresenceRefused(t *testing.T) {
	for body, reason := range map[string]string{
		"":                             "no element",
		"<dialog-info/>":               `the root element is "dialog-info"`,
		"<presence><tuple>":            "the document ends inside",
		"<presence>&tuple;</presence>": "no reference",
		"<presence>\xff</presence>":    "not valid UTF-8",
		"<presence " + strings.Repeat("a", 300_000) + "='x'/>": "larger than",
	} {
		_, err := sipua.ParsePresence([]byte(body))
		badBody(t, err, reason)
	}
	p := presence(t, "<presence><person><activities>"+func() (s string) {
		for i := range 1000 {
			s += "<a" + strings.Repeat("b", i%200) + "/>"
		}
		return s
	}()+"</activities></person></presence>")
	require.Len(t, p.Person.Activities, 100)
}

// What is written is read back, and by another parser too.
func TestPresenceWritten(t *testing.T) {
	p := sipua.Presence{
		Entity: `sip:o'neil&"sons"@example.com`,
		Tuples: []sipua.PresenceTuple{
			{ID: "a", Basic: "open", Contact: "sip:a@example.com;x=<1>", Priority: 725, Notes: []sipua.PresenceNote{{"Zoë <b>&amp;</b> ]]>", "de"}}, Timestamp: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)},
			{ID: "b", Basic: "closed"},
			{ID: "c", Contact: "tel:+1", Priority: 1000},
		},
		Notes:  []sipua.PresenceNote{{Text: "</note></presence>"}, {Text: ""}},
		Person: sipua.PresencePerson{Activities: []string{"on-the-phone", "away", "a<b> & away", "other"}, Notes: []sipua.PresenceNote{{"n", `e"n`}}, Timestamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	body := p.PIDF()
	require.Equal(t, p, presence(t, string(body)))
	require.Equal(t, 2, strings.Count(string(body), "</presence>")+strings.Count(string(body), "&lt;/presence&gt;"), "%s", body)

	var std struct {
		XMLName xml.Name `xml:"urn:ietf:params:xml:ns:pidf presence"`
		Entity  string   `xml:"entity,attr"`
		Tuples  []struct {
			Basic   string `xml:"urn:ietf:params:xml:ns:pidf status>basic"`
			Contact struct {
				Priority string `xml:"priority,attr"`
				URI      string `xml:",chardata"`
			} `xml:"urn:ietf:params:xml:ns:pidf contact"`
			Note      string `xml:"urn:ietf:params:xml:ns:pidf note"`
			Timestamp string `xml:"urn:ietf:params:xml:ns:pidf timestamp"`
		} `xml:"urn:ietf:params:xml:ns:pidf tuple"`
		Person struct {
			Activities struct {
				Phone *struct{} `xml:"urn:ietf:params:xml:ns:pidf:rpid on-the-phone"`
				Other []string  `xml:"urn:ietf:params:xml:ns:pidf:rpid other"`
			} `xml:"urn:ietf:params:xml:ns:pidf:rpid activities"`
		} `xml:"urn:ietf:params:xml:ns:pidf:data-model person"`
	}
	require.NoError(t, xml.Unmarshal(body, &std))
	require.Equal(t, p.Entity, std.Entity)
	require.Equal(t, "0.725", std.Tuples[0].Contact.Priority)
	require.Equal(t, p.Tuples[0].Contact, std.Tuples[0].Contact.URI)
	require.Equal(t, "Zoë <b>&amp;</b> ]]>", std.Tuples[0].Note)
	require.Equal(t, "2026-11-22T08:00:00Z", std.Tuples[0].Timestamp)
	require.Equal(t, "closed", std.Tuples[1].Basic)
	require.NotNil(t, std.Person.Activities.Phone)
	require.Equal(t, []string{"a<b> & away", ""}, std.Person.Activities.Other)

	// what XML cannot hold, what RFC 3863 does not know, and what is left out
	odd := sipua.Presence{
		Entity: "sip:\x00a\xff\ufffe\x1b",
		Tuples: []sipua.PresenceTuple{{Basic: "<busy/>", Contact: "x\ty", Priority: 5000}, {Priority: -1}},
		Person: sipua.PresencePerson{Activities: []string{"away busy", ""}},
	}
	got := presence(t, string(odd.PIDF()))
	require.Equal(t, sipua.Presence{
		Entity: "sip:a",
		Tuples: []sipua.PresenceTuple{{ID: "t1", Contact: "xy", Priority: 1000}, {ID: "t2"}},
		Person: sipua.PresencePerson{Activities: []string{"away busy", "other"}},
	}, got)
	require.NotContains(t, string(sipua.Presence{}.PIDF()), "person")
	presence(t, string(sipua.Presence{}.PIDF()))
}
