package main

import (
	"context"
	"strings"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// icePolicy says with which servers a call looks for ways to the other side (RFC
// 8445), and how long a description waits for them.
type icePolicy struct {
	servers js.Value // a list, a function that returns a promise of one, or undefined
	relay   bool     // through TURN servers alone
	settle  time.Duration
	limit   time.Duration
	enough  string // a candidate of this type ends the wait: "srflx", "relay" or ""
	early   bool   // begin before the description is wanted
}

func defaultICE() icePolicy {
	return icePolicy{settle: 500 * time.Millisecond, limit: 2 * time.Second, early: true}
}

// with is the policy with what the page gave in its place.
func (p icePolicy) with(v js.Value) icePolicy {
	if !isObject(v) {
		return p
	}
	if servers := v.Get("servers"); isObject(servers) {
		p.servers = servers
	}
	if policy := text(v, "transportPolicy"); policy != "" {
		p.relay = policy == "relay"
	}
	g := v.Get("gathering")
	p.settle, p.limit = milliseconds(g, "settle", float64(p.settle.Milliseconds())), milliseconds(g, "limit", float64(p.limit.Milliseconds()))
	if enough := text(g, "enough"); enough != "" {
		p.enough = enough
	}
	if isObject(g) && g.Get("early").Type() == js.TypeBoolean {
		p.early = g.Get("early").Bool()
	}
	return p
}

// remote says that there are servers to ask.
func (p icePolicy) remote() bool {
	return p.servers.Truthy() && (!isArray(p.servers) || p.servers.Length() > 0)
}

// ahead says that gathering begins before a description is wanted. The addresses of
// the machine alone come at once.
func (p icePolicy) ahead() bool { return p.early && p.remote() }

// wait is how long after the first candidate a description goes on. Where nobody is
// asked, what comes after the first ones is for ICE over TCP, which Chromium gathers
// last and needs nobody to be told of (RFC 6544 section 4.1).
func (p icePolicy) wait() time.Duration {
	if p.remote() {
		return p.settle
	}
	return min(p.settle, burst)
}

// connecting is a peer connection in the making, which may begin to gather before
// anybody wants a description.
type connecting struct {
	made   chan struct{} // closed: what follows is set
	pc     js.Value
	ahead  time.Time // when it began to gather; zero: it waits for a description
	err    error
	cancel context.CancelFunc
}

// connect begins to make a peer connection. A function for the servers has as long as
// gathering itself; when it fails, missing is told and there are none.
func (p icePolicy) connect(host, configuration js.Value, missing func(error)) *connecting {
	ctx, cancel := context.WithCancel(context.Background())
	c := &connecting{made: make(chan struct{}), cancel: cancel}
	whole := js.Global().Get("Object").Call("assign", js.ValueOf(map[string]any{}), configuration)
	if p.relay {
		whole.Set("iceTransportPolicy", "relay")
	}
	if p.ahead() && whole.Get("iceCandidatePoolSize").IsUndefined() {
		whole.Set("iceCandidatePoolSize", 1) // W3C WebRTC section 4.2.1: it gathers without a description
	}
	go func() {
		defer close(c.made)
		servers := p.servers
		if servers.Type() == js.TypeFunction {
			var err error
			if servers, err = ask(ctx, servers, p.limit); err != nil && ctx.Err() == nil {
				missing(err)
			}
		}
		if c.err = ctx.Err(); c.err != nil {
			return
		}
		if isObject(servers) {
			whole.Set("iceServers", servers)
		}
		c.pc, c.err = try(func() js.Value { return host.Get("RTCPeerConnection").New(whole) })
		if p.ahead() {
			c.ahead = time.Now()
		}
	}()
	return c
}

// ask calls a function of the page for its servers.
func ask(ctx context.Context, servers js.Value, limit time.Duration) (js.Value, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &sipua.Error{Op: "ice.servers", Code: sipua.CodeTimeout,
		Reason: "the function did not give the servers within ice.gathering.limit: the call goes on without them"})
	defer cancel()
	promise, err := try(func() js.Value { return servers.Invoke() })
	if err == nil {
		servers, err = await(ctx, promise, nil)
	}
	if err != nil {
		return js.Undefined(), err
	}
	if !isArray(servers) {
		return js.Undefined(), &sipua.Error{Op: "ice.servers", Code: sipua.CodeInvalidArgument,
			Reason: "the function gave no list of servers: the call goes on without them"}
	}
	return servers, nil
}

// wait waits for the peer connection; it is the caller's then.
func (c *connecting) wait(ctx context.Context) error {
	select {
	case <-c.made:
		return c.err
	case <-ctx.Done():
		c.giveUp()
		return context.Cause(ctx)
	}
}

// giveUp closes the peer connection, now or as soon as it is made.
func (c *connecting) giveUp() {
	if c == nil {
		return
	}
	c.cancel()
	go func() {
		<-c.made
		if c.pc.Truthy() {
			c.pc.Call("close")
		}
	}()
}

// prepare begins to gather for a call that rings, so that its answer waits for
// nothing.
func (p *port) prepare(a *agent, c *sipua.Call) {
	if !a.ice.ahead() {
		return
	}
	begun := a.ice.connect(p.host, js.Undefined(), p.serversMissing(c))
	p.mu.Lock()
	a.prepared[c] = begun
	p.mu.Unlock()
}

// takePrepared returns what prepare has begun, once, and nil where there is none.
func (p *port) takePrepared(a *agent, c *sipua.Call) *connecting {
	p.mu.Lock()
	defer p.mu.Unlock()
	begun := a.prepared[c]
	delete(a.prepared, c)
	return begun
}

