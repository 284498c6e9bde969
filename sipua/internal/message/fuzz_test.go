package message

import (
	"bytes"
	"strings"
	"testing"
)

// What parses must serialize and parse back the same, and what does not must be
// answerable.
func FuzzParse(f *testing.F) {
	for _, name := range tortureNames(f) {
		f.Add(torture(f, name))
	}
	f.Add([]byte(chromeInvite()))
	f.Add([]byte(registered))
	f.Add([]byte(crlf(options)))
	f.Add([]byte(crlf(okResponse, "Contact: <sip:a@192.0.2.1>", "Content-Length: 2") + "hi"))
	f.Add([]byte(crlf(options, "Content-Type: multipart/mixed;boundary=b") + "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) { roundTrip(t, data) })
}

// A URI that is taken comes back as one that means the same, and cannot break out of
// the brackets or the line that it is put into.
func FuzzParseURI(f *testing.F) {
	for _, s := range []string{
		"sip:bob@example.com", "sips:bob:secret@example.com:5061;transport=ws;lr?Subject=x&To=%3Csip:a%3E", "sip:[2001:db8::1]:5060", "sip:user;par=u%40example.net@example.com",
		"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com", "sip:%00@host5.example.com",
		"tel:+1-201-555-0123;phone-context=example.com", "soap.beep://192.0.2.103:3002", "isbn:2983792873", "*", "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		uri, err := ParseURI(s)
		if err != nil {
			return
		}
		text := uri.String()
		if strings.ContainsAny(text, "\r\n\x00<>\" \t") {
			t.Fatalf("%q became %q", s, text)
		}
		again, err := ParseURI(text)
		if err != nil || again.String() != text || again.Host != uri.Host || again.User != uri.User || again.Port != uri.Port {
			t.Fatalf("%q became %q and then %q: %v", s, text, again.String(), err)
		}
	})
}

// A part is a piece of its body, whatever the body.
func FuzzPart(f *testing.F) {
	f.Add("application/sdp", "v=0\r\n")
	f.Add(`multipart/mixed; boundary="a b"`, "--a b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--a b--")
	f.Add("multipart/alternative;boundary=b", "--b\r\n\r\nx\r\n--b\r\nc:\r\n application/sdp\r\nContent-Disposition: session;handling=optional\r\n\r\nv=0\r\n--b--\r\n")
	f.Add("multipart/mixed;boundary=b", "--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--c--\r\n\r\n--b--\r\n")
	f.Fuzz(func(t *testing.T, kind, body string) {
		if CheckValue(kind) != nil {
			return
		}
		msg, err := Parse([]byte(crlf(options, "Content-Type: "+kind) + body))
		if err != nil {
			return
		}
		part, err := Part(msg, "application/sdp")
		if err != nil && (part != nil || err.(*ParseError).Status != 400 && err.(*ParseError).Status != 415) {
			t.Fatalf("%q and %v", part, err)
		}
		if !bytes.Contains(msg.Body(), part) {
			t.Fatalf("%q is no piece of %q", part, msg.Body())
		}
	})
}
