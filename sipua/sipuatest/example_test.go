//go:build !js

package sipuatest_test

import (
	"context"
	"fmt"
	"log"
	"strings"
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

// A registrar that refuses flows, reached without a network. The request is
// written by hand here; a user agent would be given the transport.
func ExampleServer_Transport() {
	server := sipuatest.NewServer(sipuatest.Options{
		InMemory: true,
		Accounts: map[string]string{"1001": ""},
		Outbound: sipuatest.OutboundRefused,
	})
	defer server.Close()
	conn, err := server.Transport().Dial(context.Background(), server.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(1000, "")

	register := func(seq int) {
		message := strings.Join([]string{
			"REGISTER sip:example.com SIP/2.0",
			fmt.Sprintf("Via: SIP/2.0/WS a.invalid;branch=z9hG4bK%d", seq),
			"From: <sip:1001@example.com>;tag=a",
			"To: <sip:1001@example.com>",
			"Call-ID: example",
			fmt.Sprintf("CSeq: %d REGISTER", seq),
			`Contact: <sip:1001@a.invalid;transport=ws>;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000000a>"`,
			"Supported: outbound",
			"Content-Length: 0",
			"", "",
		}, "\r\n")
		if err := conn.Write([]byte(message)); err != nil {
			log.Fatal(err)
		}
		answer, err := conn.Read()
		if err != nil {
			log.Fatal(err)
		}
		line, _, _ := strings.Cut(string(answer), "\r\n")
		fmt.Println(line)
	}
	register(1)
	server.Configure(func(o *sipuatest.Options) { o.Outbound = sipuatest.OutboundSupported })
	register(2)
	fmt.Println(server.Contacts("1001"))
	// Output:
	// SIP/2.0 439 First Hop Lacks Outbound Support
	// SIP/2.0 200 OK
	// [sip:1001@a.invalid;transport=ws]
}
