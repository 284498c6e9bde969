package flow

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func three(a, b, c Server) servers {
	a.URL, b.URL, c.URL = urlA, urlB, urlC
	return newServers([]Server{a, b, c})
}

// A list without priorities and weights is tried in its order.
func TestServersWithoutWeights(t *testing.T) {
	all := three(Server{}, Server{}, Server{})
	for range 100 {
		require.Equal(t, []int{0, 1, 2}, all.order(time.Now()))
	}
}

// RFC 2782: the lowest priority first, whatever the weights and the order.
func TestServersByPriority(t *testing.T) {
	all := three(Server{Priority: 30, Weight: 60000}, Server{Priority: 10}, Server{Priority: 20, Weight: 1})
	for range 100 {
		require.Equal(t, []int{1, 2, 0}, all.order(time.Now()))
	}
	require.Equal(t, []int{1, 2}, all.better(0, time.Now()))
	require.Equal(t, []int{1}, all.better(2, time.Now()))
	require.Empty(t, all.better(1, time.Now()))
}

// RFC 2782: among equals by chance, in the proportion of the weights.
func TestServersByWeight(t *testing.T) {
	const draws = 10_000
	first := func(all servers) (n [3]int) {
		for range draws {
			order := all.order(time.Now())
			sorted := slices.Sorted(slices.Values(order))
			require.Equal(t, []int{0, 1, 2}, sorted, "each server once")
			n[order[0]]++
		}
		return n
	}
	for name, c := range map[string]struct {
		weights [3]uint16
		share   [3]float64
	}{
		"6:3:1":           {[3]uint16{600, 300, 100}, [3]float64{0.6, 0.3, 0.1}},
		"equal":           {[3]uint16{500, 500, 500}, [3]float64{1. / 3, 1. / 3, 1. / 3}},
		"as big as it is": {[3]uint16{65535, 65535, 1}, [3]float64{0.5, 0.5, 0}},
		"weight 0":        {[3]uint16{9, 0, 0}, [3]float64{0.9, 0.1, 0}}, // "a very small chance": 1 of 10 here
	} {
		t.Run(name, func(t *testing.T) {
			n := first(three(Server{Weight: c.weights[0]}, Server{Weight: c.weights[1]}, Server{Weight: c.weights[2]}))
			if name == "weight 0" { // either of the two
				require.InDelta(t, c.share[0], float64(n[0])/draws, 0.03)
				return
			}
			for i, share := range c.share {
				require.InDelta(t, share, float64(n[i])/draws, 0.03, "server %d of %v", i, n)
			}
		})
	}
	// The second is drawn among those that are left, by their weights.
	all := three(Server{Weight: 60000}, Server{Weight: 300}, Server{Weight: 100})
	second := 0
	for range draws {
		if order := all.order(time.Now()); order[0] == 0 && order[1] == 1 {
			second++
		}
	}
	require.InDelta(t, 0.75, float64(second)/draws, 0.03)
}

// Those that are out of service are left out while there is another one, and come
// back when their time is over. Those whose last connection did not last stand at
// the end.
func TestServersToBeAvoided(t *testing.T) {
	now := time.Now()
	all := three(Server{}, Server{}, Server{})
	all[0].avoid = now.Add(time.Minute)
	require.Equal(t, []int{1, 2}, all.order(now))
	require.Empty(t, all.better(1, now), "not while it is to be avoided")
	require.Zero(t, all.untilUsable(now))
	all[1].avoid = now.Add(10 * time.Second)
	require.Equal(t, []int{2}, all.order(now))
	all[2].avoid = now.Add(30 * time.Second)
	require.Equal(t, []int{0, 1, 2}, all.order(now), "there is no other one")
	require.Empty(t, all.better(2, now))
	require.Equal(t, 10*time.Second, all.untilUsable(now), "that of the first to come back")
	require.Equal(t, []int{1}, all.order(now.Add(10*time.Second)))
	require.Equal(t, []int{0, 1, 2}, all.order(now.Add(time.Minute)))
	require.Equal(t, []int{0}, all.better(1, now.Add(time.Minute)))
	require.Zero(t, all.untilUsable(now.Add(time.Hour)))

	all[0].weak = true
	later := now.Add(time.Hour)
	require.Equal(t, []int{1, 2, 0}, all.order(later))
	all[1].weak = true
	require.Equal(t, []int{2, 0, 1}, all.order(later))
	all[2].weak = true
	require.Equal(t, []int{0, 1, 2}, all.order(later))

	all = three(Server{Weight: 100}, Server{Weight: 100}, Server{Weight: 100}) // equals
	all[1].weak = true
	for range 50 {
		require.Equal(t, 1, all.order(later)[2])
	}
}

func TestShown(t *testing.T) {
	for url, want := range map[string]string{
		"wss://example.com/ws?token=x":         "wss://example.com/ws",
		"wss://u:p@example.com:8443/ws/a@b?x":  "wss://example.com:8443/ws/a@b",
		"ws://example.com":                     "ws://example.com",
		"ws://example.com?access_token=s/e?c@": "ws://example.com",
	} {
		require.Equal(t, want, Shown(url))
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	url := "wss://me:pw0@example.com/ws?token=s3cret"
	err := withoutSecrets(errors.New("cannot dial "+url+": refused (token=s3cret)"), url)
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, err.Error(), "pw0")
	require.ErrorContains(t, err, "refused")
	plain := errors.New("refused")
	require.Same(t, plain, withoutSecrets(plain, url), "it is left as it is when there is nothing to hide")
}
