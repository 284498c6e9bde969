//go:build !js

package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// one makes both entrances lead to one registrar.
func (c *cluster) one(o func(*sipuatest.Options)) {
	c.b.Close()
	c.b = c.a
	if o != nil {
		c.a.Configure(o)
	}
}

// Two flows at a registrar of another hand: each has its binding, a call comes
// whichever is lost, and Unregister leaves nothing.
func TestTwoFlowsAtARegistrar(t *testing.T) {
	serve(t, func(c *cluster) {
		c.one(func(o *sipuatest.Options) { o.EdgeProxy, o.RequireServiceRoute = true, true })
		require.NoError(c, c.ua.Register(c.Context()))
		synctest.Wait()
		flows := c.a.Flows("1001")
		require.Len(c, flows, 2)
		require.Equal(c, "1", flows[0].RegID)
		require.Equal(c, "2", flows[1].RegID)
		require.Equal(c, c.ua.InstanceID(), flows[0].Instance)
		require.Equal(c, "ab", c.tried())
		e := last[sipua.Registered](c.world)
		require.True(c, e.Outbound)
		require.NotEmpty(c, e.GRUU)
		require.Len(c, e.Bindings, 2)
		for _, b := range e.Bindings {
			require.True(c, b.Own)
		}

		caller := c.phone(c.a, "1002", false)
		defer caller.Close()
		c.ua.On(func(e sipua.Event) {
			if e, ok := e.(sipua.IncomingCall); ok {
				_ = e.Call.Accept(c.Context(), sipua.AcceptOptions{})
			}
		})
		talk := func(target string) {
			c.Helper()
			call, err := caller.Call(target, sipua.CallOptions{})
			require.NoError(c, err)
			require.NoError(c, call.Answered(c.Context()))
			require.NoError(c, call.Hangup(c.Context()))
		}
		talk("1001")
		talk(e.GRUU)
		for i := range 2 {
			time.Sleep(time.Minute)
			c.since()
			c.reach(false, false) // it stays away
			flows = c.a.Flows("1001")
			flows[i%2].Drop(1006)
			synctest.Wait()
			talk("1001")
			talk(e.GRUU)
			require.Zero(c, count[sipua.Unregistered](c.world))
			c.reach(true, true)
			time.Sleep(time.Minute)
			require.Len(c, c.a.Flows("1001"), 2)
		}
		// A call of ours, whose flow is lost in the middle of it.
		other := c.phone(c.a, "1003", true)
		defer other.Close()
		call, err := c.ua.Call("1003", sipua.CallOptions{})
		require.NoError(c, err)
		require.NoError(c, call.Answered(c.Context()))
		c.a.Flows("1001")[0].Drop(1006)
		synctest.Wait()
		require.NoError(c, call.Hangup(c.Context()))

		time.Sleep(time.Minute)
		require.NoError(c, c.ua.Unregister(c.Context()))
		require.Empty(c, c.a.Contacts("1001"))
		require.Equal(c, 1, count[sipua.Unregistered](c.world))
	}, func(cfg *sipua.Config) { cfg.Flows = 2 })
}

// Registrars that know nothing of outbound, or refuse it.
func TestRegistrarsWithoutOutbound(t *testing.T) {
	for name, outbound := range map[string]sipuatest.Outbound{"ignored": sipuatest.OutboundIgnored, "refused": sipuatest.OutboundRefused} {
		t.Run(name, func(t *testing.T) {
			serve(t, func(c *cluster) {
				c.one(func(o *sipuatest.Options) { o.Outbound, o.NoGRUU = outbound, true })
				require.NoError(c, c.ua.Register(c.Context()))
				time.Sleep(30 * time.Minute)
				require.Len(c, c.a.Contacts("1001"), 1)
				require.Equal(c, 1, c.a.Connections())
				require.False(c, last[sipua.Registered](c.world).Outbound)
				require.Empty(c, last[sipua.Registered](c.world).GRUU)
				c.a.DropConnections(1006)
				time.Sleep(5 * time.Second)
				require.Len(c, c.a.Contacts("1001"), 1, "one, not one more for each flow")
				require.NoError(c, c.ua.Unregister(c.Context()))
				require.Empty(c, c.a.Contacts("1001"))
			}, func(cfg *sipua.Config) { cfg.Flows = 3 })
		})
	}
}

// The registrar restarts and knows nothing any more, not even the nonces.
func TestRegistrarRestarts(t *testing.T) {
	serve(t, func(c *cluster) {
		c.one(nil)
		require.NoError(c, c.ua.Register(c.Context()))
		for range 5 {
			time.Sleep(time.Minute)
			c.a.Stop()
			time.Sleep(20 * time.Minute)
			require.NoError(c, c.a.Start())
			time.Sleep(31 * time.Second)
			require.Len(c, c.a.Contacts("1001"), 1)
		}
		require.Equal(c, 5, count[sipua.Unregistered](c.world))
	})
}

// Unregister that the lost connection took with it: what can be told of the binding
// is told, and nothing registers again.
func TestUnregisterWhileTheConnectionIsLost(t *testing.T) {
	serve(t, func(c *cluster) {
		c.one(nil)
		require.NoError(c, c.ua.Register(c.Context()))
		c.a.Next("REGISTER", sipuatest.Action{Close: 1006})
		err := c.ua.Unregister(c.Context())
		if err != nil {
			typed(c, err, sipua.CodeConnectionLost, 0)
		}
		require.NoError(c, c.ua.Unregister(c.Context()))
		time.Sleep(2 * time.Hour)
		require.Empty(c, c.a.Contacts("1001"))
		require.Equal(c, 1, count[sipua.Unregistered](c.world))
		for _, req := range c.a.Requests()[3:] {
			if req.Method == sip.REGISTER {
				require.Equal(c, "0", value(req, "Expires"))
			}
		}
	})
}

// A half-open connection leaves a binding at the registrar. Unregister takes it
// away, also while there is no connection: calls would ring for nobody.
func TestUnregisterAfterHalfOpen(t *testing.T) {
	serve(t, func(c *cluster) {
		c.one(func(o *sipuatest.Options) { o.Outbound = sipuatest.OutboundIgnored })
		require.NoError(c, c.ua.Register(c.Context()))
		c.reach(false, false)
		c.a.HalfOpen()
		time.Sleep(2 * time.Minute)
		require.Equal(c, 1, count[sipua.Unregistered](c.world))
		c.reach(true, true)
		require.NoError(c, c.ua.Unregister(c.Context()))
		require.Empty(c, c.a.Contacts("1001"))
	}, keepAlive)
}
