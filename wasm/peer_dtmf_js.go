package main

import (
	"context"
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// SendDTMF implements sipua.DTMFSender.
func (p *peer) SendDTMF(ctx context.Context, tones string, o sipua.DTMFOptions) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	sender := p.dtmf()
	if sender.IsUndefined() {
		return &sipua.Error{Code: sipua.CodeUnsupported, Reason: "the other side takes no telephone events, or no sound is sent (RFC 4733)"}
	}
	ctx, cancel := p.alive(ctx)
	defer cancel()
	done := make(chan struct{}, 1)
	remove := listen(sender, "tonechange", func(e js.Value) {
		if text(e, "tone") == "" { // the last one has been sent
			done <- struct{}{}
		}
	})
	defer remove()
	duration, gap := 100*time.Millisecond, 70*time.Millisecond
	if o.Duration > 0 {
		duration = o.Duration
	}
	if o.Gap > 0 {
		gap = o.Gap
	}
	if _, err := try(func() js.Value {
		return sender.Call("insertDTMF", tones, duration.Milliseconds(), gap.Milliseconds())
	}); err != nil {
		return err
	}
	// When the stream is put on hold meanwhile, the browser drops the rest without
	// another event.
	pauses := time.Duration(strings.Count(tones, ",")) // each takes 2 s
	limit := time.NewTimer(time.Duration(len(tones))*(duration+gap) + pauses*2*time.Second + time.Second)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		return &sipua.Error{Code: sipua.CodeMediaFailed, Reason: "not all tones were sent: the stream was put on hold"}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// dtmf finds the sender of telephone events among all senders; sound need not
// be the first.
func (p *peer) dtmf() js.Value {
	senders := p.pc.Call("getSenders")
	for i := range senders.Length() {
		if d := senders.Index(i).Get("dtmf"); isObject(d) && d.Get("canInsertDTMF").Truthy() {
			return d
		}
	}
	return js.Undefined()
}

// connected waits for ICE and DTLS: a call may be answered before they are done.
func (p *peer) connected(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	remove := listen(p.pc, "connectionstatechange", func(js.Value) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer remove()
	ctx, cancel := p.alive(ctx)
	defer cancel()
	for {
		switch state := text(p.pc, "connectionState"); state {
		case "connected":
			return nil
		case "failed", "closed":
			if err := p.gone(); err != nil {
				return err
			}
			return fmt.Errorf("the peer connection is %s", state)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
