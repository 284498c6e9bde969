package main

import (
	"context"
	"errors"
	"strings"
	"syscall/js"
)

// try runs f and returns the exception that JavaScript threw in it, if any. Every
// call into the page's objects that may throw goes through here: an exception
// arrives in Go as a panic and would end the module.
func try(f func() js.Value) (v js.Value, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case js.Error:
			err = thrown(r.Value)
		case *js.ValueError: // a method of something that is no object
			err = r
		case string: // an object without that method
			if !strings.HasPrefix(r, "syscall/js: ") {
				panic(r)
			}
			err = errors.New(r)
		default:
			panic(r)
		}
	}()
	return f(), nil
}

// thrown makes an error of what JavaScript threw, which may be anything; js.Error
// can name objects only.
func thrown(v js.Value) error {
	if isObject(v) {
		return js.Error{Value: v}
	}
	return errors.New("JavaScript threw " + v.String())
}

// await waits for a promise to settle. When ctx ends first, late (which may be
// nil) takes what the promise brings afterwards.
func await(ctx context.Context, promise js.Value, late func(js.Value)) (js.Value, error) {
	type settled struct {
		value js.Value
		err   error
	}
	result := make(chan settled, 1)
	over := make(chan struct{})
	var fulfilled, rejected js.Func
	settle := func(s settled) {
		fulfilled.Release()
		rejected.Release()
		select {
		case <-over:
			if s.err == nil && late != nil {
				late(s.value)
			}
		default:
			result <- s
		}
	}
	fulfilled = js.FuncOf(func(_ js.Value, args []js.Value) any { settle(settled{value: first(args)}); return nil })
	rejected = js.FuncOf(func(_ js.Value, args []js.Value) any { settle(settled{err: thrown(first(args))}); return nil })
	// Promise.resolve takes whatever the page's own functions return.
	js.Global().Get("Promise").Call("resolve", promise).Call("then", fulfilled, rejected)
	select {
	case s := <-result:
		return s.value, s.err
	case <-ctx.Done():
		close(over)
		return js.Undefined(), context.Cause(ctx)
	}
}

// awaitCall calls a method that returns a promise and waits for it.
func awaitCall(ctx context.Context, object js.Value, method string, args ...any) (js.Value, error) {
	promise, err := try(func() js.Value { return object.Call(method, args...) })
	if err != nil {
		return js.Undefined(), err
	}
	return await(ctx, promise, nil)
}

func first(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// listen adds an event listener; remove takes it away and frees it.
func listen(target js.Value, event string, f func(event js.Value)) (remove func()) {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any { f(first(args)); return nil })
	return listenWith(target, event, fn.Value, fn)
}

// listenWith adds a listener that calls fn, or is fn; remove takes it away and
// frees fn.
func listenWith(target js.Value, event string, listener js.Value, fn js.Func) (remove func()) {
	target.Call("addEventListener", event, listener)
	removed := false
	return func() {
		if !removed {
			removed = true
			target.Call("removeEventListener", event, listener)
			fn.Release()
		}
	}
}

// text reads a string property, "" when it is not a string: js.Value.String
// would make "<undefined>" of it.
func text(v js.Value, name string) string {
	if !isObject(v) {
		return ""
	}
	if p := v.Get(name); p.Type() == js.TypeString {
		return p.String()
	}
	return ""
}

// number reads a numeric property, otherwise when it is not a number.
func number(v js.Value, name string, otherwise float64) float64 {
	if !isObject(v) {
		return otherwise
	}
	if p := v.Get(name); p.Type() == js.TypeNumber {
		return p.Float()
	}
	return otherwise
}

func isObject(v js.Value) bool { return v.Type() == js.TypeObject || v.Type() == js.TypeFunction }

func isArray(v js.Value) bool { return js.Global().Get("Array").Call("isArray", v).Bool() }

// exceptionName is the name of a DOMException or Error, such as "NotAllowedError".
func exceptionName(err error) string {
	v, _ := exceptionOf(err)
	return text(v, "name")
}

// exceptionOf is what JavaScript threw. Where several attempts have failed it is the
// first one's, and only when each of them ended by an exception.
func exceptionOf(err error) (js.Value, bool) {
	switch e := err.(type) {
	case js.Error:
		return e.Value, true
	case interface{ Unwrap() error }:
		return exceptionOf(e.Unwrap())
	case interface{ Unwrap() []error }:
		var first js.Value
		for i, one := range e.Unwrap() {
			v, ok := exceptionOf(one)
			if !ok {
				return v, false
			}
			if i == 0 {
				first = v
			}
		}
		return first, true
	}
	return js.Undefined(), false
}
