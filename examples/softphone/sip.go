package main

import (
	"context"

	"github.com/sipwasm/sipwasm/examples/internal/echo"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// newSIP makes the server that the page registers with: the test kit's, with the
// demo's accounts and the extension echo.
func newSIP() *sipuatest.Server {
	accounts := map[string]string{}
	for _, a := range demo.Accounts {
		accounts[a.User] = demo.Password
	}
	s := sipuatest.NewUnstartedServer(sipuatest.Options{
		Domain:    demo.Domain,
		Accounts:  accounts,
		Algorithm: "SHA-256,MD5",
	})
	s.Handle("echo", answerEcho)
	return s
}

func answerEcho(ctx context.Context, call sipuatest.ExtensionCall) (string, sipuatest.ExtensionSession, error) {
	session, answer, err := echo.Answer(ctx, call.Offer)
	if err != nil {
		return "", nil, &sipuatest.StatusError{Status: 488, Reason: "Not Acceptable Here"}
	}
	return answer, echoCall{session}, nil
}

type echoCall struct{ session *echo.Session }

func (c echoCall) Reoffer(ctx context.Context, offer string) (string, error) {
	return c.session.Reanswer(ctx, offer)
}

func (c echoCall) End() { c.session.Close() }
