package offer

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// What Valid takes can be written and read again, and still says the same about hold.
// What asks for hold is valid.
func FuzzSDP(f *testing.F) {
	for _, name := range realNames {
		text := description(f, name)
		f.Add(text)
		f.Add(strings.ReplaceAll(text, "a=sendrecv", "a=inactive"))
		f.Add(strings.ReplaceAll(text, "\r\n", "\n"))
	}
	f.Add("v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n") // RFC 4475
	f.Fuzz(func(t *testing.T, text string) {
		hold := HoldOf(text)
		if Valid(text) != nil {
			if hold {
				t.Fatalf("hold is asked for by what is no session description: %q", text)
			}
			return
		}
		var d sdp.SessionDescription
		if err := d.UnmarshalString(text); err != nil {
			t.Fatal(err)
		}
		again, err := d.Marshal()
		if err != nil {
			t.Fatalf("%q cannot be written: %v", text, err)
		}
		if err := Valid(string(again)); err != nil {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
		if HoldOf(string(again)) != hold {
			t.Fatalf("%q became %q: hold was %v", text, again, hold)
		}
	})
}

// A policy keeps a description valid, is done after one time, keeps to its own
// streams, and gives back what it refuses.
func FuzzPolicy(f *testing.F) {
	for _, name := range realNames {
		f.Add(description(f, name), "opus G722", "PC* telephone-event/48000", 40, 600)
		f.Add(strings.ReplaceAll(description(f, name), "\r\n", "\n"), "H264", "VP8 red", 0, 1)
	}
	f.Add(session("", "m=audio 9 RTP/AVP 0 8 0\n\ni=x\nb=AS:1\nb=CT:1\na=fmtp:8 x\nb=TIAS:1\n"), "*", "PCMU", 1, 1)
	f.Add("v=0\no=- 1 1 IN IP4 1\ns=-\nt=0 0 m=audio 9 RTP/AVP 0 8\n", "*", "PCMU", 1, 1)
	f.Fuzz(func(t *testing.T, text, order, remove string, audio, video int) {
		p := Policy{Order: strings.Fields(order), Remove: strings.Fields(remove), Audio: audio, Video: video}
		if p.Check() != nil {
			return
		}
		once, err := p.Apply(text)
		if err != nil {
			if once != text {
				t.Fatalf("%q became %q: %v", text, once, err)
			}
			return
		}
		if Valid(text) == nil {
			if err := Valid(once); err != nil {
				t.Fatalf("%q became %q: %v", text, once, err)
			}
		}
		twice, err := p.Apply(once)
		if err != nil || twice != once {
			t.Fatalf("%q became %q and then %q: %v", text, once, twice, err)
		}
		before, after := Streams(text), Streams(once)
		if len(before) != len(after) {
			t.Fatalf("%q became %q: other streams", text, once)
		}
		for i, s := range before {
			if s.Kind != after[i].Kind || s.Mid != after[i].Mid || s.Direction != after[i].Direction || s.Refused != after[i].Refused || s.Zero != after[i].Zero {
				t.Fatalf("%q became %q: stream %d", text, once, i)
			}
			for _, codec := range after[i].Codecs {
				if !s.Refused && (s.Kind == "audio" || s.Kind == "video") && first(p.Remove, codec) < len(p.Remove) {
					t.Fatalf("%q became %q: %s is still there", text, once, codec)
				}
			}
		}
	})
}

// Whatever is read: streams for what can be read, and a warning that fits into a
// header field.
func FuzzWebRTC(f *testing.F) {
	for _, name := range realNames {
		f.Add(description(f, name))
	}
	f.Add(session("a=group:BUNDLE a v\n", "m=audio 0 RTP/AVP 0\na=mid:a\nm=application 9 DTLS/SCTP 5000\na=mid:v\n"))
	f.Fuzz(func(t *testing.T, text string) {
		if Valid(text) == nil && len(Streams(text)) == 0 {
			t.Fatalf("%q is valid and has no streams", text)
		}
		r := WebRTC(text)
		if r == nil {
			if Valid(text) != nil {
				t.Fatalf("%q is no description", text)
			}
			return
		}
		if r.Code < 300 || r.Code > 399 || r.Text == "" || strings.ContainsFunc(r.Text, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			t.Fatalf("%q: %d %q", text, r.Code, r.Text)
		}
	})
}

// What is read of a fragment says the same when it is written and read again.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n")
	f.Add("m=audio 9 RTP/AVP 0\na=mid:0\na=ice-ufrag:a\na=ice-pwd:b\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseFragment(text)
		again := c.Fragment()
		if err != nil || again == "" {
			return
		}
		other, err := ParseFragment(again)
		if err != nil || other.Fragment() != again {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
	})
}
