//go:build !js

package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

const (
	// callsInRound run at the same time.
	callsInRound = 10
	// callGrowth is by how much the heap may grow, in bytes, after the first tenth of the
	// calls. Of 9,000 calls each may leave 29 bytes, which is less than a pointer and its
	// cell of a map; what the runtime keeps by itself was below 80,000 bytes.
	callGrowth = 256 << 10
)

// TestSoakCalls makes ten calls for each round of SOAK, in both directions, through
// another hand's proxy. Of each ten rounds one loses connections in the middle of its
// calls; of the calls of the others one in nine is canceled and one is rejected.
//
// A bubble is the better test here: each transaction lives to the end of its timers,
// and what is left behind is left behind by mistake.
func TestSoakCalls(t *testing.T) {
	n, _ := rounds(t)
	synctest.Test(t, func(t *testing.T) {
		s := newCallSoak(t)
		defer s.close()
		first := max(n/10, 1)
		var goroutines int
		var before int64
		var kept map[string]int
		start := time.Now()
		for i := range n {
			if i == first { // what is made once has been made
				s.rest()
				goroutines, before, kept = runtime.NumGoroutine(), heap(), s.kept()
			}
			if i%10 == 9 {
				s.interrupted(i)
			} else {
				s.round(i)
			}
			s.check(fmt.Sprintf("after round %d", i))
		}
		s.rest()
		after := heap()
		require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+3) // some of the runtime come and go
		require.Equal(t, kept, s.kept(), "what both hold before and after")
		for name, n := range kept {
			if !strings.HasSuffix(name, "timers") { // those of registration and keep-alive stay
				require.Zero(t, n, name)
			}
		}
		t.Logf("%d calls in %v of fake time: %v; %d goroutines, %d at the beginning; the heap grew by %d bytes",
			n*callsInRound, time.Since(start).Round(time.Second), s.ends, runtime.NumGoroutine(), goroutines, after-before)
		require.Less(t, after-before, int64(callGrowth))
	})
}

// callSoak is two user agents of one server.
type callSoak struct {
	*testing.T
	server *sipuatest.Server
	phones [2]*soakPhone
	ends   map[string]int // how the calls of the callers ended
}

func newCallSoak(t *testing.T) *callSoak {
	s := &callSoak{T: t, ends: map[string]int{}}
	s.server = sipuatest.NewServer(sipuatest.Options{InMemory: true, Accounts: map[string]string{"1001": "secret", "1002": "secret"}})
	for i, user := range []string{"1001", "1002"} {
		p := &soakPhone{user: user, registered: make(chan struct{}, 1)}
		p.forget()
		ua, err := sipua.New(sipua.Config{
			URI: "sip:" + user + "@example.com", Servers: []sipua.Server{{URL: s.server.URL}}, Transport: s.server.Transport(),
			Credentials: sipua.Credentials{Password: "secret"}, Media: p.open, OnEvent: p.record,
		})
		require.NoError(t, err)
		p.ua = ua
		s.phones[i] = p
		require.NoError(t, ua.Register(t.Context()))
	}
	return s
}

func (s *callSoak) close() {
	for _, p := range s.phones {
		require.NoError(s, p.ua.Close())
	}
	s.server.Close()
}

// round plays calls side by side, each to its end.
func (s *callSoak) round(i int) {
	s.sideBySide(func(k int) error {
		from, to := s.pair(k)
		switch number := i*callsInRound + k; number % 9 {
		case 0:
			return s.canceled(from, to)
		case 1:
			return s.rejected(from, to)
		default:
			return s.talk(from, to, number)
		}
	})
}

// sideBySide runs f for each call of a round and waits for all.
func (s *callSoak) sideBySide(f func(k int) error) {
	s.Helper()
	faults := make([]error, callsInRound)
	var all sync.WaitGroup
	for k := range callsInRound {
		all.Go(func() { faults[k] = f(k) })
	}
	all.Wait()
	require.NoError(s, errors.Join(faults...))
}

// pair is who calls whom: each half of the calls.
func (s *callSoak) pair(k int) (from, to *soakPhone) { return s.phones[k%2], s.phones[1-k%2] }

