// Package sipua is a SIP user agent over WebSocket (RFC 3261, RFC 7118): it
// registers an address, makes and takes calls, puts them on hold, subscribes to
// states of others and tells its own, and sends messages. It runs in native Go
// and, compiled to WebAssembly, in a browser page, whose own RTCPeerConnection
// then carries the sound.
//
// # A call
//
//	ua, err := sipua.New(sipua.Config{
//		URI:         "sip:1001@example.com",
//		Servers:     []sipua.Server{{URL: "wss://example.com/ws"}},
//		Credentials: sipua.Credentials{Password: "…"},
//		Media:       media, // a MediaFactory
//	})
//	if err != nil { … }
//	defer ua.Shutdown(ctx)
//	if err := ua.Register(ctx); err != nil { … }  // optional: to be called
//	call, err := ua.Call("1002", sipua.CallOptions{})
//	if err != nil { … }
//	if err := call.Answered(ctx); err != nil { … } // busy, rejected, timeout, …
//	err = call.Hangup(ctx)
//
// New touches no network. Register and Call open the connection when there is
// none. What Register was asked for lasts until Unregister: see below.
//
// # Two seams
//
// The package does neither input nor output of its own. It has two seams:
//
//   - [Transport] carries whole SIP messages. Native Go has [WebSocket], which is
//     the default.
//   - [Media] is the offer/answer side of one peer connection. The user agent
//     moves session descriptions as text between it and the network, in the
//     order that RFC 3264 allows, and never looks at a codec or a candidate.
//     There is no default: Config.Media nil means registration without calls.
//
// Package sipuatest has both for tests: an in-memory transport at whose other
// end the test plays the server, a server, and media as strict as a browser's.
//
// # One owner
//
// A [UserAgent] has one goroutine that owns all its state. What arrives from the
// network, timers and every verb enter its queue and are handled one after the
// other. So all methods may be called from any goroutine; verbs are done in the
// order in which they were called, as far as one goroutine can tell; accessors
// such as [Call.State] never wait.
//
// A verb that takes a context waits for the other side's answer. When the context
// ends first, the verb returns CodeTimeout or CodeCanceled, and what was begun
// goes on: it is [Call.Hangup] that ends a call, not the context of Accept.
//
// [UserAgent.Shutdown] hangs up, unregisters and closes; [UserAgent.Close] does
// not wait for anybody. After either of them no goroutine is left behind, once
// the media has let go of its context.
//
// # Events
//
// Events are facts, told by [UserAgent.On] one at a time in the order in which
// they came to be:
//
//	ua.On(func(e sipua.Event) {
//		switch e := e.(type) {
//		case sipua.IncomingCall:
//			fmt.Println("call from", e.Call.Remote().User)
//		case sipua.CallEnded:
//			fmt.Println("over:", e.By, e.Status, e.Reason)
//		}
//	})
//
// Listeners run in a goroutine of their own: they may call verbs and wait for
// them, and a slow one holds up the events behind it and nothing else. When a
// thousand wait, traces, [ProtocolError] and [CallRinging] are dropped, how many is
// told, and requests that would make more events are refused with 503.
// [CallEnded] is the last event of a call and comes once for each call, whatever
// happens to it. [UserAgent.Trace] tells the SIP messages themselves, with the
// secrets in them masked.
//
// # Errors
//
// Every error is an [*Error]. Its Code is for programs, Status and Reason are the
// SIP response, where there was one, and Err is the cause. Sentinels compare by
// code:
//
//	err := call.Answered(ctx)
//	switch {
//	case errors.Is(err, sipua.ErrRejected): // err.(*sipua.Error).Status: 486, 404, …
//	case errors.Is(err, sipua.ErrMediaDenied): // no microphone
//	case errors.Is(err, sipua.ErrConnectionLost):
//	}
//
// No error, event or trace holds a password, a digest response or a token; of a
// server's URL they show neither query nor user.
//
// # Staying reachable
//
// A registration is a wish that outlives its connection. While something wants
// one (Register, Connect, a call, a request that may be sent again) a connection
// that is lost is made again, and each step is told:
//
//	what happens                            events
//	the socket closes, or the server gave   Disconnected, Unregistered
//	no sign of life in time
//	the next attempt is waited for          Reconnecting (attempt, delay)
//	a server takes the connection           Connected
//	the registrar takes the binding         Registered
//	it does not, for now or for good        RegistrationFailed (RetryIn, Final)
//
// [Config].Servers says where to connect and in which order, Reconnect how long to
// wait (RFC 5626 section 4.5), KeepAlive how a dead connection is noticed. A user
// agent on a server that is not the preferred one goes back while nothing is under
// way. A server that answers REGISTER with 503 is left for the next one, and for as
// long as its Retry-After says. [UserAgent.NetworkChanged] makes all of this quick
// where the platform knows about its network.
//
// Requests that are under way when the connection is lost are sent again over the
// next one when that does no harm: REGISTER, and BYE and OPTIONS up to three times,
// since they may be what the server stumbles over. Others end with
// CodeConnectionLost.
//
// A registration names the flow (RFC 5626 outbound), asks for a GRUU (RFC 5627),
// which then is the Contact of calls, and takes a Service-Route (RFC 3608) for
// them. Config.Flows keeps several flows registered at once where the registrar
// supports it.
//
// # States of a call
//
//	state        direction  meaning                                what ends it
//	preparing    outgoing   the offer and the connection are made  Hangup: nothing has been sent
//	calling      outgoing   INVITE sent, nobody rings yet          Hangup: CANCEL after the first response
//	ringing      outgoing   a 18x came, perhaps with early media   Hangup: CANCEL
//	ringing      incoming   180 sent, the program decides          Reject, Hangup: 603, the caller's CANCEL
//	answering    incoming   Accept was called, the media answers   Reject, Hangup, the caller's CANCEL
//	accepted     incoming   200 sent, its ACK is awaited           Hangup: BYE after the ACK
//	established  both       talk                                   Hangup: BYE, the other side's BYE
//	canceling    both       Hangup waits for what SIP wants first
//	ended        both       over, for good
//
// A lost connection ends a call that is not answered. One that is answered goes
// on: its sound does not need the connection, and the next verb opens another. The
// exception is an incoming call whose 200 has not been acknowledged yet: the ACK
// cannot arrive any more, and the call ends after 32 s (RFC 3261 section 13.3.1.4).
//
// # Transfer
//
// [Call.Transfer] asks the other side to call somebody else (REFER, RFC 3515), and
// [Call.TransferTo] to take the place of another call of ours at its other side.
// [TransferProgress] tells how that goes, [Transfer.Done] what became of it. A
// transfer that succeeds ends the calls, one that fails leaves them.
//
//	t, err := call.Transfer(ctx, "1003", sipua.TransferOptions{})
//	if err != nil { … } // 405: the other side knows no REFER
//	_, err = t.Done(ctx) // 486: 1003 is busy, and the call goes on
//
// The other way round, [CallReferred] and [ReferralReceived] tell of a REFER to us.
// Nothing is called before [Referral.Accept]. An INVITE that takes the place of a call
// (Replaces, RFC 3891) is accepted by itself, since the person talks already; it is the
// event [CallReplaced]. Config.ManualReplaces leaves that to the program.
//
// # Subscriptions and messages
//
// [UserAgent.Subscribe] keeps a subscription (RFC 6665) to somebody's presence,
// waiting messages or calls alive: it is refreshed, taken up again after a lost
// connection, and made anew where the notifier or the RFC wants that. [Notified]
// brings each state; [SubscriptionEnded] is the last event and says why.
//
//	s, err := ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
//	if err := s.Active(ctx); err != nil { … } // 489: not known there
//	…
//	err = s.Unsubscribe(ctx)
//
// The other way round, Config.EventPackages lets others subscribe to us: each
// comes as [IncomingSubscription], and its [Notifier] tells them. A state that a
// server tells for us goes there by [UserAgent.Publish] (RFC 3903).
//
// [UserAgent.Message] sends a message (RFC 3428) and [IncomingMessage] brings one;
// [Call.Message] and [Call.Info] go inside a call, as [CallMessage] and
// [CallInfo] do. [UserAgent.Options] asks what the other side can do.
//
// What comes in by any of these is text of strangers. A listener that lets a
// thousand events wait makes the next ones be refused with 503 and Retry-After,
// so that they cannot fill the memory.
//
// # Wasm
//
// The package compiles with GOOS=js GOARCH=wasm and does not import syscall/js.
// There it has no default Transport; the program in the directory wasm brings one
// over the page's WebSocket, and media over its RTCPeerConnection, and offers the
// verbs of this package to JavaScript. Goroutines work as everywhere, on the
// page's one thread. A function that JavaScript calls must not wait for a verb;
// it starts a goroutine for it, and [WithQueued] keeps the order of the calls.
//
// # Calls
//
// An outgoing call is made by [UserAgent.Call], an incoming one comes as [IncomingCall].
// What the application may do, and what it is told:
//
//	before the answer    Progress, Accept, Reject, RejectWith, Redirect, Hangup
//	in the call          Hold, Resume, Mute, AddVideo, RemoveVideo, SendDTMF, Info, Message, RestartICE, Refresh
//	to somebody else     Transfer, TransferTo, Consult, Return, UserAgent.Swap, UserAgent.Conference
//	after a reload       Snapshot, UserAgent.Restore
//
// Offers and answers (RFC 3264) go in every place that RFC 6337 has for them: INVITE, its
// reliable provisional responses (RFC 3262), 2xx, ACK, PRACK and UPDATE (RFC 3311). One is
// open at a time. What the application asks for meanwhile waits for its turn; when both
// sides offer at once, each waits as RFC 3261 section 14.1 says and tries again; a refusal
// takes the media back to where it was and leaves the call alone.
//
// The verbs of a call-centre desktop, such as that of a CTI server, are calls of this
// package:
//
//	verb                  call of this package
//	makecall              ua.Call(number, CallOptions{})
//	answer                call.Accept(ctx, AcceptOptions{})
//	hold                  call.Hold(ctx)
//	retrieve              call.Resume(ctx)
//	hangup                call.Hangup(ctx)
//	consultation          second, err := call.Consult(ctx, number, CallOptions{})
//	reconnect             second.Return(ctx, call)
//	transfer              call.TransferTo(ctx, second, TransferOptions{}); blind: call.Transfer(ctx, number, …)
//	conference            conference, err := ua.Conference(ctx, call, second)
//	dropparty             second.Hangup(ctx); to keep talking to it apart: conference.Drop(ctx, second)
//	senddtmf              call.SendDTMF(ctx, digits, DTMFOptions{})
//	deflect               call.Redirect(ctx, number)
//	page reload           snapshot, ok := call.Snapshot(); then ua.Restore(snapshot, CallOptions{})
//
// A call that lost its connection to the server or to the other side is recovered by
// itself: see [CallRecovering].
package sipua
