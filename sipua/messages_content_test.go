package sipua_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// part of a multipart body: its headers, one a line, and its content.
func part(headers, content string) string {
	if headers != "" {
		headers = strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n"
	}
	return headers + "\r\n" + content
}

// multipart joins parts with a boundary.
func multipart(boundary string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func setContent(m sip.Message, kind, body string, headers ...sip.Header) {
	if kind != "" {
		m.AppendHeader(h("Content-Type", kind))
	}
	for _, h := range headers {
		m.AppendHeader(h)
	}
	m.SetBody([]byte(body))
}

const (
	sdpPart  = "Content-Type: application/sdp"
	isupPart = "Content-Type: application/isup;version=itu-t92+\nContent-Disposition: signal;handling=optional"
	textPart = "Content-Type: text/plain"
)

// The offer of an INVITE, wherever it stands: RFC 3261 section 8.2.3 and RFC 5621.
// OFFER stands for a good one. What rings is answered, and the answer fits the offer;
// what rings without an offer gets one of ours.
func TestContentOfInvite(t *testing.T) {
	const noOffer = -180
	nested := func(levels int, inner string) string {
		for i := range levels {
			boundary := "level" + itoa(i)
			inner = part("Content-Type: multipart/mixed;boundary="+boundary, multipart(boundary, inner))
		}
		return inner
	}
	for name, c := range map[string]struct {
		kind, body string
		headers    []sip.Header
		status     int
	}{
		"plain":                    {"application/sdp", "OFFER", nil, 180},
		"case and parameters":      {"Application/SDP ; charset=\"utf-8\"", "OFFER", nil, 180},
		"space around the slash":   {"application / sdp", "OFFER", nil, 180},
		"disposition session":      {"application/sdp", "OFFER", []sip.Header{h("Content-Disposition", "Session;handling=REQUIRED")}, 180},
		"disposition of another":   {"application/sdp", "OFFER", []sip.Header{h("Content-Disposition", "early-session")}, 415},
		"optional, of another":     {"application/sdp", "OFFER", []sip.Header{h("Content-Disposition", "early-session;handling=optional")}, noOffer},
		"language":                 {"application/sdp", "OFFER", []sip.Header{h("Content-Language", "fr")}, 180},
		"MIME-Version":             {"application/sdp", "OFFER", []sip.Header{h("MIME-Version", "1.0"), h("Content-ID", "<1@a>")}, 180},
		"identity":                 {"application/sdp", "OFFER", []sip.Header{h("Content-Encoding", "Identity")}, 180},
		"gzip":                     {"application/sdp", "OFFER", []sip.Header{h("Content-Encoding", "gzip")}, 415},
		"gzip, compact":            {"application/sdp", "OFFER", []sip.Header{h("e", "tar, gzip")}, 415},
		"gzip, optional":           {"application/sdp", "OFFER", []sip.Header{h("Content-Encoding", "gzip"), h("Content-Disposition", "session;handling=optional")}, noOffer},
		"base64":                   {"application/sdp", "OFFER", []sip.Header{h("Content-Transfer-Encoding", "base64")}, 415},
		"no type":                  {"", "OFFER", nil, 415},
		"text":                     {"text/plain", "hello", nil, 415},
		"text, optional":           {"text/plain", "hello", []sip.Header{h("Content-Disposition", "render; handling = optional")}, noOffer},
		"text, handling not known": {"text/plain", "hello", []sip.Header{h("Content-Disposition", "render;handling=perhaps")}, 415},
		"bad description":          {"application/sdp", "hello", nil, 488},

		"mixed":                      {"multipart/mixed;boundary=b", multipart("b", part(sdpPart, "OFFER")), nil, 180},
		"mixed, upper case":          {"MULTIPART/Mixed; BOUNDARY=B", multipart("B", part("CONTENT-TYPE: Application/SDP", "OFFER")), nil, 180},
		"mixed, compact and folded":  {"multipart/mixed;boundary=b", multipart("b", part("c:\n application/sdp", "OFFER")), nil, 180},
		"mixed with optional ISUP":   {"multipart/mixed;boundary=b", multipart("b", part(isupPart, "\x01\x00\xff--b"), part(sdpPart, "OFFER")), nil, 180},
		"mixed with required text":   {"multipart/mixed;boundary=b", multipart("b", part(sdpPart, "OFFER"), part(textPart, "x")), nil, 415},
		"mixed with a part untyped":  {"multipart/mixed;boundary=b", multipart("b", part(sdpPart, "OFFER"), part("", "x")), nil, 415},
		"mixed, all optional":        {"multipart/mixed;boundary=b", multipart("b", part(isupPart, "x")), nil, noOffer},
		"mixed, itself optional":     {"multipart/mixed;boundary=b", multipart("b", part(textPart, "x")), []sip.Header{h("Content-Disposition", "render;handling=optional")}, noOffer},
		"mixed, bad description":     {"multipart/mixed;boundary=b", multipart("b", part(sdpPart, "hello")), nil, 488},
		"mixed, gzip inside":         {"multipart/mixed;boundary=b", multipart("b", part(sdpPart+"\nContent-Encoding: gzip", "OFFER")), nil, 415},
		"mixed, base64 inside":       {"multipart/mixed;boundary=b", multipart("b", part(sdpPart+"\nContent-Transfer-Encoding: base64", "OFFER")), nil, 415},
		"mixed, 8bit inside":         {"multipart/mixed;boundary=b", multipart("b", part(sdpPart+"\nContent-Transfer-Encoding: 8bit", "OFFER")), nil, 180},
		"mixed, two descriptions":    {"multipart/mixed;boundary=b", multipart("b", part(sdpPart, "OFFER"), part(sdpPart, "OFFER")), nil, 180},
		"mixed, of another session":  {"multipart/mixed;boundary=b", multipart("b", part(sdpPart+"\nContent-Disposition: early-session;handling=optional", "hello"), part(sdpPart, "OFFER")), nil, 180},
		"quoted boundary":            {`multipart/mixed;boundary="a b;c,d\e"`, multipart("a b;c,de", part(sdpPart, "OFFER")), nil, 180},
		"boundary that begins lines": {"multipart/mixed;boundary=b", multipart("b", part(isupPart, "x\r\n--bb\r\n--b-\r\n"), part(sdpPart, "OFFER")), nil, 180},
		"preamble and epilogue":      {"multipart/mixed;boundary=b", "for others\r\n" + multipart("b", part(sdpPart, "OFFER")) + "the end", nil, 180},
		"padding behind boundaries":  {"multipart/mixed;boundary=b", strings.Replace(multipart("b", part(sdpPart, "OFFER")), "--b\r\n", "--b \t\r\n", 1), nil, 180},
		"no break after the end":     {"multipart/mixed;boundary=b", strings.TrimSuffix(multipart("b", part(sdpPart, "OFFER")), "\r\n"), nil, 180},

		"alternative":               {"multipart/alternative;boundary=b", multipart("b", part(textPart, "x"), part(sdpPart, "OFFER")), nil, 180},
		"alternative, the last":     {"multipart/alternative;boundary=b", multipart("b", part(sdpPart, "hello"), part(sdpPart, "OFFER")), nil, 180},
		"alternative, not the last": {"multipart/alternative;boundary=b", multipart("b", part(sdpPart, "OFFER"), part(textPart, "x")), nil, 180},
		"alternative, none":         {"multipart/alternative;boundary=b", multipart("b", part(textPart, "x"), part(isupPart, "x")), nil, 415},
		"alternative, none, optional": {"multipart/alternative;boundary=b", multipart("b", part(textPart, "x")),
			[]sip.Header{h("Content-Disposition", "session;handling=optional")}, noOffer},
		"alternative in mixed": {"multipart/mixed;boundary=b", multipart("b", part(isupPart, "x"),
			part("Content-Type: multipart/alternative;boundary=c", multipart("c", part(textPart, "x"), part(sdpPart, "OFFER")))), nil, 180},
		"three levels": {"multipart/mixed;boundary=b", multipart("b", nested(3, part(sdpPart, "OFFER"))), nil, 180},
		"five levels":  {"multipart/mixed;boundary=b", multipart("b", nested(5, part(sdpPart, "OFFER"))), nil, 415},
		"33 parts":     {"multipart/mixed;boundary=b", multipart("b", slices.Repeat([]string{part(isupPart, "x")}, 33)...), nil, 415},
		"32 parts":     {"multipart/mixed;boundary=b", multipart("b", slices.Repeat([]string{part(isupPart, "x")}, 32)...), nil, noOffer},

		"signed":                    {"multipart/signed;boundary=b", multipart("b", part(sdpPart, "OFFER")), nil, 415},
		"related":                   {"multipart/related;boundary=b", multipart("b", part(sdpPart, "OFFER")), nil, 415},
		"no boundary":               {"multipart/mixed", multipart("b", part(sdpPart, "OFFER")), nil, 400},
		"an empty boundary":         {`multipart/mixed;boundary=""`, multipart("", part(sdpPart, "OFFER")), nil, 400},
		"a boundary that is not":    {"multipart/mixed;boundary=c", multipart("b", part(sdpPart, "OFFER")), nil, 400},
		"a boundary of 71":          {"multipart/mixed;boundary=" + strings.Repeat("b", 71), multipart(strings.Repeat("b", 71), part(sdpPart, "OFFER")), nil, 400},
		"a quote that does not end": {`multipart/mixed;boundary="b`, multipart("b", part(sdpPart, "OFFER")), nil, 400},
		"no end":                    {"multipart/mixed;boundary=b", strings.TrimSuffix(multipart("b", part(sdpPart, "OFFER")), "--\r\n"), nil, 400},
		"no end at all":             {"multipart/mixed;boundary=b", "--b\r\n" + part(sdpPart, "OFFER"), nil, 400},
		"no parts":                  {"multipart/mixed;boundary=b", "--b--\r\n", nil, 400},
		"not multipart":             {"multipart/mixed;boundary=b", "OFFER", nil, 400},
		"malformed but optional":    {"multipart/mixed;boundary=b", "OFFER", []sip.Header{h("Content-Disposition", "session;handling=optional")}, noOffer},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
				k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
				setContent(k.invite, c.kind, strings.ReplaceAll(c.body, "OFFER", k.farOffer(false)), c.headers...)
				if c.status > 0 && c.status != 180 {
					w.Send(k.invite)
					res := w.ExpectResponse(w.T, c.status)
					require.Equal(w, c.status == 415, value(res, "Accept") == "application/sdp, multipart/mixed, multipart/alternative")
					require.Equal(w, c.status == 415, value(res, "Accept-Encoding") == "identity")
					require.Empty(w, w.ua.Calls())
					return
				}
				k.arrive()
				done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
				k.ok = w.ExpectResponse(w.T, 200)
				if c.status == noOffer {
					ack := w.NewInDialogRequest("ACK", k.invite, k.ok)
					require.NoError(w, k.far.Rollback(w.Context()))
					sdp, err := k.far.CreateAnswer(w.Context(), string(k.ok.Body()), sipua.OfferOptions{})
					require.NoError(w, err)
					sipuatest.SetSDP(ack, sdp)
					w.Send(ack)
				} else {
					require.NoError(w, k.far.ApplyAnswer(w.Context(), string(k.ok.Body()), false), "it answers the offer")
					k.ack(k.invite, k.ok)
				}
				require.NoError(w, done())
				synctest.Wait()
				require.Equal(w, sipua.Established, k.call.State())
				k.bye()
			})
		})
	}
}