// serversMissing tells the page that a call goes on without ICE servers.
func (p *port) serversMissing(c *sipua.Call) func(error) {
	return func(err error) { p.emitOn(c, "iceServersFailed", withError(object(), err)) }
}

// generation is one round of gathering (RFC 8445 section 5.1.1).
type generation struct {
	ufrag string
	began time.Time
	ahead time.Time // when its first candidate came, before there was a description; zero: it did not
	first time.Time // when its first candidate came; zero: none yet
}

// burst is how long candidates that come together may take to be told one by one.
// Chromium needs some milliseconds.
const burst = 50 * time.Millisecond

// begin notes which round the description is of. What was gathered ahead counts as
// having come at once: its addresses of the machine have.
func (g *generation) begin(p icePolicy, ufrag string) {
	now := time.Now()
	switch ahead := g.began; {
	case g.ufrag == ufrag && !ahead.IsZero():
		return
	case g.ufrag == "" && !ahead.IsZero():
		*g = generation{ufrag: ufrag, began: later(ahead, now.Add(min(burst, p.limit)-p.limit)), ahead: later(ahead, now.Add(min(burst, p.settle)-p.settle))}
	default:
		*g = generation{ufrag: ufrag, began: now}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// left is how long a description waits still; zero or less ends the wait.
func (g *generation) left(p icePolicy, candidates string) time.Duration {
	now := time.Now()
	if g.first.IsZero() && candidates != "" {
		g.first = now
		if !g.ahead.IsZero() {
			g.first = g.ahead
		}
	}
	left := g.began.Add(p.limit).Sub(now)
	switch {
	case g.first.IsZero():
	case p.enough != "" && strings.Contains(candidates, " typ "+p.enough), strings.Contains(candidates, " typ relay") && p.enough == "srflx":
		left = 0
	default:
		left = min(left, g.first.Add(p.wait()).Sub(now))
	}
	return left
}

// gathering is how far the candidates of the local description are.
type gathering struct {
	complete   bool
	ufrag      string // of the ICE generation (RFC 8839 section 5.4)
	candidates string // their lines
}

func (p *peer) gathering() gathering {
	sdp := p.localSDP()
	return gathering{text(p.pc, "iceGatheringState") == "complete", attribute(sdp, "ice-ufrag"), attributes(sdp, "candidate")}
}

// gathered waits for the candidates, all of them or those that the policy waits for,
// and returns the local description. A round that an earlier description has waited
// for is not waited for again. After an ICE restart the state of before it still
// stands for a moment. Where the candidates may follow, nothing is waited for.
func (p *peer) gathered(ctx context.Context, before gathering, trickle bool) (string, error) {
	ctx, cancel := p.alive(ctx)
	defer cancel()
	wake := make(chan struct{}, 1)
	changed := func(js.Value) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	for _, event := range []string{"icegatheringstatechange", "icecandidate"} {
		defer listen(p.pc, event, changed)()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := p.gathering()
		p.round.begin(p.ice, now.ufrag)
		stale := before.complete && now.ufrag != before.ufrag && now.candidates == ""
		left := p.round.left(p.ice, now.candidates)
		if now.complete && !stale || left <= 0 || trickle {
			return p.described(now.complete && !stale, trickle)
		}
		timer.Reset(left)
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// described is the local description after the wait, which says whether it has all
// candidates.
func (p *peer) described(complete, trickle bool) (string, error) {
	if err := p.gone(); err != nil {
		return "", err
	}
	sdp := p.localSDP()
	switch {
	case sdp == "":
		return "", &sipua.Error{Code: sipua.CodeMediaFailed, Reason: "the peer connection has no local description"}
	case p.ice.relay && !trickle && attribute(sdp, "candidate") == "":
		return "", &sipua.Error{Code: sipua.CodeMediaFailed,
			Reason: "no TURN server gave a relay, and ice.transportPolicy allows nothing else: check the URLs and credentials in ice.servers, or give ice.gathering.limit more time"}
	case complete:
		sdp = ended(sdp)
	}
	return sdp, nil
}

// ended says in every stream of a description that there are no other candidates (RFC
// 8840 section 8), which Chromium does not say itself.
func ended(sdp string) string {
	const end = "a=end-of-candidates\r\n"
	var b strings.Builder
	ice := false // in a stream that has a connection, and does not say it
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, "m="):
			if ice {
				b.WriteString(end)
			}
			ice = false
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			ice = true
		case line == end:
			ice = false
		}
		b.WriteString(line)
	}
	if ice {
		b.WriteString(end)
	}
	return b.String()
}

// WatchCandidates implements sipua.Trickler. The end comes with the state, since not
// every browser fires its last candidate after it.
func (p *peer) WatchCandidates(f func(sdp string)) {
	tell := func(js.Value) {
		sdp := p.localSDP()
		if p.closed || sdp == "" {
			return
		}
		if text(p.pc, "iceGatheringState") == "complete" {
			sdp = ended(sdp)
		}
		f(sdp)
	}
	p.unwatch = append(p.unwatch, listen(p.pc, "icecandidate", tell), listen(p.pc, "icegatheringstatechange", tell))
}

// AddCandidate implements sipua.Media.
func (p *peer) AddCandidate(ctx context.Context, c sipua.Candidate) error {
	if p.early.sdp != "" && !p.early.final {
		c.Candidate = lowered(c.Candidate, p.early.level())
	}
	_, err := p.call(ctx, p.pc, "addIceCandidate", map[string]any{"candidate": c.Candidate, "sdpMid": c.Mid, "usernameFragment": c.Ufrag})
	return err
}
