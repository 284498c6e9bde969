package main

import (
	"context"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// device is what the person is asked for, and what to say when it cannot be had.
type device struct {
	name, method          string // method: of mediaDevices
	denied, missing, busy string
}

var (
	microphoneDevice = device{
		name: "microphone", method: "getUserMedia",
		denied:  "the microphone is not allowed: allow it for this site in the browser's settings and try again",
		missing: "no microphone was found: connect one and try again",
		busy:    "the microphone cannot be used: another program may have it",
	}
	cameraDevice = device{
		name: "camera", method: "getUserMedia",
		denied:  "the camera is not allowed: allow it for this site in the browser's settings and try again",
		missing: "no camera was found: connect one and try again",
		busy:    "the camera cannot be used: another program may have it",
	}
	screenDevice = device{
		name: "screen", method: "getDisplayMedia",
		denied:  "the screen is not shared: the person or the system's settings refused it, or nobody had clicked: ask again in the handler of a click",
		missing: "this device has nothing to share as a screen",
		busy:    "the screen cannot be captured: the system refused it",
	}
)

// microphone asks the person, and says in words what went wrong.
func microphone(ctx context.Context, host, constraints js.Value) (js.Value, error) {
	if !isObject(constraints) {
		constraints = js.ValueOf(map[string]any{"audio": true, "video": false})
	}
	return microphoneDevice.open(ctx, host, constraints)
}

// open asks the person for the device.
func (d device) open(ctx context.Context, host, constraints js.Value) (js.Value, error) {
	devices := host.Get("mediaDevices")
	if !isObject(devices) {
		// Browsers take it away from insecure contexts (W3C Media Capture section 9.2).
		return js.Undefined(), &sipua.Error{Code: sipua.CodeInsecureContext,
			Reason: "the browser gives the " + d.name + " to secure pages alone: serve this one from https:// or localhost"}
	}
	if devices.Get(d.method).IsUndefined() {
		return js.Undefined(), &sipua.Error{Code: sipua.CodeUnsupported, Reason: "this browser cannot capture a " + d.name + " (it has no " + d.method + ")"}
	}
	promise, err := try(func() js.Value { return devices.Call(d.method, constraints) })
	var stream js.Value
	if err == nil {
		stream, err = await(ctx, promise, stopTracks) // the call may be over before the person has decided
	}
	if err == nil {
		return stream, nil
	}
	switch exceptionName(err) {
	case "NotAllowedError", "SecurityError":
		return stream, &sipua.Error{Code: sipua.CodeMediaDenied, Reason: d.denied, Err: err}
	case "NotFoundError", "OverconstrainedError":
		return stream, &sipua.Error{Code: sipua.CodeMediaNotFound, Reason: d.missing, Err: err}
	case "NotReadableError", "AbortError":
		return stream, &sipua.Error{Code: sipua.CodeMediaFailed, Reason: d.busy, Err: err}
	}
	return stream, err
}

// isStream tells a MediaStream from what a page gave in its place.
func isStream(v js.Value) bool {
	return isObject(v) && v.Get("getTracks").Type() == js.TypeFunction &&
		v.Get("getAudioTracks").Type() == js.TypeFunction && v.Get("getVideoTracks").Type() == js.TypeFunction
}

// stopTracks gives back what a stream captures.
func stopTracks(stream js.Value) {
	_, _ = try(func() js.Value { // a stream that cannot be stopped is none
		tracks := stream.Call("getTracks")
		for i := range tracks.Length() {
			if t := tracks.Index(i); text(t, "readyState") != "ended" {
				t.Call("stop")
			}
		}
		return js.Undefined()
	})
}
