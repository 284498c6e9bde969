package main

import (
	_ "embed"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A test calls fakes which call the test in turn. Go's runtime can lose such calls or
// return from them to the wrong goroutine, so they wait until Go has given the thread
// back, as entrance.ts has them do in the page. They return nothing then. A page whose
// policy forbids to make functions of text has loaded the same file before.
func init() {
	if !js.Global().Get("entered").IsUndefined() {
		return
	}
	js.Global().Get("Function").New("running", entrance).Invoke(true)
}

//go:embed testdata/entrance.js
var entrance string

// page stands for the web page: its fakes are JavaScript (fakePage, fakeSocket,
// fakePeer), because they must throw, reject and dispatch as the browser does,
// and because each page has objects of its own.
type page struct {
	js.Value
	t    *testing.T
	desk *desk
}

func newPage(t *testing.T) page {
	t.Helper()
	v := js.Global().Get("Function").New(fakePage + fakeSocket + fakePeer + fakeAudio + "return page;").Invoke()
	p := page{v, t, newDesk(v)}
	t.Cleanup(func() {
		for i := range p.Get("complaints").Length() {
			t.Errorf("the page complains: %s", p.Get("complaints").Index(i).String())
		}
	})
	return p
}

// fakePage is what the fakes share: an EventTarget that counts its listeners.
const fakePage = `
"use strict";
const page = { sockets: [], peers: [], removed: [], complaints: [], asked: [], prompts: [], streams: [], failing: {} };

class Target extends EventTarget {
	#listeners = [];
	addEventListener(type, f) {
		this.#listeners.push([type, f]);
		super.addEventListener(type, f);
	}
	removeEventListener(type, f) {
		const i = this.#listeners.findIndex((l) => l[0] === type && l[1] === f);
		if (i < 0) page.complaints.push("removeEventListener(" + type + ") of what does not listen");
		else page.removed.push(...this.#listeners.splice(i, 1));
		super.removeEventListener(type, f);
	}
	listening(type) { return this.#listeners.filter((l) => !type || l[0] === type).length; }
	fire(type, fields) { this.dispatchEvent(Object.assign(new Event(type), fields)); }
}
`

// fakeSocket is the WebSocket class of the WHATWG standard. accept, deliver,
// fail and end are the server's side.
const fakeSocket = `
page.WebSocket = class WebSocket extends Target {
	constructor(url, protocols = []) {
		if (page.refuseSockets) throw new DOMException("an insecure socket from a secure page", page.refuseSockets);
		if (!/^wss?:\/\/[^#]+$/.test(url)) throw new DOMException("the URL is invalid", "SyntaxError");
		super();
		Object.assign(this, { url, protocols: [].concat(protocols), protocol: "", readyState: 0, bufferedAmount: 0, binaryType: "blob", sent: [], closes: [] });
		page.sockets.push(this);
		page.dialled?.(this);
	}
	send(data) {
		if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
		if (this.readyState > 1) { this.bufferedAmount += data.length; return; }
		const frame = typeof data === "string" ? data : new Uint8Array(data);
		this.sent.push(frame);
		page.sending?.(frame, this);
	}
	close(code, reason = "") {
		if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) throw new DOMException("the code must be 1000 or 3000 to 4999", "InvalidAccessError");
		if (new TextEncoder().encode(reason).length > 123) throw new DOMException("the reason is longer than 123 bytes", "SyntaxError");
		if (this.readyState > 1) return;
		this.closes.push({ code, reason });
		const connecting = this.readyState === 0;
		this.readyState = 2;
		queueMicrotask(() => connecting ? this.fail() : this.end(code ?? 1005, reason));
	}
	accept() {
		if (this.readyState !== 0) return false;
		this.readyState = 1;
		this.protocol = this.protocols[0] ?? "";
		this.fire("open");
		return true;
	}
	deliver(data) {
		if (this.readyState === 0 || this.readyState === 3) throw new Error("a server cannot send now");
		if (typeof data !== "string" && this.binaryType !== "arraybuffer") page.complaints.push("binary frames come as Blob");
		this.fire("message", { data: typeof data === "string" ? data : new Uint8Array(data).buffer });
	}
	fail() { this.readyState = 3; this.fire("error"); this.fire("close", { code: 1006, reason: "", wasClean: false }); }
	end(code, reason = "") {
		if (this.readyState === 3) return;
		this.readyState = 3;
		this.fire("close", { code, reason, wasClean: true });
	}
};
`

// patience bounds every wait of a test for something that must come.
const patience = 10 * time.Second

// receive waits for what must come.
func receive[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-from:
	case <-timer.C:
		t.Fatalf("%s did not come", what)
	}
	return v
}

// begin runs f beside the test; the result waits for its end.
func begin[T any](t *testing.T, f func() (T, error)) (wait func() (T, error)) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	return func() (T, error) {
		t.Helper()
		r := receive(t, done, "the result")
		return r.v, r.err
	}
}

// act is begin for verbs that return an error only.
func act(t *testing.T, f func() error) (wait func() error) {
	w := begin(t, func() (struct{}, error) { return struct{}{}, f() })
	return func() error {
		t.Helper()
		_, err := w()
		return err
	}
}

// settle lets the event loop come round once. Go gives the thread back to
// JavaScript only when no goroutine can run, and promises settle before timers
// fire: afterwards everybody waits for something that the test has to do.
func settle(t *testing.T) {
	t.Helper()
	done := make(chan struct{})
	fn := js.FuncOf(func(js.Value, []js.Value) any { close(done); return nil })
	defer fn.Release()
	js.Global().Call("setTimeout", fn, 0)
	receive(t, done, "the event loop")
}

// on sets a callback of the page. It lives as long as the test.
func (p page) on(name string, f func(args []js.Value)) {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any { f(args); return nil })
	p.t.Cleanup(fn.Release)
	p.Set(name, fn)
}

// only returns the one element of a list of the page.
func (p page) only(list string) js.Value {
	p.t.Helper()
	require.Equal(p.t, 1, p.Get(list).Length(), "the number of %s", list)
	return p.Get(list).Index(0)
}

// requireReleased calls every listener that was removed: a js.Func that has been
// released says so on the console and does nothing else.
func (p page) requireReleased() {
	p.t.Helper()
	removed := p.Get("removed")
	require.Positive(p.t, removed.Length(), "the number of listeners removed")
	js.Global().Get("Function").New("page", `
		const { error } = console, released = new Set();
		console.error = (text) => { if (text.includes("released function")) released.add(entered); };
		for (const [, listener] of page.removed) listener(new Event("after the end"));
		page.kept = () => {
			console.error = error;
			return page.removed.filter(([, listener]) => !released.has(listener)).length;
		};
	`).Invoke(p.Value)
	settle(p.t)
	require.Zero(p.t, p.Call("kept").Int(), "the number of listeners that were removed but not released")
}

// exception makes a DOMException.
func exception(name string) js.Value {
	return js.Global().Get("DOMException").New("made by the test", name)
}
