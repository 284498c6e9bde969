package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// callStress is a user agent with verbs of calls that nobody waits for in order, media
// with moods, and the far side of rough.
type callStress struct {
	*testing.T
	far   *rough
	ua    *sipua.UserAgent
	rnd   *rand.Rand
	media *sipuatest.Factory

	mu        sync.Mutex
	calm      bool // of the media
	moods     *rand.Rand
	story     []string
	wrong     []string
	ends      map[*sipua.Call]int
	states    map[*sipua.Call]sipua.CallState
	verbs     map[string]int
	referrals []*sipua.Referral
	meetings  []*sipua.Conference
	snapshots []sipua.CallSnapshot
}

// TestStressCalls plays random verbs of calls against a far side that does what it likes,
// and looks whether the promises hold: after each step, after everything has calmed down,
// and after Close.
func TestStressCalls(t *testing.T) {
	seed := rand.Uint64()
	for i := range uint64(20) {
		if testing.Short() && i == 5 {
			break
		}
		t.Run(fmt.Sprint(seed+i), func(t *testing.T) {
			// The name is the seed: put it in the place of rand.Uint64 to see it again.
			synctest.Test(t, func(t *testing.T) { stressedCalls(t, seed+i) })
		})
	}
}

func stressedCalls(t *testing.T, seed uint64) {
	_, peer := sipuatest.NewPipe()
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := &callStress{T: t, rnd: rnd, media: &sipuatest.Factory{}, moods: rand.New(rand.NewPCG(seed, 2)),
		far: &rough{t: t, rules: peer, rnd: rand.New(rand.NewPCG(seed, 1)), rang: map[string]bool{}, restored: map[string]bool{}, seqs: map[string]uint32{},
			owed: map[string]*owedAck{}, mine: map[string]*sip.Request{}},
		ends: map[*sipua.Call]int{}, states: map[*sipua.Call]sipua.CallState{}, verbs: map[string]int{}}
	s.media.Hook = s.mood
	cfg := sipua.Config{
		URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: urlA}, {URL: urlB}}, Flows: 1 + int(seed%2),
		Credentials: sipua.Credentials{Password: "secret"}, Transport: s.far, Media: s.media.New,
		HoldOthers: rnd.IntN(2) == 0, ManualRinging: rnd.IntN(3) == 0, ManualReplaces: rnd.IntN(2) == 0,
		FollowRedirects: rnd.IntN(3), AutoAnswer: sipua.AutoAnswer{AnswerMode: true}, MaxCalls: 6,
		SessionTimer: sipua.SessionTimer{Off: rnd.IntN(3) == 0}, NoAnswerTimeout: time.Duration(rnd.IntN(2)) * time.Minute,
		OnEvent: s.record,
	}
	ua, err := sipua.New(cfg)
	require.NoError(t, err)
	s.ua = ua
	defer ua.Close()
	s.verb("register", ua.Register)
	synctest.Wait()
	for n := range 250 {
		s.step()
		synctest.Wait()
		s.check(fmt.Sprintf("after step %d", n))
	}

	// Everything calms down: every verb ends, and nothing is left.
	s.noted(func() { s.calm = true })
	s.far.mu.Lock()
	s.far.kind, s.far.refuses = true, false
	for _, k := range slices.Clone(s.far.conns) {
		if k.halfOpen {
			k.drop(1006, "")
		}
	}
	for _, a := range slices.Clone(s.far.asked) {
		s.far.finally(a, 481)
	}
	s.far.asked = nil
	s.far.mu.Unlock()
	ua.NetworkChanged(sipua.NetworkOnline)
	time.Sleep(10 * time.Minute)
	s.check("after all has calmed down")
	for _, c := range ua.Calls() {
		s.verb("hang up at the end", c.Hangup)
	}
	time.Sleep(20 * time.Minute)
	s.check("after the hang-ups")
	verbs := map[string]int{}
	s.noted(func() { maps.Copy(verbs, s.verbs) })
	require.Empty(t, verbs, "verbs that have not ended; %v", s.tail())
	require.Empty(t, ua.Calls(), "%v", s.tail())
	kept := ua.Kept()
	for _, what := range []string{"calls", "dialogs", "transactions", "waiters"} {
		require.Zero(t, kept[what], "%s are left; %v", what, s.tail())
	}

	// The end comes in the middle of something.
	s.noted(func() { s.calm = false })
	s.far.mu.Lock()
	s.far.kind = false
	s.far.mu.Unlock()
	for range rnd.IntN(30) {
		s.step()
	}
	require.NoError(t, ua.Close())
	synctest.Wait()
	s.check("after Close")
	timers, transactions := ua.Left()
	require.Zero(t, timers)
	require.Zero(t, transactions)
	require.Empty(t, s.verbs, "verbs that Close has not ended")
	require.Empty(t, s.far.conns, "connections that Close has not closed")
	require.Empty(t, ua.Calls())
	for c, n := range s.ends {
		require.Equal(t, 1, n, "ends of %s; %v", c, s.tail())
	}
	for i, m := range s.media.All() {
		require.Equal(t, 1, m.Closed(), "media %d is closed once: %v", i, m.Log())
	}
}

