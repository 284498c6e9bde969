package sipua_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// world is a user agent "1001" in a synctest bubble, with the far end of its
// connection in the test's hands, fake media, and a record of its events.
type world struct {
	*testing.T
	*sipuatest.Peer
	ua     *sipua.UserAgent
	media  *sipuatest.Factory
	events []sipua.Event
}

// play runs a scenario. Goroutines that are left behind fail it: the bubble
// does not end before they do.
func play(t *testing.T, scenario func(w *world), change ...func(*sipua.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		transport, peer := sipuatest.NewPipe()
		peer.Timeout = 10 * time.Minute // fake time: longer than any timer under test
		w := &world{T: t, Peer: peer, media: &sipuatest.Factory{}}
		cfg := sipua.Config{
			URI: "sip:1001@example.com", DisplayName: "Alice", Servers: []string{"wss://example.com/ws"},
			Credentials: sipua.Credentials{Password: "secret"},
			InstanceID:  "urn:uuid:00000000-0000-4000-8000-000000000001",
			Transport:   transport, Media: w.media.New,
			OnEvent: func(e sipua.Event) { w.events = append(w.events, e) },
		}
		for _, f := range change {
			f(&cfg)
		}
		ua, err := sipua.New(cfg)
		require.NoError(t, err)
		w.ua = ua
		defer ua.Close()
		scenario(w)
	})
}

// begin runs a verb beside the test and returns what waits for its result.
func begin(verb func() error) (result func() error) {
	c := make(chan error, 1)
	go func() { c <- verb() }()
	return func() error { return <-c }
}

// register plays a registration without a challenge.
func (w *world) register() {
	w.Helper()
	done := begin(func() error { return w.ua.Register(w.Context()) })
	req := w.ExpectRequest(w.T, "REGISTER")
	w.Respond(req, 200, "OK", req.Contact())
	require.NoError(w, done())
}

// answer is the other side's media.
func answer(t *testing.T, offer []byte) string {
	t.Helper()
	sdp, err := sipuatest.NewMedia(sipuatest.MediaOptions{}).CreateAnswer(context.Background(), string(offer), sipua.OfferOptions{})
	require.NoError(t, err)
	return sdp
}

// dial plays an outgoing call up to its ACK.
func (w *world) dial() (call *sipua.Call, invite *sip.Request, ok *sip.Response) {
	w.Helper()
	call, err := w.ua.Call("1002", sipua.CallOptions{})
	require.NoError(w, err)
	invite = w.ExpectRequest(w.T, "INVITE")
	w.Respond(invite, 100, "Trying")
	w.Respond(invite, 180, "Ringing")
	ok = w.RespondSDP(invite, 200, "OK", answer(w.T, invite.Body()))
	w.ExpectRequest(w.T, "ACK")
	require.NoError(w, call.Answered(w.Context()))
	return call, invite, ok
}