// begin calls, and waits until the other side rings.
func (s *callSoak) begin(from, to *soakPhone) (call, in *sipua.Call, err error) {
	if call, err = from.ua.Call(to.user, sipua.CallOptions{}); err != nil {
		return nil, nil, err
	}
	select {
	case in = <-to.arrival(call.ID()):
		return call, in, nil
	case <-time.After(time.Minute):
		return nil, nil, fmt.Errorf("%s does not reach %s", call, to.user)
	}
}

func (s *callSoak) canceled(from, to *soakPhone) error {
	call, in, err := s.begin(from, to)
	if err != nil {
		return err
	}
	return errors.Join(call.Hangup(s.Context()), s.ended(call, 487, sipua.Local), s.ended(in, 487, sipua.Remote))
}

func (s *callSoak) rejected(from, to *soakPhone) error {
	call, in, err := s.begin(from, to)
	if err != nil {
		return err
	}
	return errors.Join(in.Reject(s.Context(), 486), s.ended(call, 486, sipua.Remote), s.ended(in, 486, sipua.Local))
}

// answered is a call that is up at both sides.
func (s *callSoak) answered(from, to *soakPhone) (call, in *sipua.Call, err error) {
	call, in, err = s.begin(from, to)
	if err == nil {
		err = errors.Join(in.Accept(s.Context(), sipua.AcceptOptions{}), call.Answered(s.Context()), in.Answered(s.Context()))
	}
	return call, in, err
}

// talk is an ordinary call: tones, hold and resume by either side or by both at once,
// and either side hangs up, or both do.
func (s *callSoak) talk(from, to *soakPhone, number int) error {
	call, in, err := s.answered(from, to)
	if err != nil {
		return err
	}
	think := func(step int) { time.Sleep(time.Duration(number*step%23) * 100 * time.Millisecond) }
	think(3)
	err = call.SendDTMF(s.Context(), "1", sipua.DTMFOptions{})
	sides := []*sipua.Call{call, in}
	holders := [][]*sipua.Call{{call}, {in}, sides}[number%3]
	err = errors.Join(err, each(holders, func(c *sipua.Call) error { return c.Hold(s.Context()) }))
	err = errors.Join(err, agree(call, in, slices.Contains(holders, call), slices.Contains(holders, in)))
	think(5)
	err = errors.Join(err, each(holders, func(c *sipua.Call) error { return c.Resume(s.Context()) }), agree(call, in, false, false))
	think(7)
	return errors.Join(err, s.hangUp([][]*sipua.Call{{call}, {in}, sides}[number/9%3], call, in))
}

// hangUp ends a call by one side, or by both at once.
func (s *callSoak) hangUp(by []*sipua.Call, call, in *sipua.Call) error {
	err := each(by, func(c *sipua.Call) error { return c.Hangup(s.Context()) })
	for _, c := range []*sipua.Call{call, in} {
		parties := []sipua.Party{sipua.Local, sipua.Remote}
		if len(by) == 1 {
			parties = []sipua.Party{sipua.Remote}
			if by[0] == c {
				parties = []sipua.Party{sipua.Local}
			}
		}
		err = errors.Join(err, s.ended(c, 0, parties...))
	}
	return err
}

// each does f for all calls at once.
func each(calls []*sipua.Call, f func(*sipua.Call) error) error {
	faults := make([]error, len(calls))
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() { faults[i] = f(c) })
	}
	all.Wait()
	return errors.Join(faults...)
}

// agree compares what both sides know about the hold of each.
func agree(call, in *sipua.Call, byCaller, byCallee bool) error {
	time.Sleep(time.Millisecond) // in a bubble: until everything that is under way has arrived
	got := [...]bool{call.OnHold(sipua.Local), in.OnHold(sipua.Remote), in.OnHold(sipua.Local), call.OnHold(sipua.Remote)}
	if want := [...]bool{byCaller, byCaller, byCallee, byCallee}; got != want {
		return fmt.Errorf("%s: holds %v, not %v", call, got, want)
	}
	return nil
}

// ended waits for the end of a call and looks whether it is the right one.
func (s *callSoak) ended(c *sipua.Call, status int, by ...sipua.Party) error {
	end, err := c.Ended(s.Context())
	switch {
	case err != nil:
		return err
	case !slices.Contains(by, end.By) || end.Status != status:
		return fmt.Errorf("%s: ended by %s with %d (%v), not by %v with %d", c, end.By, end.Status, end.Err, by, status)
	case status == 0 && end.Err != nil:
		return fmt.Errorf("%s: %w", c, end.Err)
	}
	return nil
}

