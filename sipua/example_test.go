//go:build !js

package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// phone is what the examples share: a registered user agent with fake media.
func phone(ctx context.Context, server *sipuatest.Server, user string) *sipua.UserAgent {
	ua, err := sipua.New(sipua.Config{
		URI:         "sip:" + user + "@example.com",
		Servers:     []sipua.Server{{URL: server.URL}},
		Credentials: sipua.Credentials{Password: "secret"},
		Media:       new(sipuatest.Factory).New,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := ua.Register(ctx); err != nil {
		log.Fatal(err)
	}
	return ua
}

// Register and call.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret", "1002": "secret"}})
	defer server.Close()
	bob := phone(ctx, server, "1002")
	defer bob.Close()
	bob.On(func(e sipua.Event) {
		if e, ok := e.(sipua.IncomingCall); ok {
			fmt.Println("call from", e.Call.Remote().User)
			if err := e.Call.Accept(ctx, sipua.AcceptOptions{}); err != nil {
				log.Print(err)
			}
		}
	})

	alice, err := sipua.New(sipua.Config{
		URI:         "sip:1001@example.com",
		Servers:     []sipua.Server{{URL: server.URL}}, // in production "wss://…"
		Credentials: sipua.Credentials{Password: "secret"},
		Media:       new(sipuatest.Factory).New,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := alice.Register(ctx); err != nil {
		log.Fatal(err)
	}
	call, err := alice.Call("1002", sipua.CallOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := call.Answered(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("answered")
	if err := call.Hangup(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(call.State())
	if err := alice.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// call from 1001
	// answered
	// ended
}

// The error says what happened, and its code what to do about it.
func ExampleError() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret"}})
	defer server.Close()
	alice := phone(ctx, server, "1001")
	defer alice.Close()

	call, err := alice.Call("nobody", sipua.CallOptions{})
	if err != nil {
		log.Fatal(err)
	}
	err = call.Answered(ctx)
	var e *sipua.Error
	if errors.Is(err, sipua.ErrRejected) && errors.As(err, &e) {
		fmt.Println(e.Status, e.Reason)
	}
	_, err = alice.Call("1002\r\nX-Evil: yes", sipua.CallOptions{})
	fmt.Println(errors.Is(err, sipua.ErrInvalidArgument))
	// Output:
	// 404 Not Found
	// true
}

// A trace for a developer: what crossed the connection, without secrets.
func ExampleUserAgent_Trace() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret"}})
	defer server.Close()
	alice := phone(ctx, server, "1001")
	traced := make(chan struct{}, 2)
	alice.Trace(func(m sipua.TraceMessage) {
		line, _, _ := strings.Cut(m.Text, "\r\n")
		fmt.Println(m.Direction, line)
		traced <- struct{}{}
	})
	if err := alice.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	for range 2 { // the listener runs beside us
		<-traced
	}
	// Output:
	// out REGISTER sip:example.com SIP/2.0
	// in SIP/2.0 200 OK
}
