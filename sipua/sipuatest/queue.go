package sipuatest

import (
	"slices"
	"sync"
	"time"
)

// queue is an unbounded queue: push never blocks, pop waits.
type queue[T any] struct {
	mu     sync.Mutex
	items  []T
	closed bool
	wake   chan struct{} // closed and replaced when something changes
}

func newQueue[T any]() *queue[T] {
	return &queue[T]{wake: make(chan struct{})}
}

func (q *queue[T]) push(v T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.items = append(q.items, v)
	q.signal()
}

// close ends the queue: pop returns what is left and then nothing more.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue[T]) signal() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// pop waits for the next item, for at most d, or for ever when d is negative.
func (q *queue[T]) pop(d time.Duration) (v T, ok bool) {
	return q.popIf(d, func(T) bool { return true })
}

// popIf waits for the next item that matches. Others stay where they are.
func (q *queue[T]) popIf(d time.Duration, match func(T) bool) (v T, ok bool) {
	var expired <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		q.mu.Lock()
		if i := slices.IndexFunc(q.items, match); i >= 0 {
			v = q.items[i]
			q.items = slices.Delete(q.items, i, i+1)
			q.mu.Unlock()
			return v, true
		}
		closed, wake := q.closed, q.wake
		q.mu.Unlock()
		if closed {
			return v, false
		}
		select {
		case <-wake:
		case <-expired:
			return v, false
		}
	}
}
