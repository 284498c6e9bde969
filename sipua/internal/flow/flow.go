package flow

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Conn is one open connection; see sipua.Conn for the contract.
type Conn interface {
	Read() ([]byte, error)
	Write(message []byte) error
	Close(code int, reason string)
}

// Config connects a Flow with its surroundings. Everything is required.
type Config struct {
	Servers []Server
	Dial    func(ctx context.Context, url string) (Conn, error)
	Context context.Context // its end stops dialling

	ConnectTimeout time.Duration // for one attempt at one server
	Backoff        Backoff
	Return         time.Duration // between attempts to get back to a preferred server
	Liveness       Liveness

	// Post runs f on the goroutine that owns the flow; false when that has ended.
	Post func(f func()) bool
	// Done is closed when that goroutine has ended.
	Done <-chan struct{}
	// After runs f on it once d has passed, unless stop was called.
	After func(d time.Duration, f func()) (stop func())

	// Wanted reports whether a flow that was lost is to be opened again.
	Wanted func() bool
	// Busy reports whether something would be disturbed by a move to another server.
	Busy func() bool

	OnUp      func(server string)
	OnLost    func(server string, err error) // err nil: closed by this side
	OnWaiting func(attempt int, delay time.Duration)
	OnReceive func(data []byte) // keep-alives are not among it
	OnWake    func()            // the device has slept
	// Ask sends a question that every SIP server answers (OPTIONS).
	Ask func()
}

// State of a flow.
type State uint8

// The states.
//
//	         connect   opened      failed              lost                timer    online           close
//	idle     dialing   –           –                   –                   –        –                idle
//	dialing  (joins)   up          waiting, or idle    –                   –        dialing (anew)   idle
//	up       at once   up (moved)  –                   waiting, or idle    –        up (is checked)  idle
//	waiting  dialing   –           –                   –                   dialing  dialing          idle
//
// After a failure or a loss the flow waits while it is wanted and is idle
// otherwise. Opened in the state up is the return to a preferred server.
const (
	Idle State = iota
	Dialing
	Up
	Waiting
)

func (s State) String() string { return [...]string{"idle", "dialing", "up", "waiting"}[s] }

// stable is how long a connection must have lasted to count as a success: a
// server that accepts and drops at once must not be asked without pause.
const stable = 10 * time.Second

// Flow is one connection that is kept.
type Flow struct {
	cfg     Config
	servers servers
	state   State
	conn    Conn
	deaf    Conn      // the one that takes nothing any more
	current int       // index of the server of conn, or of the last one
	since   time.Time // when conn was opened
	live    liveness

	failures int // since the last connection that lasted
	attempts int // announced since the last connection
	offline  bool
	stopWait func()
	stopBack func() // timer of the return to a preferred server
	backing  bool   // that return is being dialled
	returned bool   // conn came of such a return
	vain     int    // returns in a row that did not last
	dial     int    // number of the dial that counts
	begun    time.Time
	abandon  context.CancelFunc
	waiting  []func(error)
}

// New makes an idle flow.
func New(cfg Config) *Flow {
	f := &Flow{cfg: cfg, servers: newServers(cfg.Servers), stopWait: nothing, stopBack: nothing, abandon: nothing}
	f.live.init(f)
	return f
}

func nothing() {}

// State tells where the flow stands.
func (f *Flow) State() State { return f.state }

// URL is that of the server in use, or of the last one; "" before the first.
func (f *Flow) URL() string {
	if f.since.IsZero() {
		return ""
	}
	return f.servers[f.current].URL
}

// Connect calls then when the flow is up, at once if it is already, or with the
// error of the attempt that it begins or joins.
func (f *Flow) Connect(then func(error)) {
	if f.state == Up {
		then(nil)
		return
	}
	f.waiting = append(f.waiting, then)
	if f.state != Dialing {
		f.begin()
	}
}

// Write puts a message on the connection. One that takes nothing is given up, after
// a moment in which Read may tell how it has ended.
func (f *Flow) Write(data []byte) error {
	conn := f.conn
	if conn == nil {
		return errors.New("there is no connection to a server")
	}
	err := conn.Write(data)
	if err != nil && f.deaf != conn {
		f.deaf = conn
		f.cfg.After(grace, func() { f.lost(conn, err) })
	}
	return err
}

