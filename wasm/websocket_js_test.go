package main

import (
	"context"
	"errors"
	"strings"
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

const server = "wss://sip.example.com/ws"

// dial begins a connection and returns the page's socket, still connecting.
func (p page) dial(ctx context.Context) (wait func() (sipua.Conn, error), ws js.Value) {
	p.t.Helper()
	wait = begin(p.t, func() (sipua.Conn, error) { return sockets{host: p.Value}.Dial(ctx, server) })
	settle(p.t)
	return wait, p.only("sockets")
}

// open makes a connection that is open.
func (p page) open() (sipua.Conn, js.Value) {
	p.t.Helper()
	wait, ws := p.dial(context.Background())
	require.True(p.t, ws.Call("accept").Bool())
	conn, err := wait()
	require.NoError(p.t, err)
	return conn, ws
}

func requireClosed(t *testing.T, err error, code int, reason string) {
	t.Helper()
	var closed *sipua.CloseError
	require.ErrorAs(t, err, &closed)
	require.Equal(t, sipua.CloseError{Code: code, Reason: reason}, *closed)
}

func bytesOf(array js.Value) []byte {
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}

func arrayOf(b []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}

func TestSocketAsksForSIP(t *testing.T) {
	p := newPage(t)
	_, ws := p.open()
	require.Equal(t, server, ws.Get("url").String())
	require.Equal(t, 1, ws.Get("protocols").Length())
	require.Equal(t, "sip", ws.Get("protocol").String())
	require.Equal(t, "arraybuffer", ws.Get("binaryType").String())
}

// The reason for a socket of our own: what arrives just before a close is read
// before the close is, and the close keeps its code.
func TestSocketReadsEverythingBeforeTheClose(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	messages := []string{"BYE sip:a SIP/2.0\r\n\r\n", "", "SIP/2.0 200 OK\r\n\r\n", "\r\n\r\n"}
	for _, m := range messages {
		ws.Call("deliver", m)
	}
	ws.Call("end", 4403, "policy: go away")
	for _, want := range messages {
		got, err := conn.Read()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for range 2 { // and every time it is asked again
		_, err := conn.Read()
		requireClosed(t, err, 4403, "policy: go away")
	}
}

func TestSocketReadWaits(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	read := begin(t, conn.Read)
	settle(t)
	ws.Call("deliver", "late")
	got, err := read()
	require.NoError(t, err)
	require.Equal(t, "late", string(got))

	read = begin(t, conn.Read)
	settle(t)
	ws.Call("fail")
	_, err = read()
	requireClosed(t, err, 1006, "")
}

func TestSocketFrames(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	binary := []byte{0xff, 0x00, 'S', 'I', 'P'}
	ws.Call("deliver", "Grüße, 世界")
	ws.Call("deliver", arrayOf(binary))
	for _, want := range []string{"Grüße, 世界", string(binary)} {
		got, err := conn.Read()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}

	require.NoError(t, conn.Write([]byte("Grüße")))
	require.NoError(t, conn.Write(binary)) // not UTF-8
	sent := ws.Get("sent")
	require.Equal(t, 2, sent.Length())
	require.Equal(t, js.TypeString, sent.Index(0).Type(), "valid UTF-8 leaves as text")
	require.Equal(t, "Grüße", sent.Index(0).String())
	require.Equal(t, binary, bytesOf(sent.Index(1)))
}

func TestSocketDialGivenUp(t *testing.T) {
	p := newPage(t)
	cause := errors.New("no more patience")
	ctx, cancel := context.WithCancelCause(context.Background())
	wait, ws := p.dial(ctx)
	cancel(cause)
	_, err := wait()
	require.ErrorIs(t, err, cause)
	require.Equal(t, 1, ws.Get("closes").Length(), "closed while it connects")
	require.False(t, ws.Call("accept").Bool(), "the socket must not open afterwards")
	require.Zero(t, ws.Call("listening").Int())
	settle(t)
	require.Equal(t, 3, ws.Get("readyState").Int())
	p.requireReleased()
}

func TestSocketRefused(t *testing.T) {
	p := newPage(t)
	wait, ws := p.dial(context.Background())
	ws.Call("fail")
	_, err := wait()
	requireClosed(t, err, 1006, "")
	require.ErrorContains(t, err, server)
	require.Zero(t, ws.Call("listening").Int())
	p.requireReleased()
}

func TestSocketConstructorThrows(t *testing.T) {
	for name, dial := range map[string]func(p page) (sipua.Conn, error){
		"SecurityError": func(p page) (sipua.Conn, error) {
			p.Set("refuseSockets", "SecurityError")
			return sockets{host: p.Value}.Dial(context.Background(), "ws://sip.example.com")
		},
		"SyntaxError": func(p page) (sipua.Conn, error) {
			return sockets{host: p.Value}.Dial(context.Background(), "wss://sip.example.com/#fragment")
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(newPage(t))
			require.ErrorContains(t, err, "sip.example.com")
			require.Equal(t, name, exceptionName(err))
		})
	}
	t.Run("no WebSocket at all", func(t *testing.T) {
		_, err := sockets{host: js.ValueOf(map[string]any{})}.Dial(context.Background(), server)
		require.ErrorContains(t, err, server)
	})
}

// What the facade throws in the browser's place is its own error, and it names no
// address: that may hold a secret, with which the flow would drop the whole error.
func TestSocketRefusedByThePage(t *testing.T) {
	p := newPage(t)
	p.Set("WebSocket", js.Global().Get("Function").New(`return class {
		constructor() { throw Object.assign(new Error("use wss"), { name: "SipError" }); }
	}`).Invoke())
	_, err := sockets{host: p.Value}.Dial(context.Background(), "ws://sip.example.com/?token=secret")
	require.EqualError(t, err, "JavaScript error: use wss")
	require.Equal(t, "SipError", exceptionName(err))
}

func TestSocketServerDoesNotRead(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	ws.Set("bufferedAmount", maxUnsent)
	require.NoError(t, conn.Write([]byte("the last one that is taken")))
	ws.Set("bufferedAmount", maxUnsent+1)
	require.ErrorContains(t, conn.Write([]byte("one too many")), "does not read")
	require.Equal(t, 1, ws.Get("sent").Length())
	require.Equal(t, 2, ws.Get("readyState").Int(), "the socket closes")
	_, err := conn.Read()
	requireClosed(t, err, 1008, "")
}

func TestSocketUnreadIsBounded(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	piece := strings.Repeat("x", 1<<20)
	for range maxUnread >> 20 {
		ws.Call("deliver", piece)
	}
	settle(t)
	require.Equal(t, 1, ws.Get("readyState").Int(), "as much as is allowed")
	ws.Call("deliver", "x")
	settle(t)
	require.GreaterOrEqual(t, ws.Get("readyState").Int(), 2, "more than is allowed")
	for range maxUnread>>20 + 1 {
		_, err := conn.Read()
		require.NoError(t, err, "what has arrived is read all the same")
	}
	_, err := conn.Read()
	requireClosed(t, err, 1008, "too much unread")
}

// Each message costs memory, an empty one too.
func TestSocketUnreadEmptyMessagesAreBounded(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	empty := js.ValueOf("")
	for range maxUnread / 16 {
		if ws.Get("readyState").Int() != 1 {
			break
		}
		conn.(*socket).arrived(empty) // what the listener does, without a million events
	}
	require.NotEqual(t, 1, ws.Get("readyState").Int(), "a flood of empty messages is a flood")
}

func TestSocketClose(t *testing.T) {
	type closed struct {
		code   js.Value
		reason string
	}
	for name, c := range map[string]struct {
		code   int
		reason string
		want   closed
	}{
		"normal":              {1000, "bye", closed{js.ValueOf(1000), "bye"}},
		"of the application":  {4000, "", closed{js.ValueOf(4000), ""}},
		"of the protocol":     {1008, "policy", closed{js.Undefined(), ""}}, // pages may not name it
		"going away":          {1001, "", closed{js.Undefined(), ""}},
		"beyond the last":     {5000, "", closed{js.Undefined(), ""}},
		"below the libraries": {2999, "", closed{js.Undefined(), ""}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			conn, ws := p.open()
			read := begin(t, conn.Read)
			settle(t)
			conn.Close(c.code, c.reason)
			conn.Close(1000, "again") // does nothing
			require.Equal(t, 1, ws.Get("closes").Length())
			got := ws.Get("closes").Index(0)
			require.True(t, c.want.code.Equal(got.Get("code")), "code %v", got.Get("code"))
			require.Equal(t, c.want.reason, got.Get("reason").String())
			_, err := read()
			requireClosed(t, err, c.code, c.reason)
			require.Zero(t, ws.Call("listening").Int())
			require.Error(t, conn.Write([]byte("after the end")))
			require.Zero(t, ws.Get("sent").Length())
			settle(t) // the browser's own close event finds nobody
			p.requireReleased()
		})
	}
}

// The browser throws when a reason is longer than a close frame takes (RFC 6455
// section 5.5); the socket must not stay open for that.
func TestSocketCloseWithALongReason(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	conn.Close(1000, strings.Repeat("ü", 62))
	require.NotEqual(t, 1, ws.Get("readyState").Int())
}

func TestSocketWriteWhileTheServerCloses(t *testing.T) {
	p := newPage(t)
	conn, ws := p.open()
	ws.Set("readyState", 2) // the close frame came, its event has not
	require.ErrorContains(t, conn.Write([]byte("lost")), "not open")
	require.Zero(t, ws.Get("bufferedAmount").Int())

	ws.Call("end", 1001, "restart")
	require.Error(t, conn.Write([]byte("lost")))
	_, err := conn.Read()
	requireClosed(t, err, 1001, "restart")
	require.Zero(t, ws.Call("listening").Int())
	p.requireReleased()
}
