package main

import (
	"context"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// Calls: their making and their verbs. Transfers and conferences are in files of
// their own.

// dial makes a call under the facade's handle.
func (p *port) dial(a *agent, args js.Value) (any, error) {
	o, err := p.readCallOptions(args, "call")
	if err != nil {
		return nil, err
	}
	return p.adopt(args, func() (*sipua.Call, error) { return a.ua.Call(text(args, "target"), o) })
}

// restore goes on with a call of a page that was there before.
func (p *port) restore(a *agent, args js.Value) (any, error) {
	return p.adopt(args, func() (*sipua.Call, error) {
		return a.ua.Restore(readSnapshot(args.Get("snapshot")), sipua.CallOptions{Media: mediaOf(args)})
	})
}

// adopt gives the call that begin makes the handle that the facade has for it. The
// lock is held until the handle is known: the call's first events wait for it. So
// begin must not wait for anything but the user agent's own queue.
func (p *port) adopt(args js.Value, begin func() (*sipua.Call, error)) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := begin()
	if err != nil {
		return nil, err
	}
	p.addLocked(c, int(number(args, "call", 0)))
	return callObject(c), nil
}

// callOf finds the call that an argument names by its handle.
func (p *port) callOf(v js.Value, op string) (*sipua.Call, error) {
	if v.Type() != js.TypeNumber {
		return nil, &sipua.Error{Op: op, Code: sipua.CodeInvalidArgument, Reason: "a call is wanted"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.objects[v.Int()].(*sipua.Call)
	if !ok {
		return nil, &sipua.Error{Op: op, Code: sipua.CodeInvalidState, Reason: "the call is over"}
	}
	return c, nil
}

// mediaOf is what the page gave for the media of a call, nil for nothing.
func mediaOf(args js.Value) any {
	if v := args.Get("media"); isObject(v) {
		return v
	}
	return nil
}

// readCallOptions reads the options of a call that is to be made.
func (p *port) readCallOptions(args js.Value, op string) (o sipua.CallOptions, err error) {
	o = sipua.CallOptions{
		Media: mediaOf(args), Anonymous: flag(args, "anonymous"), Privacy: readTexts(args.Get("privacy")),
		PreferredIdentity: text(args, "preferredIdentity"), UserToUser: text(args, "userToUser"), AnswerMode: text(args, "answerMode"),
		LateOffer: flag(args, "lateOffer"), Reliable: sipua.Reliable(text(args, "reliable")),
		NoEarlyMedia:    args.Get("earlyMedia").Type() == js.TypeBoolean && !args.Get("earlyMedia").Bool(),
		NoAnswerTimeout: milliseconds(args, "noAnswerTimeout", 0), FollowRedirects: int(number(args, "followRedirects", 0)),
	}
	if o.Media != nil {
		o.Trickle = sipua.Trickle(text(args.Get("media").Get("ice"), "trickle"))
	}
	if args.Get("followRedirects").Type() == js.TypeNumber && o.FollowRedirects == 0 {
		o.FollowRedirects = -1 // 0 would leave it to the user agent's option
	}
	if v := args.Get("replaces"); !v.IsUndefined() {
		if o.Replaces, err = p.callOf(v, op); err != nil {
			return o, err
		}
	}
	o.Headers, err = readHeaders(args.Get("headers"), op)
	return o, err
}

// callOps are the verbs of a call.
var callOps = map[string]func(*port, context.Context, *sipua.Call, js.Value) (any, error){
	"progress": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		headers, err := readHeaders(args.Get("headers"), "progress")
		if err != nil {
			return nil, err
		}
		return nil, c.Progress(ctx, sipua.ProgressOptions{
			Status: int(number(args, "status", 0)), Reason: text(args, "reason"), Media: args.Get("media").Truthy(), MediaOptions: mediaOf(args),
			Reliable: sipua.Reliable(text(args, "reliable")), Headers: headers,
		})
	},
	"accept": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		headers, err := readHeaders(args.Get("headers"), "accept")
		if err != nil {
			return nil, err
		}
		return nil, c.Accept(ctx, sipua.AcceptOptions{Media: mediaOf(args), Headers: headers})
	},
	"reject": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		headers, err := readHeaders(args.Get("headers"), "reject")
		if err != nil {
			return nil, err
		}
		return nil, c.RejectWith(ctx, sipua.Rejection{
			Status: int(number(args, "status", 0)), Reason: text(args, "reason"), RetryAfter: seconds(args, "retryAfter"), Headers: headers,
		})
	},
	"redirect": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.Redirect(ctx, readTexts(args.Get("targets"))...)
	},
	"hangup": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		r := args.Get("reason")
		if !isObject(r) {
			return nil, c.Hangup(ctx)
		}
		return nil, c.HangupWith(ctx, sipua.Reason{Protocol: text(r, "protocol"), Cause: int(number(r, "cause", 0)), Text: text(r, "text")})
	},
	"hold": func(_ *port, ctx context.Context, c *sipua.Call, _ js.Value) (any, error) { return nil, c.Hold(ctx) },
	"resume": func(_ *port, ctx context.Context, c *sipua.Call, _ js.Value) (any, error) {
		return nil, c.Resume(ctx)
	},
	"mute": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.Mute(ctx, args.Get("mute").Truthy())
	},
	"microphone": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.SetMicrophone(ctx, mediaOf(args))
	},
	"addVideo": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.AddVideo(ctx, sipua.VideoSource{Screen: flag(args, "screen"), Options: args})
	},
	"stopVideo": func(_ *port, ctx context.Context, c *sipua.Call, _ js.Value) (any, error) {
		return nil, c.StopVideo(ctx)
	},
	"removeVideo": func(_ *port, ctx context.Context, c *sipua.Call, _ js.Value) (any, error) {
		return nil, c.RemoveVideo(ctx)
	},
	"restartIce": func(_ *port, ctx context.Context, c *sipua.Call, _ js.Value) (any, error) {
		return nil, c.RestartICE(ctx)
	},
	"refresh": func(_ *port, ctx context.Context, c *sipua.Call, _ js.Value) (any, error) {
		return nil, c.Refresh(ctx)
	},
	"watchConference": func(p *port, _ context.Context, c *sipua.Call, args js.Value) (any, error) {
		return p.subscribing(args, "watchConference", c.WatchConference)
	},
	"dtmf": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.SendDTMF(ctx, text(args, "tones"), sipua.DTMFOptions{
			Method:   sipua.DTMFMethod(text(args, "method")),
			Duration: time.Duration(number(args, "duration", 0)) * time.Millisecond,
			Gap:      time.Duration(number(args, "gap", 0)) * time.Millisecond,
		})
	},
	"info": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		contentType, body, err := readContent(args, "info")
		if err != nil {
			return nil, err
		}
		return nil, c.Info(ctx, sipua.InfoOptions{Package: text(args, "package"), ContentType: contentType, Body: body})
	},
	"callMessage": func(_ *port, ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		o, err := readMessage(args)
		if err != nil {
			return nil, err
		}
		return nil, c.Message(ctx, o)
	},
	"transfer": (*port).transfer,
}

func callObject(c *sipua.Call) map[string]any {
	return object("id", c.ID(), "remote", identityObject(c.Remote()))
}
