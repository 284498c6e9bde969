//go:build !js

package sipuatest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Two user agents call each other through a server of the test's own.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret", "1002": "secret"}})
	defer server.Close()
	media := &sipuatest.Factory{}

	register := func(user string, onEvent func(sipua.Event)) *sipua.UserAgent {
		ua, err := sipua.New(sipua.Config{
			URI:         "sip:" + user + "@example.com",
			Servers:     []sipua.Server{{URL: server.URL}},
			Credentials: sipua.Credentials{Password: "secret"},
			Media:       media.New,
			OnEvent:     onEvent,
		})
		if err != nil {
			log.Fatal(err)
		}
		if err := ua.Register(ctx); err != nil {
			log.Fatal(err)
		}
		return ua
	}
	alice := register("1001", nil)
	defer alice.Close()
	bob := register("1002", func(e sipua.Event) {
		if e, ok := e.(sipua.IncomingCall); ok {
			go e.Call.Accept(ctx, sipua.AcceptOptions{})
		}
	})
	defer bob.Close()

	call, err := alice.Call("1002", sipua.CallOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := call.Answered(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("answered,", media.For(call).Direction())
	if err := call.Hold(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("held,", media.For(call).Direction())
	if err := call.Hangup(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(call.State())
	// Output:
	// answered, sendrecv
	// held, sendonly
	// ended
}