// mood is the hook of the media: some verbs take their time, and few fail.
func (s *callStress) mood(ctx context.Context, verb sipuatest.Verb, _ string) error {
	var d time.Duration
	fails := false
	s.noted(func() {
		if s.calm {
			return
		}
		switch s.moods.IntN(4) {
		case 0:
			d = time.Duration(s.moods.IntN(3000)) * time.Millisecond
		case 1:
			d = time.Duration(s.moods.IntN(30)) * time.Millisecond
		}
		fails = s.moods.IntN(60) == 0
	})
	slow := time.NewTimer(d)
	defer slow.Stop()
	select {
	case <-slow.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if fails {
		return errors.New("the media was told to fail")
	}
	return nil
}

// callOf is the call that an event is about, nil when it is about none.
func callOf(e sipua.Event) *sipua.Call {
	switch e := e.(type) {
	case sipua.IncomingCall:
		return e.Call
	case sipua.CallStateChanged:
		return e.Call
	case sipua.CallRinging:
		return e.Call
	case sipua.CallAnswered:
		return e.Call
	case sipua.CallHeld:
		return e.Call
	case sipua.CallResumed:
		return e.Call
	case sipua.CallMediaChanged:
		return e.Call
	case sipua.CallTone:
		return e.Call
	case sipua.CallIdentityChanged:
		return e.Call
	case sipua.CallRecovering:
		return e.Call
	case sipua.CallRecovered:
		return e.Call
	case sipua.CallConnection:
		return e.Call
	case sipua.CallReplaced:
		return e.Call
	case sipua.CallSessionRefreshed:
		return e.Call
	case sipua.CallSnapshotChanged:
		return e.Call
	case sipua.CallRedirected:
		return e.Call
	case sipua.CallInfo:
		return e.Call
	case sipua.CallMessage:
		return e.Call
	case sipua.CallEnded:
		return e.Call
	}
	return nil
}

// record looks at each event.
func (s *callStress) record(e sipua.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := fmt.Sprintf("%T %s", e, tell(e))
	c := callOf(e)
	if c != nil {
		said += " " + c.ID()[:6]
	}
	s.story = append(s.story, time.Now().Format("15:04:05.000 ")+said)
	wrong := func(what string) { s.wrong = append(s.wrong, what+": "+said) }
	if c != nil {
		if s.ends[c] > 0 {
			wrong("after the end of the call")
		}
		s.ends[c] += 0
	}
	switch e := e.(type) {
	case sipua.CallStateChanged:
		s.states[e.Call] = e.State
	case sipua.CallAnswered:
		if st := s.states[e.Call]; st != sipua.Established && st != sipua.Accepted {
			wrong("answered in the state " + string(st))
		}
	case sipua.CallRinging:
		if st := s.states[e.Call]; st != sipua.Ringing && e.Status != 199 {
			wrong("rings in the state " + string(st))
		}
	case sipua.CallHeld, sipua.CallResumed:
		if st := s.states[c]; st == sipua.Ended {
			wrong("in the state ended")
		}
	case sipua.CallEnded:
		s.ends[e.Call]++
		if s.states[e.Call] != sipua.Ended {
			wrong("before the state")
		}
		var typed *sipua.Error
		if e.Err != nil && (!errors.As(e.Err, &typed) || typed.Code == sipua.CodeInternal) {
			wrong(e.Err.Error())
		}
	case sipua.CallReferred:
		s.referrals = append(s.referrals, e.Referral)
	}
}

func (s *callStress) noted(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *callStress) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	all := slices.Concat(s.story[max(0, len(s.story)-80):], s.far.story[max(0, len(s.far.story)-120):])
	slices.SortStableFunc(all, func(a, b string) int { return strings.Compare(a[:12], b[:12]) })
	return "\n" + strings.Join(all, "\n")
}

