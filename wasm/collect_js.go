package main

import (
	"runtime"
	"sync"
	"time"
)

// collector makes Go collect its garbage some time after the last peer connection was
// closed. A browser keeps a closed one for as long as Go holds a reference to it or to one of
// its parts, and refuses to make a five hundred and first; Go by itself may not collect
// for as long as calls leave little behind in its own memory.
type collector struct {
	mu    sync.Mutex
	timer *time.Timer
}

const collectAfter = 5 * time.Second

var garbage collector

func (c *collector) soon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil {
		c.timer = time.AfterFunc(collectAfter, runtime.GC)
		return
	}
	c.timer.Reset(collectAfter)
}