// interrupted loses the connection of one side or of both while two calls ring and the
// others are up. Those that are up survive.
func (s *callSoak) interrupted(i int) {
	down := [][]*soakPhone{{s.phones[0]}, {s.phones[1]}, s.phones[:]}[i/10%3]
	type pair struct{ call, in *sipua.Call }
	calls := make([]pair, callsInRound)
	s.sideBySide(func(k int) (err error) {
		from, to := s.pair(k)
		set := s.answered
		if k < 2 {
			set = s.begin
		}
		calls[k].call, calls[k].in, err = set(from, to)
		return err
	})
	for _, p := range down {
		select {
		case <-p.registered: // before
		default:
		}
		for _, f := range s.server.Flows(p.user) {
			f.Drop(1006)
		}
	}
	s.sideBySide(func(k int) error {
		call, in := calls[k].call, calls[k].in
		if k < 2 { // one in each direction rings
			return s.beginAgain(s.phones[1-k%2], call, in)
		}
		sides := map[*soakPhone]*sipua.Call{s.phones[k%2]: call, s.phones[1-k%2]: in}
		if k < 4 && len(down) == 1 { // the BYE waits until there is a connection
			return s.hangUp([]*sipua.Call{sides[down[0]]}, call, in)
		}
		for _, p := range down {
			if err := p.again(); err != nil {
				return err
			}
		}
		return s.hangUp([]*sipua.Call{sides[s.phones[k/2%2]]}, call, in)
	})
}

// beginAgain is what becomes of a call that rings when a connection is lost. The server
// cancels what is left of it. A caller whose connection it was makes its INVITE anew.
func (s *callSoak) beginAgain(to *soakPhone, call, in *sipua.Call) error {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = call.Ended(s.Context()) // it is waited for below
	}()
	var again *sipua.Call
	select {
	case again = <-to.arrival(call.ID()):
	case <-over: // the other side was not there
	case <-time.After(10 * time.Minute):
		return fmt.Errorf("%s and %s go on as if nothing had happened", call, in)
	}
	err := call.Hangup(s.Context())
	for _, c := range []*sipua.Call{call, in, again} {
		if c != nil {
			limit, cancel := context.WithTimeout(s.Context(), time.Hour)
			_, other := c.Ended(limit)
			cancel()
			err = errors.Join(err, other)
		}
	}
	return err
}

// check looks at what the last round has left, and forgets it.
func (s *callSoak) check(when string) {
	s.Helper()
	synctest.Wait()
	for _, p := range s.phones {
		require.Empty(s, p.ua.Calls(), when)
		p.mu.Lock()
		wrong := p.wrong
		for c, story := range p.calls {
			if story.ends != 1 || c.State() != sipua.Ended {
				wrong = append(wrong, fmt.Sprintf("%s has ended %d times", c, story.ends))
			}
			if c.Direction() == sipua.Outgoing {
				s.ends[story.end]++
			}
		}
		for c, m := range p.media {
			if m.Closed() != 1 || m.State() != sipuatest.Closed {
				wrong = append(wrong, fmt.Sprintf("the media of %s was closed %d times", c, m.Closed()))
			}
		}
		p.mu.Unlock()
		require.Empty(s, wrong, when)
		p.forget()
	}
}

// rest waits until every transaction has ended.
func (s *callSoak) rest() {
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	s.server.ForgetRequests()
}

// kept counts what both user agents hold.
func (s *callSoak) kept() map[string]int {
	kept := map[string]int{}
	for _, p := range s.phones {
		for name, n := range p.ua.Kept() {
			kept[p.user+" "+name] = n
		}
	}
	return kept
}

// soakPhone is a user agent that looks at its own events.
type soakPhone struct {
	user       string
	ua         *sipua.UserAgent
	registered chan struct{}

	mu       sync.Mutex
	arrivals map[string]chan *sipua.Call // by Call-ID
	calls    map[*sipua.Call]*callStory
	media    map[*sipua.Call]*sipuatest.Media
	wrong    []string
}

