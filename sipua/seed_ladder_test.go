package sipua_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The exchanges of testdata/ladders/seed were recorded between another user agent
// and a real exchange (Kamailio before Asterisk). Here that exchange's messages
// are played against ours, and our messages are held against the other ones.

// seed reads one recorded message.
func seed(t testing.TB, name string) (text string, msg sip.Message) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "ladders", "seed", name+".sip"))
	require.NoError(t, err)
	msg, err = sip.ParseMessage(data)
	require.NoError(t, err)
	return string(data), msg
}

// seeded is the recorded user agent's configuration.
func seeded(c *sipua.Config) {
	c.URI, c.DisplayName = "sip:clorcesolu_11@sip.SipProvaiderDomain.pl", ""
	c.InstanceID = "urn:uuid:432677a7-ec66-4c66-b5eb-e805f7dde446"
}

var (
	seedHost    = regexp.MustCompile(`[a-z0-9]+\.invalid`)
	seedUser    = regexp.MustCompile(`[a-z0-9]+@(?:[a-z0-9]+\.invalid)`)
	seedBranch  = regexp.MustCompile(`branch=z9hG4bK\w+`)
	headerLine  = regexp.MustCompile(`(?m)^(Via|From|Call-ID|CSeq|Contact): (.*)\r$`)
	fromTagless = regexp.MustCompile(`;tag=[^;>]*`)
)

// replay makes a recorded response one to req, as its server would: what a
// response copies is the request's, the rest stays as it was recorded.
func replay(t testing.TB, name string, req *sip.Request) string {
	t.Helper()
	text, _ := seed(t, name)
	return headerLine.ReplaceAllStringFunc(text, func(line string) string {
		header, recorded, _ := strings.Cut(strings.TrimSuffix(line, "\r"), ": ")
		switch header {
		case "Via": // with the received and rport of the record
			recorded = seedHost.ReplaceAllLiteralString(recorded, req.Via().Host)
			branch, _ := req.Via().Params.Get("branch")
			recorded = seedBranch.ReplaceAllLiteralString(recorded, "branch="+branch)
		case "Contact":
			if req.Method != sip.REGISTER { // the server's own
				break
			}
			contact := req.Contact().Address
			recorded = seedUser.ReplaceAllLiteralString(recorded, contact.User+"@"+contact.Host)
		default:
			recorded = value(req, header)
		}
		return header + ": " + recorded + "\r"
	})
}

// like holds a request of ours against the recorded one.
func like(t testing.TB, name string, got *sip.Request) (want *sip.Request) {
	t.Helper()
	_, msg := seed(t, name)
	want = msg.(*sip.Request)
	require.Equal(t, want.Method, got.Method)
	require.Equal(t, want.Recipient.String(), got.Recipient.String())
	tagless := func(m sip.Message, header string) string {
		return fromTagless.ReplaceAllString(value(m, header), "")
	}
	require.Equal(t, tagless(want, "From"), tagless(got, "From"))
	require.Equal(t, value(want, "To"), value(got, "To"))
	require.Equal(t, want.CSeq().MethodName, got.CSeq().MethodName)
	require.Equal(t, value(want, "Content-Type"), value(got, "Content-Type"))
	require.Equal(t, len(want.Body()) > 0, len(got.Body()) > 0)
	form := regexp.MustCompile(`^SIP/2\.0/WSS [a-z0-9]+\.invalid;branch=z9hG4bK[a-z0-9]+$`)
	require.Regexp(t, form, value(want, "Via"))
	require.Regexp(t, form, value(got, "Via"))
	require.Len(t, values(got, "Via"), 1)
	// Theirs counts from 69; RFC 3261 section 8.1.1.6 wants 70.
	require.Equal(t, "70", value(got, "Max-Forwards"))
	if allow := value(want, "Allow"); allow != "" {
		theirs := append(strings.Split(allow, ","), "PRACK") // besides what they take
		for method := range strings.SplitSeq(value(got, "Allow"), ", ") {
			require.True(t, slices.Contains(theirs, method), "they take %s too", method)
		}
	}
	if expires := value(want, "Expires"); expires != "" {
		require.Equal(t, expires, value(got, "Expires"))
	}
	for _, contact := range values(want, "Contact") {
		// Theirs says what it can besides (+sip.ice) and numbers its flow (reg-id).
		contact = strings.NewReplacer(";+sip.ice", "", ";reg-id=1", "").Replace(contact)
		ours := strings.NewReplacer(";reg-id=1", "").Replace(value(got, "Contact"))
		require.Equal(t, seedUser.ReplaceAllString(contact, "USER@HOST"), seedUser.ReplaceAllString(ours, "USER@HOST"))
	}
	return want
}

