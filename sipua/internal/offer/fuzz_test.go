package offer

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// What Valid takes can be written and read again, and still says the same about hold.
// What asks for hold is valid.
func FuzzSDP(f *testing.F) {
	for _, name := range []string{"chrome", "firefox", "asterisk", "chrome-video"} {
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
