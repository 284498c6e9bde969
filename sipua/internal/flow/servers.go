package flow

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Server is one entrance to the service.
type Server struct {
	URL              string
	Priority, Weight uint16
}

// servers knows the entrances and what has been learned about them.
type servers []entrance

type entrance struct {
	Server
	avoid time.Time // not to be used before, unless there is no other one
	weak  bool      // its last connection did not last, or fell silent
	pings ability
}

func newServers(list []Server) servers {
	ordered := !slices.ContainsFunc(list, func(s Server) bool { return s.Priority != 0 || s.Weight != 0 })
	all := make(servers, len(list))
	for i, s := range list {
		if ordered {
			s.Priority = uint16(min(i, 1<<16-1)) // a plain list is tried in its order
		}
		all[i].Server = s
	}
	return all
}

// order lists the servers as one attempt tries them: without those to be avoided,
// if there are others; those whose last connection did not last at the end; by
// priority, and among equals by weighted chance (RFC 2782).
func (all servers) order(now time.Time) []int {
	var left []int
	for i := range all {
		if !all[i].avoid.After(now) {
			left = append(left, i)
		}
	}
	if left == nil {
		for i := range all {
			left = append(left, i)
		}
	}
	// RFC 2782: those of weight 0 stand first, so that they have a small chance.
	slices.SortStableFunc(left, func(a, b int) int {
		x, y := &all[a], &all[b]
		switch {
		case x.weak != y.weak:
			return sign(x.weak)
		case x.Priority != y.Priority:
			return int(x.Priority) - int(y.Priority)
		}
		return min(int(x.Weight), 1) - min(int(y.Weight), 1)
	})
	var order []int
	for len(left) > 0 {
		first := &all[left[0]]
		equals := left
		if i := slices.IndexFunc(left, func(i int) bool {
			return all[i].Priority != first.Priority || all[i].weak != first.weak
		}); i > 0 {
			equals = left[:i]
		}
		order = append(order, draw(all, equals)...)
		left = left[len(equals):]
	}
	return order
}

// draw is the weighted selection of RFC 2782: a running sum of the weights, and
// the first server whose sum reaches a random number.
func draw(all servers, equals []int) (order []int) {
	equals = slices.Clone(equals)
	for len(equals) > 0 {
		sum := 0
		for _, i := range equals {
			sum += int(all[i].Weight)
		}
		number, chosen := rand.IntN(sum+1), 0
		for running := 0; chosen < len(equals)-1; chosen++ {
			if running += int(all[equals[chosen]].Weight); running >= number {
				break
			}
		}
		order = append(order, equals[chosen])
		equals = slices.Delete(equals, chosen, chosen+1)
	}
	return order
}

func sign(last bool) int {
	if last {
		return 1
	}
	return -1
}

// better lists the servers that are preferred to one, as an attempt tries them.
func (all servers) better(than int, now time.Time) []int {
	return slices.DeleteFunc(all.order(now), func(i int) bool {
		return all[i].Priority >= all[than].Priority || all[i].avoid.After(now)
	})
}

// untilUsable is how long every server is to be avoided yet.
func (all servers) untilUsable(now time.Time) time.Duration {
	least := time.Duration(1<<63 - 1)
	for i := range all {
		least = min(least, max(all[i].avoid.Sub(now), 0))
	}
	return least
}

// Shown is a server's URL without what may be a secret: browsers can authenticate
// a WebSocket only by its URL, so that a token often stands in the query.
func Shown(url string) string {
	url, _, _ = strings.Cut(url, "?")
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, hasPath := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if hasPath {
		host += "/" + path
	}
	return scheme + "://" + host
}

// withoutSecrets takes the URL's secrets out of what a transport says about it.
func withoutSecrets(err error, url string) error {
	text := err.Error()
	_, query, _ := strings.Cut(url, "?")
	user, _, hasUser := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(url, "wss://"), "ws://"), "@")
	if query != "" {
		text = strings.ReplaceAll(text, query, "[hidden]")
	}
	if hasUser {
		text = strings.ReplaceAll(text, user, "[hidden]")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
