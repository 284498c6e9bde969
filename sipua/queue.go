package sipua

import "sync"

// queue runs functions one after the other, in the order in which they were
// posted, in a goroutine of its own. It is the shape of the user agent: one
// queue owns all SIP state, one delivers events, one serves the media of each
// call. The mutex guards the list and nothing else.
//
// Post never blocks. Who could flood a queue bounds itself: the reader of the
// network waits for its function to have run before it posts the next, and events
// that the network can produce without end are dropped (emit).
type queue struct {
	mu     sync.Mutex
	list   []func()
	wake   chan struct{} // capacity 1
	taken  int           // of the functions that run took from list
	closed bool
	done   chan struct{} // closed when the goroutine has ended
}

func newQueue() *queue {
	q := &queue{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go q.run()
	return q
}

// post appends f. It reports false, and f will not run, after close.
func (q *queue) post(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.list = append(q.list, f)
	q.signal()
	return true
}

// len is the number of functions that have not begun.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list) + q.taken
}

// close ends the goroutine once what was posted before has run. It does not wait.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) run() {
	defer close(q.done)
	for {
		q.mu.Lock()
		list, closed := q.list, q.closed
		q.list, q.taken = nil, len(list)
		q.mu.Unlock()
		for _, f := range list {
			q.mu.Lock()
			q.taken--
			q.mu.Unlock()
			f()
		}
		if len(list) > 0 {
			continue
		}
		if closed {
			return
		}
		<-q.wake
	}
}
