package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// TestMain fails when a goroutine outlives the tests. Inside the bubbles of
// play synctest finds them; this finds those of real sockets and of examples.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines that run code of this module, once
// they have had time to end, and "" when there are none.
func leaked() string {
	deadline := time.Now().Add(10 * time.Second)
	for {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for _, stack := range strings.Split(string(buf), "\n\n")[1:] { // the first is this one
			if strings.Contains(stack, "sipwasm/sipua") || strings.Contains(stack, "nhooyr.io/websocket") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}

// world is a user agent "1001" in a synctest bubble, with the far end of its
// connection in the test's hands, fake media, and a record of its events.
type world struct {
	*testing.T
	*sipuatest.Peer
	ua     *sipua.UserAgent
	media  *sipuatest.Factory
	delay  atomic.Int64 // nanoseconds that each verb of the media takes from now on
	fail   atomic.Bool  // whether each verb of the media fails
	mu     sync.Mutex   // guards events: a sleep of fake time orders nothing for the race detector
	events []sipua.Event
}

// play runs a scenario. Goroutines that are left behind fail it: the bubble
// does not end before they do. Whatever the scenario, the user agent keeps some
// promises, which are checked at its end.
func play(t *testing.T, scenario func(w *world), change ...func(*sipua.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		transport, peer := sipuatest.NewPipe()
		peer.Timeout = 10 * time.Minute // fake time: longer than any timer under test
		w := &world{T: t, Peer: peer, media: &sipuatest.Factory{}}
		w.media.Hook = func(ctx context.Context, _ sipuatest.Verb, _ string) error {
			slow := time.NewTimer(time.Duration(w.delay.Load()))
			defer slow.Stop()
			select {
			case <-slow.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			if w.fail.Load() {
				return errors.New("the media was told to fail")
			}
			return nil
		}
		cfg := sipua.Config{
			URI: "sip:1001@example.com", DisplayName: "Alice", Servers: []sipua.Server{{URL: "wss://example.com/ws"}},
			Credentials: sipua.Credentials{Password: "secret"},
			InstanceID:  "urn:uuid:00000000-0000-4000-8000-000000000001",
			Transport:   transport, Media: w.media.New,
			KeepAlive: sipua.KeepAlive{Method: sipua.KeepAliveOff}, // tests of liveness switch it on
			OnEvent:   w.record,
		}
		for _, f := range change {
			f(&cfg)
		}
		ua, err := sipua.New(cfg)
		require.NoError(t, err)
		w.ua = ua
		defer ua.Close()
		scenario(w)
		require.NoError(t, ua.Close())
		synctest.Wait()
		w.promises()
	})
}

func (w *world) record(e sipua.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// recorded are the events since the last forget.
func (w *world) recorded() []sipua.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// promises holds for every scenario.
func (w *world) promises() {
	w.Helper()
	for _, e := range w.Ladder().Entries() {
		if e.Direction != sipuatest.Out {
			continue
		}
		head, _, _ := strings.Cut(e.Text, "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			require.NotContains(w, line, "\r", "a bare CR was sent")
			require.NotContains(w, line, "\n", "a bare LF was sent")
			require.NotContains(w, line, "\x00", "a NUL was sent")
		}
		require.NotContains(w, e.Text, "secret", "the password was sent")
	}
	for i, m := range w.media.All() {
		require.Equal(w, 1, m.Closed(), "media %d is closed once", i)
		for _, verb := range m.Log() {
			require.NotContains(w, verb, "one caller at a time")
			require.NotContains(w, verb, "in the state", "media %d was used in the wrong state", i)
		}
	}
	for c, n := range w.ends() {
		require.Equal(w, 1, n, "call %s ends once", c.ID())
		require.Equal(w, sipua.Ended, c.State())
	}
	require.Empty(w, w.ua.Calls())
	over := map[*sipua.Call]bool{}
	for _, e := range w.recorded() {
		c := callOf(e)
		require.False(w, c != nil && over[c], "%T after the end of the call", e)
		if _, ended := e.(sipua.CallEnded); ended {
			over[c] = true
		}
	}
}

// ends counts the ends of every call that an event has told of.
func (w *world) ends() map[*sipua.Call]int {
	ends := map[*sipua.Call]int{}
	for _, e := range w.recorded() {
		switch e := e.(type) {
		case sipua.IncomingCall:
			ends[e.Call] += 0
		case sipua.CallStateChanged:
			ends[e.Call] += 0
		case sipua.CallEnded:
			ends[e.Call]++
		}
	}
	return ends
}

// begin runs a verb beside the test and returns what waits for its result.
func begin(verb func() error) (result func() error) {
	c := make(chan error, 1)
	go func() { c <- verb() }()
	return func() error { return <-c }
}

// register plays a registration without a challenge.
func (w *world) register() (req *sip.Request) {
	w.Helper()
	done := begin(func() error { return w.ua.Register(w.Context()) })
	req = w.ExpectRequest(w.T, "REGISTER")
	w.Respond(req, 200, "OK", req.Contact())
	require.NoError(w, done())
	return req
}

// down drops the connection and refuses others until OnDial(nil).
func (w *world) down() {
	w.OnDial(func(context.Context, string) error { return errors.New("the server is down") })
	w.Drop(1006, "")
	synctest.Wait()
}

// connect opens the connection without anything else: a registration that is
// refused.
func (w *world) connect() {
	w.Helper()
	done := begin(func() error { return w.ua.Register(w.Context()) })
	w.Respond(w.ExpectRequest(w.T, "REGISTER"), 403, "Forbidden")
	require.Error(w, done())
	w.forget()
}

// answer is the other side's media.
func answer(t *testing.T, offer []byte) string {
	t.Helper()
	sdp, err := sipuatest.NewMedia(sipuatest.MediaOptions{}).CreateAnswer(context.Background(), string(offer), sipua.OfferOptions{})
	require.NoError(t, err)
	return sdp
}

// offer is that of a new caller.
func offer(t *testing.T) string {
	t.Helper()
	sdp, err := sipuatest.NewMedia(sipuatest.MediaOptions{}).CreateOffer(context.Background(), sipua.OfferOptions{})
	require.NoError(t, err)
	return sdp
}

// end waits for the end of a call and returns it, without the other side's reasons.
func (w *world) end(c *sipua.Call) sipua.CallEnded {
	w.Helper()
	end, err := c.Ended(w.Context())
	require.NoError(w, err)
	synctest.Wait()
	end.Reasons = nil
	return end
}

// forget empties the record of events and the ladder.
func (w *world) forget() {
	synctest.Wait()
	w.mu.Lock()
	w.events = nil
	w.mu.Unlock()
	w.Ladder().Reset()
}

// count the events of a type.
func count[E sipua.Event](w *world) (n int) {
	synctest.Wait()
	for _, e := range w.recorded() {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

// last returns the last event of a type.
func last[E sipua.Event](w *world) E {
	w.Helper()
	synctest.Wait()
	events := w.recorded()
	for i := len(events) - 1; i >= 0; i-- {
		if e, ok := events[i].(E); ok {
			return e
		}
	}
	var none E
	require.Failf(w, "missing event", "there is no %T among %v", none, w.story())
	return none
}

// story tells the events since the last forget in short words.
func (w *world) story() []string {
	synctest.Wait()
	var all []string
	for _, e := range w.recorded() {
		if said := tell(e); said != "" {
			all = append(all, said)
		}
	}
	return all
}

func tell(e sipua.Event) string {
	switch e := e.(type) {
	case sipua.Connected:
		return "connected"
	case sipua.Disconnected:
		return fmt.Sprintf("disconnected %d", e.Code)
	case sipua.Registered:
		return fmt.Sprintf("registered %v", e.Expires)
	case sipua.Reconnecting:
		return fmt.Sprintf("reconnecting %d", e.Attempt)
	case sipua.RegistrationExpiring:
		return "expiring"
	case sipua.RegistrationFailed:
		if e.Final {
			return "register failed for good: " + code(e.Err)
		}
		return "register failed: " + code(e.Err)
	case sipua.Unregistered:
		return strings.TrimSpace("unregistered " + code(e.Err))
	case sipua.IncomingCall:
		return "incoming"
	case sipua.ProtocolError:
		return "protocol error"
	case sipua.CallStateChanged:
		return string(e.State)
	case sipua.CallRinging:
		if e.EarlyMedia {
			return fmt.Sprintf("%d with media", e.Status)
		}
		return fmt.Sprint(e.Status)
	case sipua.CallAnswered:
		return "answered"
	case sipua.CallHeld:
		return "held by " + string(e.By)
	case sipua.CallResumed:
		return "resumed by " + string(e.By)
	case sipua.CallEnded:
		s := "end by " + string(e.By)
		if e.Status != 0 {
			s += fmt.Sprint(" ", e.Status)
		}
		return strings.TrimSpace(s + " " + code(e.Err))
	case sipua.CallMediaChanged, sipua.CallSnapshotChanged, sipua.CallConnection, sipua.CallSessionRefreshed:
		return "" // what goes with the others; their own tests look for them
	case sipua.CallRecovering:
		if e.Offering {
			return "recovering " + string(e.Why) + ": offering"
		}
		return "recovering " + string(e.Why)
	case sipua.CallRecovered:
		return strings.TrimSpace("recovered " + code(e.Err))
	}
	return fmt.Sprintf("%T", e)
}

// code of an error, "" for none.
func code(err error) string {
	var e *sipua.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return string(e.Code)
	}
	return "untyped " + err.Error()
}

// typed demands an *Error with this code and status.
func typed(t testing.TB, err error, want sipua.Code, status int) *sipua.Error {
	t.Helper()
	var e *sipua.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Code, "%v", err)
	require.Equal(t, status, e.Status, "%v", err)
	return e
}

// ladder compares what crossed the connection since the last forget:
// "> INVITE" from the user agent, "< 200" to it, "= closed" for the connection
// itself.
func (w *world) ladder(want ...string) {
	w.Helper()
	synctest.Wait()
	var got []string
	for _, e := range w.Ladder().Entries() {
		line, _, _ := strings.Cut(e.Text, "\r\n")
		word, rest, _ := strings.Cut(line, " ")
		if word == "SIP/2.0" {
			word, _, _ = strings.Cut(rest, " ")
		}
		switch e.Direction {
		case sipuatest.Out:
			got = append(got, "> "+word)
		case sipuatest.In:
			got = append(got, "< "+word)
		default:
			got = append(got, "= "+word)
		}
	}
	require.Equal(w, want, got)
}

// golden compares the ladder with a file of the repository's testdata.
func (w *world) golden(name string) {
	w.Helper()
	synctest.Wait()
	w.Ladder().Golden(w.T, "../../testdata/ladders/"+name)
}

// h makes a header.
func h(name, value string) sip.Header { return sip.NewHeader(name, value) }

// value of the first header of that name, "" when there is none.
func value(m sip.Message, name string) string {
	if hs := m.GetHeaders(name); len(hs) > 0 {
		return hs[0].Value()
	}
	return ""
}

// values of all headers of that name.
func values(m sip.Message, name string) []string {
	var all []string
	for _, h := range m.GetHeaders(name) {
		all = append(all, h.Value())
	}
	return all
}

// tag is the tag parameter of a From or To header's value.
func tag(value string) string {
	_, after, _ := strings.Cut(value, ";tag=")
	tag, _, _ := strings.Cut(after, ";")
	return tag
}

// line is the first line of a text that begins so, "" when there is none.
func line(text, prefix string) string {
	for l := range strings.SplitSeq(text, "\r\n") {
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
	return ""
}

func itoa(n int) string { return strconv.Itoa(n) }
