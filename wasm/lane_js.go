package main

import (
	"sync"
	"syscall/js"
	"unsafe"
)

// The lane is memory through which messages pass between the page and Go. What
// syscall/js does for one event costs as much as the work for the message: a dozen
// calls across the border, each of which makes a value that the garbage collector
// has to be told about. Through the lane it is one call and one copy.
//
// The facade's half is lane.ts. What it does not take, because it is binary or too
// long, goes by syscall/js, and so does everything where there is no facade.
var lane struct {
	memory [32 << 10]byte

	mu      sync.Mutex
	sockets map[int32]*socket
	last    int32
}

// laneMemory tells where the memory is. It never moves.
//
//lint:ignore U1000 the facade calls it
//go:wasmexport sipwasmLane
func laneMemory() int32 { return int32(uintptr(unsafe.Pointer(&lane.memory))) }

// laneSize is how much there is of it.
//
//lint:ignore U1000 the facade calls it
//go:wasmexport sipwasmLaneSize
func laneSize() int32 { return int32(len(lane.memory)) }

// laneArrived takes the first n bytes of the memory as a message of a socket. Go
// goes on when the facade resumes it.
//
//lint:ignore U1000 the facade calls it
//go:wasmexport sipwasmArrived
func laneArrived(number, n int32) {
	lane.mu.Lock()
	c := lane.sockets[number]
	lane.mu.Unlock()
	if c != nil {
		c.enqueue(append([]byte(nil), lane.memory[:n]...))
	}
}

// enter gives c a number and the lane's functions. slow takes the events that the
// lane does not. Without a facade it returns slow, and c.send stays as it is.
func (c *socket) enter(host js.Value, slow js.Func) (listener js.Value) {
	facade := host.Get("lane")
	if !isObject(facade) {
		return slow.Value
	}
	lane.mu.Lock()
	lane.last++
	c.number = lane.last
	if lane.sockets == nil {
		lane.sockets = map[int32]*socket{}
	}
	lane.sockets[c.number] = c
	lane.mu.Unlock()
	c.send = facade.Call("sender", c.ws, maxUnsent)
	return facade.Call("listener", int(c.number), slow)
}

func (c *socket) leave() {
	lane.mu.Lock()
	delete(lane.sockets, c.number)
	lane.mu.Unlock()
}
