//go:build !js

package sipua_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// grammar holds for every sequence of events of flows and registrations.
func (w *world) grammar() {
	w.Helper()
	synctest.Wait()
	up, held := map[int]bool{}, map[int]bool{}
	registered := false
	for i, e := range w.recorded() {
		at := fmt.Sprintf("event %d of %v", i, w.story())
		switch e := e.(type) {
		case sipua.Connected:
			require.False(w, up[e.Flow], at)
			up[e.Flow] = true
		case sipua.Disconnected:
			require.True(w, up[e.Flow], at)
			up[e.Flow], held[e.Flow] = false, false
		case sipua.Reconnecting:
			require.False(w, up[e.Flow], at)
			require.Positive(w, e.Attempt, at)
			require.GreaterOrEqual(w, e.Delay, time.Duration(0), at)
		case sipua.Registered:
			require.True(w, up[e.Flow], at)
			require.Positive(w, e.Expires, at)
			held[e.Flow], registered = true, true
		case sipua.RegistrationExpiring:
			require.True(w, held[e.Flow], at)
		case sipua.Unregistered:
			require.True(w, registered, at)
			registered = false
			held = map[int]bool{}
		case sipua.RegistrationFailed:
			require.Error(w, e.Err, at)
			require.False(w, e.Final && e.RetryIn != 0, at)
		}
	}
}

// Whatever servers and networks do, in whatever order: the events make sense, and
// when all is well again the user agent is registered, once for each flow.
func TestRandomWalk(t *testing.T) {
	seeds := uint64(30)
	if underRace {
		seeds = 8
	}
	for seed := range seeds {
		n := int(seed%3) + 1
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			serve(t, func(c *cluster) {
				c.b.Close()
				c.b = c.a // two entrances to one registrar
				c.a.Configure(func(o *sipuatest.Options) { o.FlowTimer = time.Minute })
				begin(func() error { return c.ua.Register(c.Context()) })
				var steps []int
				for range 50 {
					step := r.IntN(16)
					steps = append(steps, step)
					switch step {
					case 0, 1:
						c.a.DropConnections([]int{1001, 1006, 1012}[r.IntN(3)])
					case 2:
						c.a.HalfOpen()
					case 3:
						c.reach(r.IntN(2) == 0, r.IntN(2) == 0)
					case 4:
						c.ua.NetworkChanged(sipua.NetworkOnline)
					case 5:
						c.ua.NetworkChanged(sipua.NetworkOffline)
					case 6:
						begin(func() error { return c.ua.Register(c.Context()) })
					case 7:
						begin(func() error { return c.ua.Unregister(c.Context()) })
					case 8:
						begin(func() error { _, err := c.ua.FetchBindings(c.Context()); return err })
					case 9:
						c.a.Next("REGISTER", sipuatest.Action{Status: []int{500, 503, 430, 480, 408}[r.IntN(5)], Reason: "No",
							Headers: []sip.Header{h("Retry-After", itoa(r.IntN(300)))}})
					case 10:
						c.a.Next("REGISTER", sipuatest.Action{Drop: true})
					case 11:
						c.a.Next("REGISTER", sipuatest.Action{Close: 1006})
					case 12:
						c.a.Configure(func(o *sipuatest.Options) { o.Outbound = sipuatest.Outbound(r.IntN(2)) })
					case 13:
						c.a.RemoveContacts("1001", "deactivated")
					case 14:
						c.a.Configure(func(o *sipuatest.Options) { o.IgnorePings = r.IntN(2) == 0 })
					case 15:
						c.a.ExpireNonces()
					}
					time.Sleep(time.Duration(r.Int64N(int64(2 * time.Minute))))
				}
				c.grammar()
				c.reach(true, true)
				c.a.Configure(func(o *sipuatest.Options) { o.Outbound, o.IgnorePings = sipuatest.OutboundSupported, false })
				time.Sleep(40 * time.Minute)
				if err := c.ua.Register(c.Context()); err != nil { // an action that was queued may be left
					time.Sleep(40 * time.Minute)
					require.NoError(c, c.ua.Register(c.Context()), "%v", steps)
				}
				time.Sleep(3 * time.Hour)
				c.grammar()
				require.Len(c, c.a.Contacts("1001"), n, "%v", steps)
				require.NoError(c, c.ua.Unregister(c.Context()), "%v", steps)
				require.Empty(c, c.a.Contacts("1001"), "%v", steps)
				c.grammar()
				time.Sleep(3 * time.Hour)
				require.Empty(c, c.a.Contacts("1001"), "%v", steps)
			}, keepAlive, func(cfg *sipua.Config) { cfg.Flows = n })
		})
	}
}