// grace is how long a connection that takes nothing has for its end.
const grace = time.Second

// begin starts an attempt at all servers.
func (f *Flow) begin() {
	f.stopWait()
	f.state, f.begun = Dialing, time.Now()
	f.start(f.servers.order(time.Now()), f.failed)
}

// start dials servers one after the other, beside the owner. A later start, Close
// and Avoid make its outcome void.
func (f *Flow) start(order []int, failed func(error)) {
	f.dial++
	number := f.dial
	ctx, cancel := context.WithCancel(f.cfg.Context)
	f.abandon = cancel
	urls := make([]string, len(order))
	for i, server := range order {
		urls[i] = f.servers[server].URL
	}
	go func() {
		defer cancel() // or the user agent's context would keep it
		var errs []error
		for i, url := range urls {
			attempt, end := context.WithTimeout(ctx, f.cfg.ConnectTimeout)
			conn, err := f.cfg.Dial(attempt, url)
			end()
			if err == nil {
				if !f.cfg.Post(func() { f.opened(number, conn, order[i]) }) {
					conn.Close(1000, "")
				}
				return
			}
			errs = append(errs, withoutSecrets(err, url))
			if ctx.Err() != nil {
				break
			}
		}
		f.cfg.Post(func() {
			if number == f.dial {
				failed(errors.Join(errs...))
			}
		})
	}()
}

func (f *Flow) opened(number int, conn Conn, server int) {
	if number != f.dial {
		conn.Close(1000, "")
		return
	}
	f.abandon()
	if f.conn != nil { // the return to a preferred server
		if f.cfg.Busy() {
			conn.Close(1000, "")
			f.backing = false
			f.lookBack()
			return
		}
		f.drop(nil)
		f.returned = true
	}
	f.servers[server].weak, f.offline = false, false
	f.state, f.conn, f.current, f.since = Up, conn, server, time.Now()
	f.backing, f.attempts = false, 0
	f.live.start()
	f.lookBack()
	go f.read(conn)
	f.cfg.OnUp(Shown(f.servers[server].URL))
	f.settle(nil)
}

// settle tells everyone who waits for the attempt.
func (f *Flow) settle(err error) {
	waiting := f.waiting
	f.waiting = nil
	for _, then := range waiting {
		then(err)
	}
}

func (f *Flow) failed(err error) {
	f.failures++
	f.state = Idle
	f.settle(err)
	f.again()
}

// again waits for the next attempt when one is wanted.
func (f *Flow) again() {
	if f.state != Idle || !f.cfg.Wanted() {
		return
	}
	f.state = Waiting
	delay := f.cfg.Backoff.Delay(f.failures)
	if f.offline {
		// That there is no network may be wrong: attempts go on, but rarely.
		delay = max(delay, f.cfg.Backoff.Cap/2)
	}
	delay = max(delay, f.servers.untilUsable(time.Now()))
	f.stopWait = f.cfg.After(delay, func() {
		if f.state = Idle; f.cfg.Wanted() { // it may not be any more
			f.begin()
		}
	})
	f.attempts++
	f.cfg.OnWaiting(f.attempts, delay)
}

// read takes messages from the connection to the owner, one at a time: the next
// is not handed over before the last has been handled, so that a flood waits in the
// socket and not in our memory. The reader waits in Read meanwhile, which is where
// it has to be next: to wake it after each message cost as much as a short one.
func (f *Flow) read(conn Conn) {
	handled := make(chan struct{}, 1)
	handled <- struct{}{}
	for {
		data, err := conn.Read()
		if err != nil {
			f.cfg.Post(func() { f.lost(conn, err) })
			return
		}
		select {
		case <-handled:
		case <-f.cfg.Done:
			return
		}
		if !f.cfg.Post(func() { f.receive(conn, data); handled <- struct{}{} }) {
			return
		}
	}
}

func (f *Flow) receive(conn Conn, data []byte) {
	if f.conn != conn {
		return // from a connection that is no longer ours
	}
	if !f.live.heard(data) {
		f.cfg.OnReceive(data)
	}
}

// lost ends a connection. One that lives no more is left to itself: its close
// handshake would not come either.
func (f *Flow) lost(conn Conn, err error) {
	if f.conn != conn {
		return
	}
	f.drop(err)
	f.again()
}

