package sipua_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// torture says what the user agent does with one message of RFC 4475. The table in
// testdata/rfc4475/README.md says why.
type torture struct {
	section string
	status  int      // of the answer, 0 when there is none
	says    []string // lines of the answer, besides those that every answer repeats
	event   bool     // a ProtocolError tells of it
	// call, for an INVITE that rings: who calls, and the Request-URI of what we send
	// in the dialog.
	call   sipua.Identity
	target string
}

var tortures = map[string]torture{
	// 3.1.1: valid.
	"wsinv": {section: "3.1.1.1", status: 481, says: []string{
		"Via: SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
		"Via: SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
		"Via: SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
		`From: "J Rosenberg \\\"" <sip:jdrosen@example.com>;tag=98asjd8`,
		"To: <sip:vivekg@chair-dnrc.example.com>;tag=1918181833n",
		"CSeq: 9 INVITE",
	}},
	"intmeth": {section: "3.1.1.2", status: 501, says: []string{
		"Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
		`From: "token1~` + "` token2'+_ token3*%!.-" + `" <sip:mundane@example.com>;fromParam''~+*_!.-%="работающий";tag=_token~1'+` + "`*%!-.",
		"Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
		"CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~",
		"Allow: " + allowed,
	}},
	"esc01": {section: "3.1.1.3", status: 180,
		call:   sipua.Identity{URI: "sip:I%20have%20spaces@example.net", User: "I have spaces"},
		target: "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31"},
	"escnull": {section: "3.1.1.4", status: 405, says: []string{
		"From: <sip:null-%00-null@example.com>;tag=839923423", "Allow: " + allowed}},
	"esc02": {section: "3.1.1.5", status: 501, says: []string{
		`From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23`, "CSeq: 29344 RE%47IST%45R", "Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234"}},
	"lwsdisp": {section: "3.1.1.6", status: 200, says: []string{`From: "caller" <sip:caller@example.com>;tag=323`}},
	"longreq": {section: "3.1.1.7", status: 180,
		call:   sipua.Identity{URI: "sip:" + strings.Repeat("amazinglylongcallername", 5) + "@example.net", User: strings.Repeat("amazinglylongcallername", 5)},
		target: "sip:" + strings.Repeat("amazinglylongcallername", 5) + "@host5.example.net"},
	"dblreq":  {section: "3.1.1.8", status: 405, says: []string{"CSeq: 8 REGISTER"}},
	"semiuri": {section: "3.1.1.9", status: 200, says: []string{"CSeq: 8 OPTIONS"}},
	"transports": {section: "3.1.1.10", status: 200, says: []string{
		"Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw", "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf", "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
		"Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en", "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee"}},
	"mpart01":  {section: "3.1.1.11", status: 415, says: []string{"Accept: text/plain"}},
	"unreason": {section: "3.1.1.12", event: true},
	"noreason": {section: "3.1.1.13", event: true},

	// 3.1.2: invalid.
	"badinv01":   {section: "3.1.2.1", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Via"}},
	"clerr":      {section: "3.1.2.2", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: Content-Length is more than the body"}},
	"ncl":        {section: "3.1.2.3", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Content-Length"}},
	"scalar02":   {section: "3.1.2.4", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed CSeq", "CSeq: 36893488147419103232 REGISTER"}},
	"scalarlg":   {section: "3.1.2.5", event: true},
	"quotbal":    {section: "3.1.2.6", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed To", `To: "Mr. J. User <sip:j.user@example.com>`}},
	"ltgtruri":   {section: "3.1.2.7", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Request-URI", "CSeq: 1 INVITE"}},
	"lwsruri":    {section: "3.1.2.8", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Request-URI", "CSeq: 2130706432 INVITE"}},
	"lwsstart":   {section: "3.1.2.9", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Request-Line", "CSeq: 1893884 INVITE"}},
	"trws":       {section: "3.1.2.10", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Request-Line", "CSeq: 238923 OPTIONS"}},
	"escruri":    {section: "3.1.2.11", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: Request-URI with headers"}},
	"baddate":    {section: "3.1.2.12", status: 180, call: sipua.Identity{URI: "sip:caller@example.net", User: "caller"}, target: "sip:caller@host5.example.net"},
	"regbadct":   {section: "3.1.2.13", status: 405},
	"badaspec":   {section: "3.1.2.14", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed To"}},
	"baddn":      {section: "3.1.2.15", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: no empty line after the headers"}},
	"badvers":    {section: "3.1.2.16", status: 505, event: true, says: []string{"Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"}},
	"mismatch01": {section: "3.1.2.17", status: 400, event: true, says: []string{"CSeq: 8 INVITE"}},
	"mismatch02": {section: "3.1.2.18", status: 400, event: true, says: []string{"CSeq: 8 INVITE"}},
	"bigcode":    {section: "3.1.2.19", event: true},

	// 3.2: transaction layer.
	"badbranch": {section: "3.2.1", status: 200, says: []string{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"}},

	// 3.3: application layer.
	"insuf":    {section: "3.3.1", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: missing From", "CSeq: 193942 INVITE"}},
	"unkscm":   {section: "3.3.2", status: 416},
	"novelsc":  {section: "3.3.3", status: 416},
	"unksm2":   {section: "3.3.4", status: 405, says: []string{"From: <http://www.example.com>;tag=3234233"}},
	"bext01":   {section: "3.3.5", status: 420, says: []string{"Unsupported: nothingSupportsThis, nothingSupportsThisEither"}},
	"invut":    {section: "3.3.6", status: 415, says: []string{"Accept: application/sdp, multipart/mixed, multipart/alternative", "Accept-Encoding: identity"}},
	"regaut01": {section: "3.3.7", status: 405},
	"multi01":  {section: "3.3.8", status: 400, event: true, says: []string{"CSeq: 5 INVITE", "Call-ID: multi01.98asdh@192.0.2.1"}},
	"mcl01":    {section: "3.3.9", status: 400, event: true, says: []string{"SIP/2.0 400 Bad Request: malformed Content-Length"}},
	"bcast":    {section: "3.3.10", event: true},
	"zeromf":   {section: "3.3.11", status: 200},
	"cparam01": {section: "3.3.12", status: 405},
	"cparam02": {section: "3.3.13", status: 405},
	"regescrt": {section: "3.3.14", status: 405},
	"sdp01":    {section: "3.3.15", status: 406},

	// 3.4: backward compatibility.
	"inv2543": {section: "3.4.1", status: 180,
		call:   sipua.Identity{URI: "sip:+13035551111@ift.client.example.net", User: "+13035551111"},
		target: "sip:UserB@example.com;maddr=ss1.example.com"}, // a strict router: section 12.2.1.1
}

const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, MESSAGE, INFO, PRACK, UPDATE, REFER"

// oldPhone is media that takes any session description; sipuatest's is as strict as a
// browser, which wants DTLS.
type oldPhone struct{ sipua.Media }

func (oldPhone) CreateAnswer(context.Context, string, sipua.OfferOptions) (string, error) {
	return "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n", nil
}

func (oldPhone) Close() {}

func plainPhone(cfg *sipua.Config) {
	cfg.PlainMedia = true
	cfg.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) { return oldPhone{}, nil }
}

// repeated is what every answer repeats.
func repeated(msg sip.Message) []string {
	var all []string
	for _, name := range []string{"Via", "From", "Call-ID", "CSeq"} {
		all = append(all, values(msg, name)...)
	}
	return all
}

func tortureMessage(t *testing.T, name string) []byte {
	data, err := os.ReadFile("../testdata/rfc4475/" + name + ".dat")
	require.NoError(t, err)
	return data
}

// RFC 4475: each message, byte for byte, to a registered user agent.
func TestTorture(t *testing.T) {
	files, err := filepath.Glob("../testdata/rfc4475/*.dat")
	require.NoError(t, err)
	require.Len(t, files, 49)
	require.Len(t, tortures, 49)
	for name, c := range tortures {
		t.Run(c.section+" "+name, func(t *testing.T) {
			data := tortureMessage(t, name)
			play(t, func(w *world) {
				w.register()
				w.forget()
				w.SendRaw(data)
				synctest.Wait()
				if c.status == 0 {
					w.ExpectNothing(w.T, time.Minute)
				} else {
					w.tortured(c, data)
				}
				want := 0
				if c.event {
					want = 1
				}
				require.Equal(w, want, count[sipua.ProtocolError](w), "%v", w.story())
				w.register()
			}, func(cfg *sipua.Config) { cfg.URI = "sip:user@example.com" }, plainPhone)
		})
	}
}

// tortured takes the answer.
func (w *world) tortured(c torture, data []byte) {
	text := string(w.ExpectMessage(w.T))
	got := strings.Split(text, "\r\n")
	require.Regexp(w, "^SIP/2.0 "+itoa(c.status)+" ", got[0])
	for _, line := range c.says {
		require.Contains(w, got, line)
	}
	req, err := message.Parse(data)
	if err != nil {
		require.Less(w, 399, c.status)
		return
	}
	res, err := message.Parse([]byte(text))
	require.NoError(w, err)
	require.Equal(w, repeated(req), repeated(res), "section 8.2.6.2")
	require.Equal(w, req.To().Address, res.To().Address)
	require.NotEmpty(w, message.ToTag(res))
	if c.target != "" {
		w.torturedCall(c, req.(*sip.Request), res.(*sip.Response))
		return
	}
	require.Empty(w, w.ua.Calls())

	// The answer is that of the transaction: a request that comes again gets it again,
	// or is answered anew when the transaction is over.
	w.SendRaw(data)
	again := string(w.ExpectMessage(w.T))
	require.Equal(w, got[0], strings.Split(again, "\r\n")[0])
}

// torturedCall answers a call and hangs up.
func (w *world) torturedCall(c torture, invite *sip.Request, ringing *sip.Response) {
	require.Len(w, w.ua.Calls(), 1)
	call := w.ua.Calls()[0]
	require.Equal(w, c.call, call.Remote())
	done := begin(func() error { return call.Accept(w.Context(), sipua.AcceptOptions{}) })
	ok := w.ExpectResponse(w.T, 200)
	require.NoError(w, done())
	require.NotEmpty(w, ok.Body())
	w.SendRaw([]byte(lines("ACK "+ok.Contact().Address.String()+" SIP/2.0",
		"Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bKack", "From: "+value(invite, "From"), "To: "+value(ok, "To"),
		"Call-ID: "+call.ID(), "CSeq: "+itoa(int(invite.CSeq().SeqNo))+" ACK")))
	synctest.Wait()
	require.Equal(w, sipua.Established, call.State())

	done = begin(func() error { return call.Hangup(w.Context()) })
	msg, err := message.Parse(w.ExpectMessage(w.T))
	require.NoError(w, err)
	bye := msg.(*sip.Request)
	require.Equal(w, sip.BYE, bye.Method)
	require.Equal(w, c.target, bye.Recipient.String())
	// Section 12.2.1.1: the addresses and tags, though not the other parameters.
	require.Equal(w, ringing.To().Address, bye.From().Address)
	require.Equal(w, message.ToTag(ringing), message.FromTag(bye))
	require.Equal(w, invite.From().Address, bye.To().Address)
	require.Equal(w, message.FromTag(invite), message.ToTag(bye))
	w.Respond(bye, 200, "OK")
	require.NoError(w, done())
}
