package flow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever happens in whatever order: what is told makes sense, there is never more
// than one connection besides one being dialled, and when the world is well again
// the flow is up, on the best server.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			stage(t, []string{urlA, urlB, urlC}, func(b *bed) {
				var reach atomic.Uint32 // a bit for each server
				reach.Store(7)
				var slow atomic.Int64
				b.set(func(ctx context.Context, url string) error {
					select {
					case <-time.After(time.Duration(slow.Load())):
					case <-ctx.Done():
						return ctx.Err()
					}
					if reach.Load()&(1<<(short(url)[0]-'a')) == 0 {
						return errRefused
					}
					return nil
				})
				b.hear(doesBoth)
				asked, answered := 0, 0
				var steps []string
				for range 60 {
					var step string
					switch r.IntN(14) {
					case 0, 1:
						step = "connect"
						asked++
						b.do(func() { b.Flow.Connect(func(error) { answered++ }) })
					case 2, 3:
						step = "drop"
						if b.opened() > 0 {
							b.current().drop(errDropped)
						}
					case 4:
						step = "online"
						b.do(b.Flow.Online)
					case 5:
						step = "offline"
						b.do(b.Flow.Offline)
					case 6:
						step = "avoid"
						b.do(func() {
							if b.Flow.State() == Up {
								b.Flow.Avoid(time.Duration(r.IntN(300))*time.Second, errDropped)
							}
						})
					case 7:
						step = "fail"
						b.do(func() { b.Flow.Fail(errDropped) })
					case 8:
						step = "close"
						b.do(func() { b.Flow.Close(errDropped) })
					case 9:
						step = "reach"
						reach.Store(r.Uint32N(8))
					case 10:
						step = "slow"
						slow.Store(r.Int64N(int64(5 * time.Second)))
					case 11:
						step = "busy, wanted"
						b.do(func() { b.busy, b.wanted = r.IntN(2) == 0, r.IntN(4) > 0; b.Flow.Rest() })
					case 12:
						step = "ears"
						b.hear([]func(*fakeConn, string){nil, pongsOnly, answersOnly, doesBoth}[r.IntN(4)])
					case 13:
						step = "sleep"
						b.sleeps(time.Duration(r.Int64N(int64(10 * time.Minute))))
					}
					steps = append(steps, step)
					time.Sleep(time.Duration(r.Int64N(int64(time.Minute))))
					open := 0
					synctest.Wait()
					b.mu.Lock()
					for _, c := range b.conns {
						if !c.over() {
							open++
						}
					}
					b.mu.Unlock()
					if up := b.state() == Up; up {
						require.Equal(b, 1, open, "%v", steps)
					} else {
						require.Zero(b, open, "%v", steps)
					}
				}
				reach.Store(7)
				slow.Store(0)
				b.hear(doesBoth)
				b.do(func() {
					b.busy, b.wanted = false, true
					asked++
					b.Flow.Connect(func(error) { answered++ })
				})
				time.Sleep(3 * time.Hour) // a return that was in vain is tried less often
				require.Equal(b, Up, b.state(), "%v", steps)
				require.Equal(b, urlA, b.url(), "%v", steps)
				require.Equal(b, asked, answered, "each who waits is told, once")
				up := ""
				for _, line := range b.told() {
					what, rest, _ := strings.Cut(line, " ")
					switch what {
					case "up":
						require.Empty(b, up, "two connections are told at once")
						up = rest
					case "lost":
						server, _, _ := strings.Cut(rest, " ")
						require.Equal(b, up, server)
						up = ""
					case "waiting":
						require.Empty(b, up)
					}
				}
				require.Equal(b, "a", up)
			}, alive(Auto))
		})
	}
}
