package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// newPage serves the page, with an empty program.
func newPage(t *testing.T) *httptest.Server {
	sip := newSIP()
	t.Cleanup(sip.Close)
	h, err := newHandler(newFiles(t), sip)
	require.NoError(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// newFiles loads the page, with an empty program.
func newFiles(t *testing.T) map[string][]byte {
	dir := t.TempDir()
	wasm, script := filepath.Join(dir, "sipwasm.wasm"), filepath.Join(dir, "main.js")
	require.NoError(t, os.WriteFile(wasm, []byte("\x00asm\x01\x00\x00\x00"), 0o600))
	require.NoError(t, os.WriteFile(script, []byte("export {};"), 0o600))
	files, err := load(wasm, script)
	require.NoError(t, err)
	return files
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func TestFiles(t *testing.T) {
	page := newPage(t)
	for name, kind := range map[string]string{
		"/":             "text/html; charset=utf-8",
		"/style.css":    "text/css; charset=utf-8",
		"/main.js":      "text/javascript; charset=utf-8",
		"/icon.svg":     "image/svg+xml",
		"/sipwasm.wasm": "application/wasm",
		"/demo.json":    "application/json",
	} {
		resp, body := get(t, page.URL+name)
		require.Equal(t, http.StatusOK, resp.StatusCode, name)
		require.Equal(t, kind, resp.Header.Get("Content-Type"), name)
		require.NotEmpty(t, body, name)
		policy := resp.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'self'; script-src 'self' 'wasm-unsafe-eval';", name)
		require.NotContains(t, policy, "unsafe-inline", name)
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), name)
		for _, feature := range []string{"microphone", "camera", "display-capture", "fullscreen"} {
			require.Contains(t, resp.Header.Get("Permissions-Policy"), feature+"=(self)", name)
		}

		again, _ := get(t, page.URL+name, "If-None-Match", resp.Header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, again.StatusCode, "%s: a reload costs nothing", name)
	}
	for _, name := range []string{"/nothing", "/page/main.ts", "/../go.mod"} {
		resp, _ := get(t, page.URL+name)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, name)
	}
}

// The policy above forbids these, and a page that has them is half dead.
func TestPageHasNothingInline(t *testing.T) {
	html := strings.ToLower(string(indexHTML))
	for _, bad := range []string{"<style", "style=", "<script>", "onclick=", "onload=", "javascript:", "http://", "https://"} {
		require.NotContains(t, html, bad)
	}
}

func TestOnePortForPageAndSIP(t *testing.T) {
	page := newPage(t)
	c, err := sipua.WebSocket{}.Dial(t.Context(), strings.Replace(page.URL, "http", "ws", 1)+"/ws")
	require.NoError(t, err)
	defer c.Close(1000, "")

	request := func(method, user string) string {
		require.NoError(t, c.Write([]byte(strings.Join([]string{
			method + " sip:" + user + "@sipwasm.example SIP/2.0",
			"Via: SIP/2.0/WS tab.invalid;branch=z9hG4bK" + method + user,
			"From: <sip:1001@sipwasm.example>;tag=a",
			"To: <sip:" + user + "@sipwasm.example>",
			"Call-ID: " + method + user,
			"CSeq: 1 " + method,
			"Contact: <sip:1001@tab.invalid;transport=ws>",
			"Max-Forwards: 70",
			"Content-Length: 0",
			"", "",
		}, "\r\n"))))
		message, err := c.Read()
		require.NoError(t, err)
		return string(message)
	}
	for _, a := range demo.Accounts {
		challenge := request("REGISTER", a.User)
		require.Contains(t, challenge, "SIP/2.0 401 ")
		require.Contains(t, challenge, `realm="sipwasm.example"`)
	}
	require.Contains(t, request("OPTIONS", "echo"), "SIP/2.0 ")
}

func TestEchoRefusesWhatItCannotAnswer(t *testing.T) {
	_, session, err := answerEcho(t.Context(), sipuatest.ExtensionCall{Offer: "v=0\r\n"})
	require.Nil(t, session)
	var status *sipuatest.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 488, status.Status)
}

func TestListenTakesAnotherPort(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer first.Close()
	second, err := listen(first.Addr().String())
	require.NoError(t, err)
	defer second.Close()
	require.NotEqual(t, first.Addr().String(), second.Addr().String())

	_, err = listen("127.0.0.1:nonsense")
	require.Error(t, err, "only a port in use has a way out")
}

// A browser keeps its WebSocket for as long as it is let.
func TestServeEndsWithItsContext(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	files := newFiles(t)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, files) }()
	resp, _ := get(t, "http://"+l.Addr().String()+"/")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	c, err := sipua.WebSocket{}.Dial(t.Context(), "ws://"+l.Addr().String()+"/ws")
	require.NoError(t, err)
	defer c.Close(1000, "")

	cancel()
	require.NoError(t, <-ended, "to be told to end is no failure")
	_, err = c.Read()
	require.Error(t, err, "the WebSocket is closed")
	again, err := net.Listen("tcp", l.Addr().String())
	require.NoError(t, err, "the port is free again")
	require.NoError(t, again.Close())
}

func TestServeTellsWhyItCannot(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, serve(t.Context(), l, newFiles(t)), net.ErrClosed)
}
