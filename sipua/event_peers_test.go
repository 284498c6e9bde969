//go:build !js

package sipua_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Event packages between user agents and a server that another hand wrote, in
// memory: RFC 6665, 3903, 3856, 3842, 4235 and 3680.

// peers is a server with user agents in a synctest bubble.
type peers struct {
	*testing.T
	*sipuatest.Server
}

// among plays a scenario at a server with the accounts 1001 to 1003.
func among(t *testing.T, o sipuatest.Options, scenario func(t *testing.T, p *peers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.InMemory = true
		o.Accounts = map[string]string{"1001": "secret", "1002": "secret", "1003": "secret"}
		server := sipuatest.NewServer(o)
		defer server.Close()
		scenario(t, &peers{T: t, Server: server})
	})
}

// party is one user agent of them with what it was told.
type party struct {
	*testing.T
	*sipua.UserAgent
	mu     sync.Mutex
	events []sipua.Event
}

func (p *peers) join(user string, change ...func(*sipua.Config)) *party {
	p.Helper()
	d := &party{T: p.T}
	cfg := sipua.Config{
		URI: "sip:" + user + "@example.com", Servers: []sipua.Server{{URL: p.URL}}, Credentials: sipua.Credentials{Password: "secret"},
		Transport: p.Transport(), OnEvent: func(e sipua.Event) { d.mu.Lock(); d.events = append(d.events, e); d.mu.Unlock() },
	}
	for _, f := range change {
		f(&cfg)
	}
	ua, err := sipua.New(cfg)
	require.NoError(p, err)
	d.UserAgent = ua
	require.NoError(p, ua.Register(p.Context()))
	return d
}

// all events of a type so far.
func all[E sipua.Event](d *party) (list []E) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// newest is the state that a subscriber was told last.
func newest[V any](d *party) (v V) {
	d.Helper()
	list := all[sipua.Notified](d)
	require.NotEmpty(d, list)
	v, ok := list[len(list)-1].Value.(V)
	require.True(d, ok, "%T %s", list[len(list)-1].Value, list[len(list)-1].Body)
	return v
}

func (d *party) watch(target, event string) *sipua.Subscription {
	d.Helper()
	s, err := d.Subscribe(target, sipua.SubscribeOptions{Event: event})
	require.NoError(d, err)
	require.NoError(d, s.Active(d.Context()))
	synctest.Wait()
	require.Equal(d, sipua.SubscriptionActive, s.State())
	return s
}

// RFC 3842: the mailbox, its changes, a loss of the flow and of the server's memory.
func TestMailboxAtAServer(t *testing.T) {
	among(t, sipuatest.Options{Events: []string{"message-summary"}, MaxExpires: 10 * time.Minute}, func(t *testing.T, p *peers) {
		d := p.join("1001")
		defer d.Close()
		s := d.watch("1001", "message-summary")
		require.False(t, newest[sipua.MessageSummary](d).Waiting)
		p.SetMailbox("1001", 2, 1)
		require.Equal(t, sipua.MessageCount{New: 2, Old: 1}, newest[sipua.MessageSummary](d).Voice)
		time.Sleep(time.Hour) // it lives on
		require.Equal(t, 1, p.Subscriptions("1001", "message-summary"))
		require.Equal(t, sipua.SubscriptionActive, s.State())

		p.DropConnections(1006)
		p.SetMailbox("1001", 3, 1)
		time.Sleep(time.Minute)
		require.Equal(t, 3, newest[sipua.MessageSummary](d).Voice.New)
		require.Equal(t, 1, p.Subscriptions("1001", "message-summary"), "the old one was taken up again")

		p.ForgetSubscriptions()
		time.Sleep(15 * time.Minute)
		p.SetMailbox("1001", 4, 1)
		require.Equal(t, 4, newest[sipua.MessageSummary](d).Voice.New)

		require.NoError(t, p.Restart())
		time.Sleep(5 * time.Minute)
		p.SetMailbox("1001", 5, 1)
		require.Equal(t, 5, newest[sipua.MessageSummary](d).Voice.New)
		require.NoError(t, s.Unsubscribe(t.Context()))
		require.Zero(t, p.Subscriptions("1001", "message-summary"))
		require.Len(t, all[sipua.SubscriptionEnded](d), 1)
		require.NoError(t, d.Shutdown(t.Context()))
	})
}

