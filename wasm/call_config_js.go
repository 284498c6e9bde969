package main

import (
	"context"
	"fmt"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// readCallConfig reads the options of a user agent that are about calls.
func (p *port) readCallConfig(cfg *sipua.Config, args js.Value) {
	cfg.MaxCalls = int(number(args, "maxCalls", 0))
	cfg.HoldOthers = args.Get("holdOthers").Truthy()
	cfg.ManualRinging = args.Get("manualRinging").Truthy()
	cfg.ManualReplaces = args.Get("manualReplaces").Truthy()
	auto := args.Get("autoAnswer")
	cfg.AutoAnswer = sipua.AutoAnswer{AnswerMode: flag(auto, "answerMode"), AlertInfo: flag(auto, "alertInfo"), CallInfo: flag(auto, "callInfo")}
	cfg.NoAnswerTimeout = milliseconds(args, "noAnswerTimeout", 0)
	cfg.FollowRedirects = int(number(args, "followRedirects", 0))
	cfg.Reliable = sipua.Reliable(text(args, "reliable"))
	timer := args.Get("sessionTimer")
	cfg.SessionTimer = sipua.SessionTimer{
		Off:     timer.Type() == js.TypeBoolean && !timer.Bool(),
		Expires: seconds(timer, "expires"), MinSE: seconds(timer, "minSE"),
		Refresher: sipua.Party(text(timer, "refresher")), Method: text(timer, "method"),
	}
	if codecs := args.Get("codecs"); isObject(codecs) {
		cfg.Codecs = sipua.Codecs{Order: readTexts(codecs.Get("order")), Remove: readTexts(codecs.Get("remove"))}
	}
	bandwidth := args.Get("bandwidth")
	cfg.Bandwidth = sipua.Bandwidth{Audio: int(number(bandwidth, "audio", 0)), Video: int(number(bandwidth, "video", 0))}
	cfg.SDP = p.readHook(args.Get("sdp"))
}

// flag reads a boolean property, false when it is none.
func flag(v js.Value, name string) bool { return isObject(v) && v.Get(name).Truthy() }

// readHook lets the page's function see and change session descriptions. It may
// return a promise: the media of that call alone waits, and not beyond its end.
func (p *port) readHook(f js.Value) func(sipua.Description) (string, error) {
	if f.Type() != js.TypeFunction {
		return nil
	}
	return func(d sipua.Description) (string, error) {
		ctx, over := context.WithCancel(context.Background())
		defer over()
		go func() {
			_, _ = d.Call.Ended(ctx) // it ends for one reason or the other
			over()
		}()
		handle, ok := p.known(ctx, d.Call)
		if !ok {
			return "", &sipua.Error{Code: sipua.CodeCanceled, Reason: "the call is over"}
		}
		promise, err := try(func() js.Value { return f.Invoke(handle, d.Local, string(d.Kind), d.SDP) })
		var sdp js.Value
		if err == nil {
			sdp, err = await(ctx, promise, nil)
		}
		switch {
		case err != nil:
			return "", fmt.Errorf("the function sdp: %w", err)
		case sdp.Type() != js.TypeString:
			return "", &sipua.Error{Code: sipua.CodeInvalidArgument, Reason: "the function sdp returned no string: it returns the description, changed or not"}
		}
		return sdp.String(), nil
	}
}