func (f *Flow) drop(err error) {
	conn := f.conn
	f.conn, f.state = nil, Idle
	server := &f.servers[f.current]
	if lasted := time.Since(f.since) >= stable; lasted {
		f.failures = 0
		if f.returned {
			f.vain = 0
		}
	} else if err != nil {
		f.failures++
		server.weak = true
		if f.returned {
			f.vain++
		}
	}
	f.returned = false
	if err == ErrSilent {
		server.weak, server.pings = true, unknown // what answers there may have changed
	}
	f.live.stop()
	f.stopBack()
	if f.backing {
		f.cancelDial()
	}
	conn.Close(1000, "")
	f.cfg.OnLost(Shown(f.servers[f.current].URL), err)
}

// cancelDial makes a dial that is under way void.
func (f *Flow) cancelDial() {
	f.dial++
	f.abandon()
	f.backing = false
}

// Fail gives the connection up: what is asked over it stays without an answer.
func (f *Flow) Fail(err error) {
	if f.state == Up {
		f.lost(f.conn, err)
	}
}

// Avoid tells that the server in use is out of service for d (RFC 3263 section
// 4.3, Retry-After). The flow moves to another one at once when there is one;
// moved reports that.
func (f *Flow) Avoid(d time.Duration, err error) (moved bool) {
	now := time.Now()
	f.servers[f.current].avoid = now.Add(d)
	usable := slices.ContainsFunc(f.servers, func(e entrance) bool { return !e.avoid.After(now) })
	if f.state != Up || !usable {
		return false
	}
	f.drop(err)
	if f.state == Idle && f.cfg.Wanted() {
		f.attempts++
		f.cfg.OnWaiting(f.attempts, 0)
		f.begin()
	}
	return true
}

// lookBack makes a flow that is not on the best server try those better ones
// from time to time, while nothing would be disturbed.
func (f *Flow) lookBack() {
	if !slices.ContainsFunc(f.servers, func(e entrance) bool { return e.Priority < f.servers[f.current].Priority }) {
		return
	}
	wait := f.cfg.Return << min(f.vain, 5) // a server that does not last costs a registration each time
	f.stopBack = f.cfg.After(Between(wait*8/10, wait), func() {
		better := f.servers.better(f.current, time.Now())
		if f.cfg.Busy() || len(better) == 0 {
			f.lookBack()
			return
		}
		f.backing = true
		f.start(better, func(error) {
			f.backing = false
			f.lookBack()
		})
	})
}

// Online tells that the network is back or that the program was awakened: what
// waits is tried now, what is up is checked now.
func (f *Flow) Online() {
	f.offline = false
	switch f.state {
	case Waiting:
		f.failures = 0
		f.begin()
	case Dialing:
		// What was begun on the network that is gone would hang until its time-out.
		if time.Since(f.begun) > hanging {
			f.cancelDial()
			f.begin()
		}
	case Up:
		f.live.check()
	}
}

// hanging is how old an attempt must be to be begun anew when the network changes.
const hanging = 2 * time.Second

// Offline tells that the network seems to be gone. An attempt that waits is put
// off; what is up is checked, since the message may be wrong.
func (f *Flow) Offline() {
	f.offline = true
	switch f.state {
	case Waiting:
		f.stopWait()
		f.state = Idle
		f.again()
	case Up:
		f.live.check()
	}
}

// FlowTimer is the interval that the server wants a sign of life in (RFC 5626
// section 4.4.1 and 10).
func (f *Flow) FlowTimer(d time.Duration) { f.live.flowTimer(d) }

// Want makes an idle flow that is wanted now be opened, after the usual wait.
func (f *Flow) Want() { f.again() }

// Rest ends the wait for a flow that is not wanted any more.
func (f *Flow) Rest() {
	if f.state == Waiting && !f.cfg.Wanted() {
		f.stopWait()
		f.state = Idle
	}
}

// Close ends the flow at once. Those who wait are told err. Connect opens it again.
func (f *Flow) Close(err error) {
	if f.conn != nil {
		f.drop(nil)
	}
	f.cancelDial() // also what OnLost has begun
	f.stopWait()
	f.state = Idle
	f.settle(err)
}