func (s *callStress) check(when string) {
	s.Helper()
	var faults, wrong, overdue []string
	s.far.mu.Lock()
	faults, overdue = slices.Clone(s.far.faults), s.far.overdue()
	s.far.mu.Unlock()
	s.noted(func() { wrong = slices.Clone(s.wrong) })
	if len(faults)+len(wrong)+len(overdue) > 0 {
		require.Empty(s.T, faults, "%s: %s", when, s.tail())
		require.Empty(s.T, wrong, "%s: %s", when, s.tail())
		require.Empty(s.T, overdue, "2xx without ACK %s: %s", when, s.tail())
	}
	for i, m := range s.media.All() {
		require.LessOrEqual(s.T, m.Closed(), 1)
		for _, verb := range m.Log() {
			if strings.HasPrefix(verb, "ApplyAnswer: ") || strings.HasPrefix(verb, "Rollback: ") {
				break // what was queued behind it finds an offer open, and the call ends
			}
			if strings.Contains(verb, "one caller at a time") || strings.Contains(verb, "in the state") {
				require.Failf(s.T, "media used wrongly", "%s: media %d: %v %s", when, i, m.Log(), s.tail())
			}
		}
	}
}

// verb begins one without waiting for it. Its error must be typed.
func (s *callStress) verb(name string, f func(ctx context.Context) error) {
	ctx, cancel := s.Context(), func() {}
	if s.rnd.IntN(10) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.rnd.IntN(60))*time.Second)
	}
	s.noted(func() {
		s.verbs[name]++
		s.story = append(s.story, time.Now().Format("15:04:05.000 ")+"VERB "+name)
	})
	go func() {
		err := f(ctx)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.story = append(s.story, time.Now().Format("15:04:05.000 ")+"done "+name+" "+fmt.Sprint(err))
		if s.verbs[name]--; s.verbs[name] == 0 {
			delete(s.verbs, name)
		}
		var typed *sipua.Error
		if err != nil && (!errors.As(err, &typed) || typed.Code == sipua.CodeInternal) {
			s.wrong = append(s.wrong, fmt.Sprintf("%s: %v", name, err))
		}
	}()
}

// step does one thing.
func (s *callStress) step() {
	switch n := s.rnd.IntN(12); {
	case n < 4:
		s.act()
	case n < 8:
		s.far.step()
	case n == 8 && s.rnd.IntN(3) == 0:
		s.disturb()
	default:
		switch n := s.rnd.IntN(20); {
		case n == 0:
			time.Sleep(time.Duration(s.rnd.IntN(600)) * time.Second)
		case n < 4:
			time.Sleep(time.Duration(s.rnd.IntN(40)) * time.Second)
		default:
			time.Sleep(time.Duration(s.rnd.IntN(2000)) * time.Millisecond)
		}
	}
}

