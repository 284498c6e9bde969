//go:build js

// Command fakego stands in for the Go user agent in the tests of the TypeScript
// side. It is a real Go program in real WebAssembly, but what it knows of SIP is
// in the test: it hands the host over to JavaScript, with the means to make the
// program end.
package main

import (
	"os"
	"syscall/js"
	"time"
)

func main() {
	host := js.Global().Get("host")
	type operation struct{ op, args, resolve, reject js.Value }
	queue := make(chan operation, 16)
	end := make(chan struct{})
	do := func(f func(args []js.Value)) js.Func {
		return js.FuncOf(func(_ js.Value, args []js.Value) any {
			f(args)
			return nil
		})
	}
	host.Get("mediaDevices").Call("program", host, map[string]any{
		"panic": do(func([]js.Value) { panic("told to panic") }),
		"exit":  do(func([]js.Value) { os.Exit(3) }),
		"end":   do(func([]js.Value) { close(end) }),
		"timer": do(func([]js.Value) { time.AfterFunc(100*time.Millisecond, func() {}) }),
		"connect": do(func(args []js.Value) {
			host.Get("WebSocket").New(args[0], "sip")
		}),
		// A call function on the Go side, as far as the crossing goes.
		"call": do(func(args []js.Value) { queue <- operation{args[0], args[2], args[3], args[4]} }),
	})
	for {
		select {
		case o := <-queue:
			if o.op.String() == "register" {
				o.reject.Invoke(map[string]any{"code": "timeout", "message": "register: no answer", "op": "register"})
			} else {
				o.resolve.Invoke(map[string]any{"instanceId": o.args.Get("uri").String()})
			}
		case <-end:
			return
		}
	}
}
