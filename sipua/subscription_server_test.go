//go:build !js

package sipua_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// device is a user agent at a real server, with its events in a channel.
type device struct {
	*testing.T
	*sipua.UserAgent
	events chan sipua.Event
}

func newDevice(t *testing.T, server *sipuatest.Server, user string) *device {
	d := &device{T: t, events: make(chan sipua.Event, 1000)}
	ua, err := sipua.New(sipua.Config{
		URI: "sip:" + user + "@example.com", Servers: []sipua.Server{{URL: server.URL}}, Credentials: sipua.Credentials{Password: "secret"},
		EventPackages: []string{"presence"}, OnEvent: func(e sipua.Event) { d.events <- e },
	})
	require.NoError(t, err)
	t.Cleanup(func() { ua.Close() })
	d.UserAgent = ua
	require.NoError(t, ua.Register(t.Context()))
	return d
}

// next waits for the next event of a type.
func next[E sipua.Event](d *device) E {
	d.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e := <-d.events:
			if e, ok := e.(E); ok {
				return e
			}
		case <-late:
			var none E
			require.Failf(d, "missing event", "%T", none)
		}
	}
}

// Two user agents through a proxy that another hand wrote, with digest and
// Record-Route: messages, OPTIONS, and presence by a SUBSCRIBE that forks.
func TestEventsThroughProxy(t *testing.T) {
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret", "1002": "secret"}})
	defer server.Close()
	alice, bob := newDevice(t, server, "1001"), newDevice(t, server, "1002")

	require.NoError(t, alice.Message(t.Context(), "1002", sipua.MessageOptions{Body: []byte("hello")}))
	m := next[sipua.IncomingMessage](bob)
	require.Equal(t, "hello 1001", string(m.Body)+" "+m.From.User)
	c, err := alice.Options(t.Context(), "1002")
	require.NoError(t, err)
	require.Contains(t, c.Allow, "SUBSCRIBE")
	require.Equal(t, []string{"presence"}, c.AllowEvents)

	other := newDevice(t, server, "1002")
	s, err := alice.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
	require.NoError(t, err)
	n := next[sipua.IncomingSubscription](bob).Subscription
	late := next[sipua.IncomingSubscription](other).Subscription
	require.Equal(t, "1001", n.Remote().User)
	require.NoError(t, n.Accept(t.Context(), present))
	require.NoError(t, s.Active(t.Context()))
	require.Equal(t, "<open/>", string(next[sipua.Notified](alice).Body))
	require.Error(t, late.Accept(t.Context(), present), "another fork was first")
	require.Error(t, next[sipua.NotifierEnded](other).Err)

	require.NoError(t, n.Notify(t.Context(), "application/pidf+xml", []byte("<closed/>")))
	require.Equal(t, "<closed/>", string(next[sipua.Notified](alice).Body))
	require.NoError(t, s.Refresh(t.Context())) // may have joined the first SUBSCRIBE, whose answer waits for the other fork
	require.NoError(t, s.Refresh(t.Context()))
	require.Equal(t, "<closed/>", string(next[sipua.Notified](alice).Body))
	require.NoError(t, s.Unsubscribe(t.Context()))
	require.NoError(t, next[sipua.SubscriptionEnded](alice).Err)
	require.Equal(t, "unsubscribed", next[sipua.NotifierEnded](bob).Reason)
}