// Every reason of RFC 6665 section 4.1.3, told by a server.
func TestServerEndsTheSubscription(t *testing.T) {
	for reason, again := range map[string]bool{"deactivated": true, "probation": true, "timeout": true, "giveup": true, "rejected": false, "noresource": false, "invariant": false} {
		for _, after := range []time.Duration{0, 90 * time.Second} {
			t.Run(fmt.Sprint(reason, after), func(t *testing.T) {
				among(t, sipuatest.Options{Events: []string{"message-summary"}}, func(t *testing.T, p *peers) {
					d := p.join("1001")
					defer d.Close()
					s := d.watch("1001", "message-summary")
					p.EndSubscriptions("1001", "message-summary", reason, after)
					synctest.Wait()
					if after > 0 && (reason == "probation" || reason == "giveup") {
						time.Sleep(89 * time.Second)
						require.Zero(t, p.Subscriptions("1001", "message-summary"), "it waits as long as it is told")
					}
					time.Sleep(2 * time.Minute)
					if again {
						require.Equal(t, 1, p.Subscriptions("1001", "message-summary"))
						require.Equal(t, sipua.SubscriptionActive, s.State())
						return
					}
					require.Zero(t, p.Subscriptions("1001", "message-summary"))
					require.Equal(t, reason, all[sipua.SubscriptionEnded](d)[0].Reason)
				})
			})
		}
	}
}

// RFC 3903 with RFC 3856: one publishes, another one watches.
func TestPresenceAtACompositor(t *testing.T) {
	document := func(basic string) []byte {
		return sipua.Presence{Entity: "sip:1001@example.com", Tuples: []sipua.PresenceTuple{{ID: "a", Basic: basic}}}.PIDF()
	}
	among(t, sipuatest.Options{Events: []string{"presence"}, MaxExpires: 10 * time.Minute}, func(t *testing.T, p *peers) {
		alice, bob := p.join("1001"), p.join("1002")
		defer alice.Close()
		defer bob.Close()
		s := bob.watch("1001", "presence")
		require.False(t, newest[sipua.Presence](bob).Open())
		pub, err := alice.Publish(t.Context(), sipua.PublishOptions{Event: "presence", ContentType: pidf, Body: document("open")})
		require.NoError(t, err)
		require.True(t, newest[sipua.Presence](bob).Open())
		require.NoError(t, pub.Update(t.Context(), pidf, document("closed")))
		require.False(t, newest[sipua.Presence](bob).Open())
		require.NoError(t, pub.Update(t.Context(), pidf, document("open")))
		time.Sleep(3 * time.Hour) // refreshed by both
		require.True(t, newest[sipua.Presence](bob).Open())
		require.Equal(t, sipua.SubscriptionActive, s.State())
		require.Empty(t, all[sipua.PublicationEnded](alice))

		p.ForgetSubscriptions() // 412 and 481
		time.Sleep(20 * time.Minute)
		require.True(t, newest[sipua.Presence](bob).Open())
		require.NoError(t, pub.Update(t.Context(), pidf, document("closed")))
		require.False(t, newest[sipua.Presence](bob).Open())
		require.NoError(t, pub.Update(t.Context(), pidf, document("open")))
		require.NoError(t, alice.Shutdown(t.Context())) // takes leave
		require.False(t, newest[sipua.Presence](bob).Open())
	})
	among(t, sipuatest.Options{Events: []string{"presence"}, MinExpires: 30 * time.Minute}, func(t *testing.T, p *peers) { // 423
		d := p.join("1001", func(c *sipua.Config) { c.RegistrationExpires = time.Hour })
		defer d.Close()
		s, err := d.Subscribe("1001", sipua.SubscribeOptions{Event: "presence", Expires: time.Minute})
		require.NoError(t, err)
		require.NoError(t, s.Active(t.Context()))
		_, err = d.Publish(t.Context(), sipua.PublishOptions{Event: "presence", ContentType: pidf, Body: document("open"), Expires: time.Minute})
		require.NoError(t, err)
		_, err = d.Publish(t.Context(), sipua.PublishOptions{Event: "x-none", ContentType: pidf, Body: document("open")})
		typed(t, err, sipua.CodeRejected, 489)
	})
}

// RFC 3680: a watcher of its own registration sees itself, others, and the end.
func TestRegistrationsAtAServer(t *testing.T) {
	among(t, sipuatest.Options{Events: []string{"reg"}}, func(t *testing.T, p *peers) {
		a := p.join("1001")
		defer a.Close()
		a.watch("1001", "reg")
		contacts := func() (n int) {
			for _, r := range newest[sipua.RegistrationInfo](a).Registrations {
				for _, c := range r.Contacts {
					if c.State == "active" {
						n++
					}
				}
			}
			return n
		}
		require.Equal(t, 1, contacts())
		b := p.join("1001")
		require.Equal(t, 2, contacts())
		require.NoError(t, b.Shutdown(t.Context()))
		require.Equal(t, 1, contacts())
	})
}

