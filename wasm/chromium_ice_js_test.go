package main

import (
	"os"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// The ICE policy in the real thing. silent is a server that never answers; in STUN
// the page's harness names one that does, and says that we come from 198.51.100.7.

const silent = "192.0.2.1:3478"

// offerOf makes a peer connection with that policy and its first offer.
func (p realPage) offerOf(ice map[string]any) (offer string, took time.Duration, err error) {
	p.t.Helper()
	m, err := newPeer(p.t.Context(), p.desk, readMediaOptions(js.ValueOf(map[string]any{"ice": ice})), defaultICE(), nil, func(js.Value, js.Value) {},
		func(err error) { p.t.Errorf("no servers: %v", err) })
	require.NoError(p.t, err)
	p.t.Cleanup(m.Close)
	began := time.Now()
	offer, err = m.CreateOffer(p.t.Context(), sipua.OfferOptions{})
	took = time.Since(began)
	p.t.Logf("%v: offer after %v", ice, took)
	return offer, took, err
}

func serverAt(urls ...any) map[string]any {
	return map[string]any{"urls": urls, "username": "1001", "credential": "secret"}
}

func TestChromiumICEUnreachable(t *testing.T) {
	p := chromium(t)
	stun := []any{serverAt("stun:" + silent)}
	offer, took, err := p.offerOf(map[string]any{})
	require.NoError(t, err)
	require.Less(t, took, 450*time.Millisecond, "nobody is asked, nothing is waited for")
	require.Contains(t, offer, " typ host")

	offer, took, err = p.offerOf(map[string]any{"servers": stun})
	require.NoError(t, err)
	require.Less(t, took, 1500*time.Millisecond)
	require.Contains(t, offer, " typ host")

	_, took, err = p.offerOf(map[string]any{"servers": stun, "gathering": map[string]any{"settle": 0}})
	require.NoError(t, err)
	require.Less(t, took, 450*time.Millisecond)

	_, took, err = p.offerOf(map[string]any{"servers": stun, "gathering": map[string]any{"settle": 60_000, "limit": 1000, "enough": "srflx"}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 900*time.Millisecond)
	require.Less(t, took, 3*time.Second)

	offer, took, err = p.offerOf(map[string]any{
		"servers": []any{serverAt("turn:" + silent)}, "transportPolicy": "relay", "gathering": map[string]any{"limit": 1000},
	})
	require.ErrorIs(t, err, sipua.ErrMediaFailed)
	require.Empty(t, offer)
	require.Less(t, took, 3*time.Second)
}

// Who has been asked once is not waited for again, and a call is held meanwhile.
func TestChromiumICEOnce(t *testing.T) {
	p := chromium(t)
	a, b := p.peer(map[string]any{"ice": map[string]any{"servers": []any{serverAt("stun:" + silent)}}}), p.peer(nil)
	exchange(t, a, b, sipua.OfferOptions{}, sipua.OfferOptions{})
	began := time.Now()
	exchange(t, a, b, sipua.OfferOptions{Hold: true}, sipua.OfferOptions{})
	require.Less(t, time.Since(began), 450*time.Millisecond)
	requireFlow(t, b, "audio")
}

func TestChromiumICEEnough(t *testing.T) {
	p := chromium(t)
	servers := []any{serverAt("stun:"+os.Getenv("STUN"), "stun:"+silent)}
	offer, took, err := p.offerOf(map[string]any{"servers": servers, "gathering": map[string]any{"settle": 20_000, "limit": 20_000, "enough": "srflx"}})
	require.NoError(t, err)
	require.Contains(t, offer, "198.51.100.7 ")
	require.Contains(t, offer, " typ srflx")
	require.Less(t, took, 2*time.Second)
}

// While the person is asked, and while a call rings, gathering is under way: the
// description waits for nothing.
func TestChromiumICEEarly(t *testing.T) {
	p := chromium(t)
	for _, early := range []bool{true, false} {
		policy := defaultICE().with(js.ValueOf(map[string]any{
			"servers": []any{serverAt("stun:"+os.Getenv("STUN"), "stun:"+silent)}, "gathering": map[string]any{"early": early},
		}))
		var begun *connecting
		if policy.ahead() {
			begun = policy.connect(p.desk.host, js.Undefined(), nil)
		}
		pause(t, time.Second) // it rings
		m, err := newPeer(t.Context(), p.desk, mediaOptions{}, policy, begun, func(js.Value, js.Value) {}, nil)
		require.NoError(t, err)
		began := time.Now()
		offer, err := m.CreateOffer(t.Context(), sipua.OfferOptions{})
		took := time.Since(began)
		m.Close()
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(offer, " typ srflx"), offer)
		t.Logf("early %v: offer after %v", early, took)
		if early {
			require.Less(t, took, 400*time.Millisecond)
		} else {
			require.GreaterOrEqual(t, took, 450*time.Millisecond)
		}
	}
}