// mixed hides a session description in a multipart body.
func mixed(m sip.Message, sdp string) {
	setContent(m, `multipart/mixed; boundary="next part"`, multipart("next part", part(isupPart, "\x00\x01"), part(sdpPart, sdp)))
}

// The answer to our offer may be in parts as well: in 183, 200, the 200 to a
// re-INVITE and the ACK.
func TestContentOfAnswers(t *testing.T) {
	play(t, func(w *world) {
		k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
		k.call = w.callOut()
		k.invite = w.ExpectRequest(w.T, "INVITE")
		sdp := k.answerTo(k.invite)
		early := w.NewResponse(k.invite, 183, "Session Progress")
		mixed(early, sdp)
		w.Send(early)
		require.True(w, last[sipua.CallRinging](w).EarlyMedia)
		k.ok = w.NewResponse(k.invite, 200, "OK")
		mixed(k.ok, sdp)
		w.Send(k.ok)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))

		done := begin(func() error { return k.call.Hold(w.Context()) })
		re := w.ExpectRequest(w.T, "INVITE")
		ok := w.NewResponse(re, 200, "OK")
		mixed(ok, k.answerTo(re))
		w.Send(ok)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())

		re = k.NewInDialogRequest("INVITE", k.invite, k.ok)
		mixed(re, k.farOffer(true))
		k.Send(re)
		ok = k.ExpectResponse(k.T, 200)
		require.NoError(k, k.far.ApplyAnswer(k.Context(), string(ok.Body()), false))
		k.ack(re, ok)
		synctest.Wait()
		require.True(w, k.call.OnHold(sipua.Remote))

		re = k.reinvite("")
		ok = k.ExpectResponse(k.T, 200)
		ack := k.NewInDialogRequest("ACK", re, ok)
		mixed(ack, k.answerTo2(ok))
		k.Send(ack)
		synctest.Wait()
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// answerTo2 is the other side's answer to the offer in our 200.
func (k *talk) answerTo2(ok *sip.Response) string {
	k.Helper()
	sdp, err := k.far.CreateAnswer(k.Context(), string(ok.Body()), sipua.OfferOptions{})
	require.NoError(k, err)
	return sdp
}