// RFC 4235 by PUBLISH: a busy lamp.
func TestDialogsAtACompositor(t *testing.T) {
	document := func(version int, dialogs string) []byte {
		return fmt.Appendf(nil, `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="sip:1001@example.com">%s</dialog-info>`, version, dialogs)
	}
	among(t, sipuatest.Options{Events: []string{"dialog"}}, func(t *testing.T, p *peers) {
		a, b := p.join("1001"), p.join("1002")
		defer a.Close()
		defer b.Close()
		b.watch("1001", "dialog")
		require.Equal(t, sipua.LampIdle, newest[sipua.DialogInfo](b).Lamp())
		const kind = "application/dialog-info+xml"
		pub, err := a.Publish(t.Context(), sipua.PublishOptions{Event: "dialog", ContentType: kind, Body: document(1, `<dialog id="d" direction="recipient"><state>early</state></dialog>`)})
		require.NoError(t, err)
		require.Equal(t, sipua.LampRinging, newest[sipua.DialogInfo](b).Lamp())
		require.NoError(t, pub.Update(t.Context(), kind, document(2, `<dialog id="d" direction="recipient"><state>confirmed</state></dialog>`)))
		require.Equal(t, sipua.LampBusy, newest[sipua.DialogInfo](b).Lamp())
		require.NoError(t, pub.Remove(t.Context()))
		require.Equal(t, sipua.LampIdle, newest[sipua.DialogInfo](b).Lamp())
	})
}

// Two user agents against each other: the whole life, with the flow of either
// side lost, the notifier ending it in each way, and the subscriber leaving.
func TestPresenceBetweenUserAgents(t *testing.T) {
	serve := func(c *sipua.Config) { c.EventPackages = []string{"presence"} }
	begin := func(p *peers) (a, b *party, s *sipua.Subscription, n *sipua.Notifier) {
		a, b = p.join("1001"), p.join("1002", serve)
		s, err := a.Subscribe("1002", sipua.SubscribeOptions{Event: "presence", Expires: 10 * time.Minute})
		require.NoError(p, err)
		n = all[sipua.IncomingSubscription](b)[0].Subscription
		require.NoError(p, n.Accept(p.Context(), sipua.NotifierOptions{ContentType: pidf, Body: []byte("<0/>")}))
		require.NoError(p, s.Active(p.Context()))
		return a, b, s, n
	}
	body := func(d *party) string {
		list := all[sipua.Notified](d)
		return string(list[len(list)-1].Body)
	}
	for name, options := range map[string]sipuatest.Options{"plain": {}, "edge proxy": {EdgeProxy: true, ServiceRoute: true}, "no gruu": {NoGRUU: true}, "no outbound": {Outbound: sipuatest.OutboundIgnored, NoGRUU: true}} {
		t.Run(name, func(t *testing.T) {
			among(t, options, func(t *testing.T, p *peers) {
				a, b, s, n := begin(p)
				defer a.Close()
				defer b.Close()
				for i := range 20 {
					require.NoError(t, n.Notify(t.Context(), pidf, fmt.Appendf(nil, "<%d/>", i)))
					require.Equal(t, fmt.Sprintf("<%d/>", i), body(a))
					time.Sleep(5 * time.Minute)
				}
				require.Equal(t, sipua.SubscriptionActive, n.State(), "it was refreshed")
				require.NoError(t, s.Unsubscribe(t.Context()))
				require.Equal(t, "unsubscribed", all[sipua.NotifierEnded](b)[0].Reason)
			})
		})
	}
	among(t, sipuatest.Options{}, func(t *testing.T, p *peers) { // both flows are lost
		a, b, s, n := begin(p)
		defer a.Close()
		defer b.Close()
		p.DropConnections(1006)
		time.Sleep(10 * time.Second)
		if list := all[sipua.IncomingSubscription](b); len(list) > 1 { // who came back first found nobody: a new dialog
			n = list[len(list)-1].Subscription
			require.NoError(t, n.Accept(t.Context(), sipua.NotifierOptions{}))
		}
		require.NoError(t, n.Notify(t.Context(), pidf, []byte("<after/>")))
		require.Equal(t, "<after/>", body(a))
		require.Equal(t, sipua.SubscriptionActive, s.State())
		require.Equal(t, sipua.SubscriptionActive, n.State())
	})
	among(t, sipuatest.Options{}, func(t *testing.T, p *peers) { // the subscriber is gone without a word: its subscription runs out
		a, b, _, n := begin(p)
		defer b.Close()
		require.NoError(t, a.Close())
		time.Sleep(11 * time.Minute)
		require.Equal(t, sipua.SubscriptionTerminated, n.State())
		require.Equal(t, "timeout", all[sipua.NotifierEnded](b)[0].Reason)
	})
	among(t, sipuatest.Options{}, func(t *testing.T, p *peers) { // the notifier takes leave: the subscriber tries again, later
		a, b, s, n := begin(p)
		defer a.Close()
		require.NoError(t, b.Shutdown(t.Context()))
		synctest.Wait()
		require.Equal(t, sipua.SubscriptionTerminated, n.State())
		require.Contains(t, []sipua.SubscriptionState{sipua.SubscriptionWaiting, sipua.SubscriptionTrying}, s.State())
		c := p.join("1002", serve)
		defer c.Close()
		time.Sleep(40 * time.Second)
		n = all[sipua.IncomingSubscription](c)[0].Subscription
		require.NoError(t, n.Accept(t.Context(), sipua.NotifierOptions{ContentType: pidf, Body: []byte("<back/>")}))
		require.Equal(t, "<back/>", body(a))
	})
	among(t, sipuatest.Options{}, func(t *testing.T, p *peers) { // the notifier refuses, at first and later
		a, b, s, n := begin(p)
		defer a.Close()
		defer b.Close()
		require.NoError(t, n.Terminate(t.Context(), "rejected", 0))
		synctest.Wait()
		require.Equal(t, sipua.SubscriptionTerminated, s.State())
		s, err := a.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
		require.NoError(t, err)
		n = all[sipua.IncomingSubscription](b)[1].Subscription
		require.NoError(t, n.Reject(t.Context(), 403))
		typed(t, s.Active(t.Context()), sipua.CodeRejected, 403)
	})
	among(t, sipuatest.Options{}, func(t *testing.T, p *peers) { // nobody decides; nobody is there; nobody serves it
		a, b := p.join("1001"), p.join("1002", serve)
		defer a.Close()
		defer b.Close()
		for target, status := range map[string]int{"1002": 480, "1003": 480, "1999": 404} {
			s, err := a.Subscribe(target, sipua.SubscribeOptions{Event: "presence"})
			require.NoError(t, err)
			typed(t, s.Active(t.Context()), sipua.CodeRejected, status)
		}
		s, err := a.Subscribe("1002", sipua.SubscribeOptions{Event: "dialog"})
		require.NoError(t, err)
		typed(t, s.Active(t.Context()), sipua.CodeRejected, 489)
	})
}