// disturb is what the network and the media do.
func (s *callStress) disturb() {
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	r := s.far
	var k *roughConn
	if len(r.conns) > 0 {
		k = r.conns[s.rnd.IntN(len(r.conns))]
	}
	switch n := s.rnd.IntN(8); {
	case n == 0:
		r.refuses = !r.refuses
	case n == 1:
		r.refuses = false
		s.ua.NetworkChanged(sipua.NetworkOnline)
	case n == 2:
		s.ua.NetworkChanged(sipua.NetworkOffline)
	case k == nil:
	case n == 3:
		k.halfOpen = true
	case n < 6:
		r.tell("= dropped")
		k.drop(1006, "gone")
	default:
		if all := s.media.All(); len(all) > 0 {
			m := all[max(0, len(all)-1-s.rnd.IntN(4))]
			states := []sipua.ConnectionState{sipua.ConnectionDisconnected, sipua.ConnectionFailed, sipua.ConnectionConnected, sipua.ConnectionConnecting}
			state := states[s.rnd.IntN(len(states))]
			go m.SetConnection(state)
		}
	}
}

// some call that is alive, nil when there is none.
func (s *callStress) some() *sipua.Call {
	calls := s.ua.Calls()
	if len(calls) == 0 {
		return nil
	}
	return calls[s.rnd.IntN(len(calls))]
}

