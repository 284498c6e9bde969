// Package sipuatest is for testing programs that use package sipua, without a
// network, a browser or a microphone. There are five tools; take as few of them
// as the test needs.
//
// [NewPipe] is an in-memory [sipua.Transport] at whose other end the test is the
// SIP server and says what happens, message for message. It has no goroutine and
// works inside testing/synctest, where half an hour of timers takes no time:
//
//	func TestRegistrationIsRefreshed(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			transport, peer := sipuatest.NewPipe()
//			ua, err := sipua.New(sipua.Config{
//				URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, Transport: transport,
//			})
//			if err != nil {
//				t.Fatal(err)
//			}
//			defer ua.Close()
//			go ua.Register(t.Context())
//
//			first := peer.ExpectRequest(t, "REGISTER")
//			peer.Respond(first, 200, "OK", first.Contact(), sip.NewHeader("Expires", "600"))
//			peer.Timeout = 600 * time.Second // fake time
//			second := peer.ExpectRequest(t, "REGISTER")
//			peer.Respond(second, 200, "OK", second.Contact(), sip.NewHeader("Expires", "600"))
//		})
//	}
//
// A user agent may have several connections at a time: [Peer.On], [Peer.Conn] and
// [Peer.Of] are views of the peer that concern some of them. [Peer.HalfOpen]
// makes a connection one that nobody is at the other end of, [Peer.HoldDials] a
// server that does not answer.
//
// [NewServer] is a SIP registrar and proxy over WebSocket, in the manner of
// net/http/httptest. [Options] says what it does: digest and bearer tokens, flows
// and GRUUs (RFC 5626, RFC 5627), Path and Service-Route, and the event packages
// that it notifies by itself. [Server.Next] and [Server.Intercept] are for delays,
// losses and error responses, [Server.InterceptResponses] for what clients answer,
// [Server.DropConnections], [Server.HalfOpen] and [Server.Restart] for what happens
// to networks. [Server.Transport] reaches it without one, inside a synctest bubble
// too:
//
//	server := sipuatest.NewServer(sipuatest.Options{InMemory: true, Accounts: map[string]string{"1001": "secret"}})
//	defer server.Close()
//	ua, err := sipua.New(sipua.Config{
//		URI: "sip:1001@example.com", Credentials: sipua.Credentials{Password: "secret"},
//		Servers: []sipua.Server{{URL: server.URL}}, Transport: server.Transport(),
//	})
//
// [Phone] is a scripted telephone on such a server, for tests of calls: it rings,
// answers, offers, refers and hangs up as the test says.
//
//	bob := sipuatest.NewPhone(t, server, "1002")
//	bob.Register()
//	call, err := ua.Call("1002", sipua.CallOptions{})
//	in := bob.ExpectCall()
//	in.Progress(180, sipuatest.PhoneProgress{})
//	in.Answer()
//
// The server and its phones are not there under GOOS=js, where nothing can listen.
//
// [Factory] and [Media] are fake media: no sound, but the signalling states,
// session descriptions and refusals of a browser's RTCPeerConnection, with video,
// lost connections, received tones and mixed sound as the test wants them.
//
// [Ladder] is what a pipe, or a transport wrapped by [Record], has exchanged: as
// a short diagram for failures, and as normalised text for golden files.
package sipuatest