func TestSeedRegister(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		like(w, "01-register-request", req)
		require.EqualValues(w, 1, req.CSeq().SeqNo)
		w.SendRaw([]byte(replay(w, "02-register-401", req)))

		again := w.ExpectRequest(w.T, "REGISTER")
		recorded := like(w, "03-register-authorized", again)
		require.Equal(w, recorded.CSeq().SeqNo, again.CSeq().SeqNo)
		require.Equal(w, value(req, "Call-ID"), value(again, "Call-ID"))
		theirs := digestParams(w, value(recorded, "Authorization"))
		ours := checkDigest(w, again, "Authorization", "clorcesolu_11", "secret")
		delete(theirs, "response") // of a password that is not known
		delete(ours, "response")
		require.Equal(w, theirs, ours)

		w.SendRaw([]byte(replay(w, "04-register-200", again)))
		require.NoError(w, done())
		require.Equal(w, []string{"connected", "registered 10m0s"}, w.story())
		w.golden("seed-register")
	}, seeded)
}

func TestSeedOptions(t *testing.T) {
	play(t, func(w *world) {
		req := w.register()
		w.forget()
		text, _ := seed(w, "11-options-request")
		contact := req.Contact().Address
		text = seedUser.ReplaceAllLiteralString(text, contact.User+"@"+contact.Host)
		w.SendRaw([]byte(text))
		res := w.ExpectResponse(w.T, 200)
		_, recorded := seed(w, "12-options-200")
		for _, header := range []string{"Via", "From", "Call-ID", "CSeq", "Content-Length"} {
			require.Equal(w, values(recorded, header), values(res, header), header)
		}
		form := func(s string) string {
			return fromTagless.ReplaceAllString(seedUser.ReplaceAllString(s, "U@H"), ";tag=x")
		}
		require.Equal(w, form(value(recorded, "To")), form(value(res, "To")))
		require.Contains(w, value(res, "Accept"), "application/sdp")
		require.Empty(w, w.story())
		w.golden("seed-options")
	}, seeded)
}

func TestSeedInvite(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		call, err := w.ua.Call("111222333", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		like(w, "21-invite", invite)
		w.SendRaw([]byte(replay(w, "22-invite-100", invite)))
		w.SendRaw([]byte(replay(w, "23-invite-401", invite)))

		ack := w.ExpectRequest(w.T, "ACK")
		like(w, "24-invite-ack", ack)
		_, recorded := seed(w, "24-invite-ack")
		require.Equal(w, value(recorded, "To"), value(ack, "To"), "with the tag of the 401")
		require.Equal(w, value(recorded, "Content-Length"), value(ack, "Content-Length"))
		require.Equal(w, value(invite, "Via"), value(ack, "Via"))
		require.Equal(w, value(invite, "From"), value(ack, "From"))
		require.Equal(w, value(invite, "Call-ID"), value(ack, "Call-ID"))
		require.Equal(w, invite.CSeq().SeqNo, ack.CSeq().SeqNo)
		require.ElementsMatch(w, names(recorded), names(ack), "section 17.1.1.3, and nothing besides")

		again := w.ExpectRequest(w.T, "INVITE")
		checkDigest(w, again, "Authorization", "clorcesolu_11", "secret")
		require.Equal(w, sipua.Calling, call.State())
		w.golden("seed-invite")
	}, seeded)
}

// names of all headers.
func names(m sip.Message) (all []string) {
	for _, header := range m.(interface{ Headers() []sip.Header }).Headers() {
		all = append(all, header.Name())
	}
	return all
}
