package sipua_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// said is what a registrar answers to one attempt, and the password that the attempt
// must have had: "" for none.
type said struct {
	had    string
	answer string // "challenge", "stale", "200", "403", "404"
}

// Every cell of the table in auth.go, seen from the registrar. A known realm has
// taken the password of an earlier REGISTER. The passwords of CredentialsFor are
// "one", "two" and so on, as often as it is asked.
func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		known, callback bool
		steps           []said
		asked           int // of CredentialsFor
		want            sipua.Code
	}{
		"unasked, challenge":                  {steps: []said{{"", "challenge"}, {"pw", "200"}}},
		"unasked, stale":                      {steps: []said{{"", "stale"}, {"pw", "200"}}},
		"unasked, challenge, callback":        {callback: true, steps: []said{{"", "challenge"}, {"one", "200"}}, asked: 1},
		"preemptive, taken":                   {known: true, steps: []said{{"pw", "200"}}},
		"preemptive, challenge":               {known: true, steps: []said{{"pw", "challenge"}, {"pw", "200"}}},
		"preemptive, stale":                   {known: true, steps: []said{{"pw", "stale"}, {"pw", "200"}}},
		"preemptive, challenge, callback":     {known: true, callback: true, steps: []said{{"one", "challenge"}, {"one", "200"}}, asked: 1},
		"preemptive, then wrong":              {known: true, steps: []said{{"pw", "challenge"}, {"pw", "challenge"}}, want: sipua.CodeUnauthorized},
		"preemptive, then wrong, callback":    {known: true, callback: true, steps: []said{{"one", "challenge"}, {"one", "challenge"}, {"two", "200"}}, asked: 2},
		"answered, challenge":                 {steps: []said{{"", "challenge"}, {"pw", "challenge"}}, want: sipua.CodeUnauthorized},
		"answered, challenge, callback":       {callback: true, steps: []said{{"", "challenge"}, {"one", "challenge"}, {"two", "200"}}, asked: 2},
		"answered, stale":                     {steps: []said{{"", "challenge"}, {"pw", "stale"}, {"pw", "200"}}},
		"answered, stale, callback":           {callback: true, steps: []said{{"", "challenge"}, {"one", "stale"}, {"one", "200"}}, asked: 1},
		"answered, stale, then wrong":         {steps: []said{{"", "challenge"}, {"pw", "stale"}, {"pw", "challenge"}}, want: sipua.CodeUnauthorized},
		"retried, challenge":                  {callback: true, steps: []said{{"", "challenge"}, {"one", "challenge"}, {"two", "challenge"}}, asked: 2, want: sipua.CodeUnauthorized},
		"retried, stale":                      {callback: true, steps: []said{{"", "challenge"}, {"one", "challenge"}, {"two", "stale"}, {"two", "200"}}, asked: 2},
		"answered, another failure":           {steps: []said{{"", "challenge"}, {"pw", "404"}}, want: sipua.CodeRejected},
		"answered, 403 to what never worked":  {callback: true, steps: []said{{"", "challenge"}, {"one", "403"}}, asked: 1, want: sipua.CodeRejected},
		"preemptive, 403 to what worked once": {known: true, callback: true, steps: []said{{"one", "403"}}, asked: 1, want: sipua.CodeRejected},
		"stale for ever":                      {steps: []said{{"", "stale"}, {"pw", "stale"}, {"pw", "stale"}, {"pw", "stale"}, {"pw", "stale"}, {"pw", "stale"}}, want: sipua.CodeUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			play(t, func(w *world) {
				nonce, used := 0, 0
				run := func(steps []said) error {
					done := begin(func() error { return w.ua.Register(w.Context()) })
					for _, s := range steps {
						req := w.ExpectRequest(w.T, "REGISTER")
						if s.had == "" {
							require.Empty(w, values(req, "Authorization"))
						} else {
							used++
							p := checkDigest(w.T, req, "Authorization", "1001", s.had)
							require.Equal(w, fmt.Sprint("n", nonce), p["nonce"], "the newest nonce")
							require.Equal(w, fmt.Sprintf("%08x", used), p["nc"])
						}
						switch s.answer {
						case "challenge", "stale":
							nonce, used = nonce+1, 0
							w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="n%d", qop="auth", stale=%t`, nonce, s.answer == "stale")))
						case "200":
							w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
						case "403":
							w.Respond(req, 403, "Forbidden")
						case "404":
							w.Respond(req, 404, "Not Found")
						}
					}
					return done()
				}
				if c.known {
					first := "pw"
					if c.callback {
						first = "one"
					}
					require.NoError(w, run([]said{{"", "challenge"}, {first, "200"}}))
				}
				err := run(c.steps)
				require.Equal(w, string(c.want), code(err), "%v", err)
				require.Equal(w, c.asked, asked)
				w.ExpectNothing(w.T, time.Minute)

				// What comes next tells what was learned.
				last, used1 := c.steps[len(c.steps)-1], used
				switch {
				case c.want == "" || last.answer == "404": // it was taken: also a failure may follow it
					used = used1
					require.NoError(w, run([]said{{last.had, "200"}}))
				case last.answer == "403" && c.known:
					require.NoError(w, run([]said{{"", "challenge"}, {"one", "200"}}), "nobody is asked again")
					require.Equal(w, 1, asked)
				case c.callback:
					require.NoError(w, run([]said{{"", "challenge"}, {[]string{"", "two", "three"}[asked], "200"}}), "asked anew")
				default:
					require.NoError(w, run([]said{{"", "challenge"}, {"pw", "200"}}))
				}
			}, func(cfg *sipua.Config) {
				cfg.Credentials = sipua.Credentials{Password: "pw"}
				if c.callback {
					cfg.CredentialsFor = func(_ context.Context, ch sipua.Challenge) (sipua.Credentials, error) {
						asked++
						want := sipua.Challenge{Scheme: "Digest", Realm: "r", Algorithms: []string{"MD5"}, Host: "example.com", Target: "sip:example.com", Retry: asked == 2 && c.steps[len(c.steps)-1].answer != "403"}
						if asked < 3 && want.Retry {
							require.Equal(t, want, ch)
						}
						return sipua.Credentials{Password: []string{"", "one", "two", "three"}[asked]}, nil
					}
				}
			})
		})
	}
}