// Both at once: each watches the other, with messages between them, while the
// network goes away again and again.
func TestPresenceInAStorm(t *testing.T) {
	among(t, sipuatest.Options{}, func(t *testing.T, p *peers) {
		serve := func(c *sipua.Config) { c.EventPackages = []string{"presence"} }
		a, b := p.join("1001", serve), p.join("1002", serve)
		defer a.Close()
		defer b.Close()
		for _, d := range []*party{a, b} {
			d.On(func(e sipua.Event) {
				if e, ok := e.(sipua.IncomingSubscription); ok {
					_ = e.Subscription.Accept(t.Context(), sipua.NotifierOptions{ContentType: pidf, Body: []byte("<x/>")})
				}
			})
		}
		var subs []*sipua.Subscription
		for d, target := range map[*party]string{a: "1002", b: "1001"} {
			s, err := d.Subscribe(target, sipua.SubscribeOptions{Event: "presence"})
			require.NoError(t, err)
			subs = append(subs, s)
		}
		synctest.Wait()
		for i := range 30 {
			if i%3 == 0 {
				p.DropConnections(1006)
			}
			if err := a.Message(t.Context(), "1002", hello(fmt.Sprint(i))); err != nil {
				var e *sipua.Error
				require.True(t, errors.As(err, &e))
			}
			time.Sleep(20 * time.Second)
		}
		time.Sleep(20 * time.Minute) // the pauses have grown
		for _, s := range subs {
			require.Equal(t, sipua.SubscriptionActive, s.State(), "%v %v", all[sipua.SubscriptionEnded](a), all[sipua.SubscriptionEnded](b))
		}
		require.NotEmpty(t, all[sipua.IncomingMessage](b))
		require.NoError(t, a.Shutdown(t.Context()))
		require.NoError(t, b.Shutdown(t.Context()))
	})
}

// A server that answers each SUBSCRIBE with some failure now and then.
func TestSubscriptionOutlivesServerTrouble(t *testing.T) {
	among(t, sipuatest.Options{Events: []string{"message-summary"}, MaxExpires: 5 * time.Minute}, func(t *testing.T, p *peers) {
		d := p.join("1001")
		defer d.Close()
		s := d.watch("1001", "message-summary")
		for _, action := range []sipuatest.Action{
			{Status: 503, Reason: "Busy", Headers: []sip.Header{sip.NewHeader("Retry-After", "20")}}, {Status: 500, Reason: "No"}, {Status: 481, Reason: "Gone"},
			{Status: 408, Reason: "Late"}, {Drop: true}, {Close: 1006}, {HalfOpen: true}, {Delay: 10 * time.Second},
		} {
			p.Next("SUBSCRIBE", action)
			time.Sleep(10 * time.Minute)
			require.Equal(t, sipua.SubscriptionActive, s.State(), "%+v", action)
			require.GreaterOrEqual(t, p.Subscriptions("1001", "message-summary"), 1)
		}
	})
}