// act is something that the application does.
func (s *callStress) act() {
	ua := s.ua
	c, other := s.some(), s.some()
	if c == nil || s.rnd.IntN(10) == 0 {
		s.dial(other)
		return
	}
	name := " " + c.ID()[:6]
	switch s.rnd.IntN(30) {
	case 0, 1, 2, 3:
		s.verb("accept"+name, func(ctx context.Context) error { return c.Accept(ctx, sipua.AcceptOptions{}) })
	case 4, 5:
		o := sipua.ProgressOptions{Status: []int{0, 180, 183, 182}[s.rnd.IntN(4)], Media: s.rnd.IntN(2) == 0,
			Reliable: []sipua.Reliable{"", sipua.ReliableRequired, sipua.ReliableOff}[s.rnd.IntN(3)]}
		s.verb("progress"+name, func(ctx context.Context) error { return c.Progress(ctx, o) })
	case 6:
		s.verb("reject"+name, func(ctx context.Context) error { return c.RejectWith(ctx, sipua.Rejection{RetryAfter: time.Second}) })
	case 7:
		s.verb("redirect"+name, func(ctx context.Context) error { return c.Redirect(ctx, "1003", "1004") })
	case 8, 9:
		s.verb("hold"+name, c.Hold)
	case 10, 11:
		s.verb("resume"+name, c.Resume)
	case 12:
		mute := s.rnd.IntN(2) == 0
		s.verb("mute"+name, func(ctx context.Context) error { return c.Mute(ctx, mute) })
	case 13, 14:
		screen := s.rnd.IntN(2) == 0
		s.verb("add video"+name, func(ctx context.Context) error { return c.AddVideo(ctx, sipua.VideoSource{Screen: screen}) })
	case 15:
		s.verb("remove video"+name, c.RemoveVideo)
	case 16:
		s.verb("stop video"+name, c.StopVideo)
	case 17:
		s.verb("restart ICE"+name, c.RestartICE)
	case 18:
		s.verb("refresh"+name, c.Refresh)
	case 19:
		method := []sipua.DTMFMethod{sipua.DTMFRTP, sipua.DTMFInfo, sipua.DTMFInfoRelay}[s.rnd.IntN(3)]
		s.verb("tones"+name, func(ctx context.Context) error { return c.SendDTMF(ctx, "12,3", sipua.DTMFOptions{Method: method}) })
	case 20:
		o := sipua.TransferOptions{NoSubscription: s.rnd.IntN(2) == 0, Keep: s.rnd.IntN(2) == 0}
		s.verb("transfer"+name, func(ctx context.Context) error {
			tr, err := c.Transfer(ctx, "1005", o)
			if err == nil {
				_, err = tr.Done(ctx)
			}
			return err
		})
	case 21:
		if other != c {
			s.verb("transfer to"+name, func(ctx context.Context) error {
				tr, err := c.TransferTo(ctx, other, sipua.TransferOptions{})
				if err == nil {
					_, err = tr.Done(ctx)
				}
				return err
			})
		}
	case 22:
		s.verb("consult"+name, func(ctx context.Context) error { _, err := c.Consult(ctx, "1006", sipua.CallOptions{}); return err })
	case 23:
		if other != c {
			s.verb("swap"+name, func(ctx context.Context) error { return ua.Swap(ctx, c, other) })
		}
	case 24:
		if other != c {
			s.verb("conference"+name, func(ctx context.Context) error {
				f, err := ua.Conference(ctx, c, other)
				s.noted(func() {
					if err == nil {
						s.meetings = append(s.meetings, f)
					}
				})
				return err
			})
		}
	case 25:
		var f *sipua.Conference
		s.noted(func() {
			if n := len(s.meetings); n > 0 {
				f = s.meetings[s.rnd.IntN(n)]
			}
		})
		if f == nil {
			return
		}
		switch s.rnd.IntN(3) {
		case 0:
			s.verb("add"+name, func(ctx context.Context) error { return f.Add(ctx, c) })
		case 1:
			s.verb("drop"+name, func(ctx context.Context) error { return f.Drop(ctx, c) })
		default:
			s.verb("end", f.End)
		}
	case 26:
		s.verb("hang up"+name, c.Hangup)
	case 27:
		s.verb("hang up with"+name, func(ctx context.Context) error {
			return c.HangupWith(ctx, sipua.Reason{Protocol: "SIP", Cause: 200, Text: "x"})
		})
	case 28:
		var r *sipua.Referral
		s.noted(func() {
			if n := len(s.referrals); n > 0 {
				r = s.referrals[n-1]
			}
		})
		if r == nil {
			return
		}
		if s.rnd.IntN(2) == 0 {
			s.verb("accept referral", func(ctx context.Context) error { _, err := r.Accept(ctx, sipua.CallOptions{}); return err })
		} else {
			s.verb("reject referral", func(ctx context.Context) error { return r.Reject(ctx, 0) })
		}
	case 29:
		if snapshot, ok := c.Snapshot(); ok {
			s.snapshots = append(s.snapshots, snapshot)
		}
		if n := len(s.snapshots); n > 0 && len(ua.Calls()) < 6 {
			snapshot := s.snapshots[s.rnd.IntN(n)]
			s.far.mu.Lock()
			s.far.restored[snapshot.CallID] = true // an old snapshot has old numbers
			s.far.mu.Unlock()
			restored, err := ua.Restore(snapshot, sipua.CallOptions{})
			require.NoError(s.T, err)
			s.verb("restored", restored.Answered)
		}
	}
}

// dial calls somebody, in some way.
func (s *callStress) dial(other *sipua.Call) {
	if len(s.ua.Calls()) >= 6 {
		return
	}
	o := sipua.CallOptions{LateOffer: s.rnd.IntN(4) == 0, NoEarlyMedia: s.rnd.IntN(5) == 0, Anonymous: s.rnd.IntN(5) == 0,
		Reliable: []sipua.Reliable{"", "", sipua.ReliableRequired, sipua.ReliableOff}[s.rnd.IntN(4)]}
	if s.rnd.IntN(6) == 0 {
		o.Replaces = other
	}
	c, err := s.ua.Call("1002", o)
	require.NoError(s.T, err)
	s.verb("answered "+c.ID()[:6], c.Answered)
}