// callStory is what the events have told of a call.
type callStory struct {
	state    sipua.CallState
	answered bool
	held     map[sipua.Party]bool
	ends     int
	end      string
}

func (p *soakPhone) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals, p.calls, p.media = map[string]chan *sipua.Call{}, map[*sipua.Call]*callStory{}, map[*sipua.Call]*sipuatest.Media{}
}

// open is the MediaFactory.
func (p *soakPhone) open(_ context.Context, c *sipua.Call, _ any) (sipua.Media, error) {
	m := sipuatest.NewMedia(sipuatest.MediaOptions{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.media[c] != nil {
		p.wrong = append(p.wrong, fmt.Sprintf("%s has two media", c))
	}
	p.media[c] = m
	return m, nil
}

// arrival gives the call that comes in with this Call-ID.
func (p *soakPhone) arrival(id string) chan *sipua.Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.arrivals[id] == nil {
		p.arrivals[id] = make(chan *sipua.Call, 1)
	}
	return p.arrivals[id]
}

// again waits until the phone is registered again.
func (p *soakPhone) again() error {
	select {
	case <-p.registered:
		p.registered <- struct{}{} // there are others who wait for it
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("%s is not registered again", p.user)
	}
}

// callFollows says which states may follow a state.
var callFollows = map[sipua.CallState][]sipua.CallState{
	sipua.Preparing:   {sipua.Calling, sipua.Ended},
	sipua.Calling:     {sipua.Ringing, sipua.Established, sipua.Canceling, sipua.Ended},
	sipua.Ringing:     {sipua.Calling, sipua.Established, sipua.Answering, sipua.Canceling, sipua.Ended},
	sipua.Answering:   {sipua.Accepted, sipua.Ended},
	sipua.Accepted:    {sipua.Established, sipua.Canceling, sipua.Ended},
	sipua.Canceling:   {sipua.Ended},
	sipua.Established: {sipua.Ended},
}

// record looks whether each event may come where it comes.
func (p *soakPhone) record(e sipua.Event) {
	if in, ok := e.(sipua.IncomingCall); ok {
		p.arrival(in.Call.ID()) <- in.Call
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wrong := func(c *sipua.Call, what string) {
		p.wrong = append(p.wrong, fmt.Sprintf("%s of %s: %s at %s", c, p.user, what, tell(e)))
	}
	told := func(c *sipua.Call) *callStory {
		story := p.calls[c]
		if story == nil {
			story = &callStory{state: sipua.Preparing, held: map[sipua.Party]bool{}}
			if c.Direction() == sipua.Incoming {
				if _, first := e.(sipua.IncomingCall); !first {
					wrong(c, "nobody has heard of it")
				}
				story.state = sipua.Ringing
			}
			p.calls[c] = story
		}
		if story.ends > 0 {
			wrong(c, "something after the end")
		}
		return story
	}
	switch e := e.(type) {
	case sipua.Registered:
		select {
		case p.registered <- struct{}{}:
		default: // a refresh that nobody waits for
		}
	case sipua.ProtocolError:
		p.wrong = append(p.wrong, e.Err.Error())
	case sipua.IncomingCall:
		told(e.Call)
	case sipua.CallStateChanged:
		story := told(e.Call)
		if !slices.Contains(callFollows[story.state], e.State) {
			wrong(e.Call, "it was "+string(story.state))
		}
		story.state = e.State
	case sipua.CallAnswered:
		story := told(e.Call)
		if story.answered || story.state != sipua.Accepted && story.state != sipua.Established {
			wrong(e.Call, "it was "+string(story.state))
		}
		story.answered = true
	case sipua.CallHeld:
		story := told(e.Call)
		if !story.answered || story.held[e.By] {
			wrong(e.Call, "it was held, or not answered")
		}
		story.held[e.By] = true
	case sipua.CallResumed:
		story := told(e.Call)
		if !story.held[e.By] {
			wrong(e.Call, "it was not held")
		}
		story.held[e.By] = false
	case sipua.CallEnded:
		story := told(e.Call)
		if story.state != sipua.Ended {
			wrong(e.Call, "it was "+string(story.state))
		}
		story.ends++
		story.end = tell(e)
	}
}