// An answer that cannot be understood ends the call: nothing can be asked of a 200.
func TestContentOfAnswerUnusable(t *testing.T) {
	for name, set := range map[string]func(m sip.Message, sdp string){
		"gzip":      func(m sip.Message, sdp string) { setContent(m, "application/sdp", sdp, h("Content-Encoding", "gzip")) },
		"malformed": func(m sip.Message, sdp string) { setContent(m, "multipart/mixed;boundary=b", sdp) },
		"text":      func(m sip.Message, sdp string) { setContent(m, "text/plain", sdp) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
				k.call = w.callOut()
				k.invite = w.ExpectRequest(w.T, "INVITE")
				ok := w.NewResponse(k.invite, 200, "OK")
				set(ok, k.answerTo(k.invite))
				w.Send(ok)
				w.ExpectRequest(w.T, "ACK")
				w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
				typed(w, w.end(k.call).Err, sipua.CodeProtocol, 200)
			})
		})
	}
}

// Section 20.1: an INVITE whose Accept leaves no session description is answered 406
// (section 21.4.7), since a 200 would have one.
func TestAcceptOfInvite(t *testing.T) {
	for accept, status := range map[string]int{
		"application/sdp": 180, "Application/SDP;level=1, text/html": 180, "*/*": 180, "application/*;q=0.1": 180,
		"text/html, application/sdp;q=0.001": 180, `text/plain;x="a, b", application/sdp`: 180,
		"text/html": 406, "": 406, "application/sdp;q=0": 406, "application/sdp;q=0.000, */*": 406, "application/*;q=0, */*": 406,
		"application/sdp, application/*;q=0": 180, "text/*": 406, `text/plain;x="application/sdp"`: 406,
	} {
		t.Run(accept, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
				k.invite = w.NewRequest("INVITE", "sip:1001@example.com", h("Accept", accept))
				sipuatest.SetSDP(k.invite, k.farOffer(false))
				w.Send(k.invite)
				w.ExpectResponse(w.T, status)
			})
		})
	}
}
