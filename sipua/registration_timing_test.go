package sipua_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Browsers wake a hidden page as rarely as once a minute: a refresh whose timer
// fires 60 s late comes before the end all the same.
func TestRefreshIsEarlyEnough(t *testing.T) {
	for _, seconds := range []int{130, 131, 150, 180, 240, 300, 600, 1200, 1800, 3600} {
		t.Run(itoa(seconds), func(t *testing.T) {
			play(t, func(w *world) {
				granted := time.Duration(seconds) * time.Second
				params := fmt.Sprintf(";expires=%d", seconds)
				w.registerWith(params)
				w.Peer.Timeout = 2 * time.Hour
				least, most := granted, time.Duration(0)
				for range 300 {
					begun := time.Now()
					req := w.ExpectRequest(w.T, "REGISTER")
					wait := time.Since(begun)
					require.Less(w, wait+60*time.Second, granted)
					require.GreaterOrEqual(w, wait, granted/2)
					require.LessOrEqual(w, wait, granted*9/10)
					least, most = min(least, wait), max(most, wait)
					w.Respond(req, 200, "OK", contactWith(req, params))
					synctest.Wait()
				}
				require.Zero(w, count[sipua.Unregistered](w))
				if bound := min(granted*9/10, granted-65*time.Second); bound > granted/2 {
					require.Greater(w, most-least, (bound-granted/2)*8/10, "clients do not come all at once")
				}
			})
		})
	}
	// Short ones: before the end at least.
	for _, seconds := range []int{1, 2, 10, 60, 90, 120} {
		play(t, func(w *world) {
			params := fmt.Sprintf(";expires=%d", seconds)
			w.registerWith(params)
			for range 50 {
				req := w.ExpectRequest(w.T, "REGISTER")
				w.Respond(req, 200, "OK", contactWith(req, params))
				synctest.Wait()
			}
			require.Zero(w, count[sipua.Unregistered](w))
		})
	}
}

// RegistrationExpiring comes before each refresh, and says what is left.
func TestExpiringIsTold(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		for range 10 {
			w.forget()
			begun := time.Now()
			req := w.ExpectRequest(w.T, "REGISTER")
			wait := time.Since(begun)
			require.Equal(w, []string{"expiring"}, w.story())
			e := last[sipua.RegistrationExpiring](w)
			require.Equal(w, 1, e.Flow)
			require.Equal(w, 10*time.Minute-wait, e.Expires)
			w.Respond(req, 200, "OK", req.Contact())
			synctest.Wait()
		}
		w.forget()
		w.register() // the program itself asked
		require.Equal(w, []string{"registered 10m0s"}, w.story())
	})
}

// A refresh that the registrar answers with no time at all: it has removed us.
func TestRefreshGrantedNothing(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.forget()
		begun := time.Now()
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, ";expires=0"))
		typed(w, done(), sipua.CodeProtocol, 200)
		synctest.Wait()
		require.Equal(w, 1, count[sipua.Unregistered](w), "%v", w.story())
		again := w.ExpectRequest(w.T, "REGISTER")
		require.LessOrEqual(w, time.Since(begun), time.Minute, "and goes on trying")
		w.Respond(again, 200, "OK", again.Contact())
		require.Equal(w, 1, count[sipua.Registered](w))
	})
}

// What a 200 brought that gave no time is not used: neither GRUU nor route.
func TestGrantedNothingBringsNothing(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, `;pub-gruu="sip:1001@example.com;gr=x";expires=0`), h("Service-Route", "<sip:p.example.com;lr>"))
		typed(w, done(), sipua.CodeProtocol, 200)
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.NotContains(w, value(invite, "Contact"), "gr=x")
		require.Empty(w, values(invite, "Route"))
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
	})
}

// Retry-After, as text may have it (section 20.33).
func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "18000;duration=3600": 5 * time.Hour, "120 (I'm in a meeting)": 2 * time.Minute, " 120 ": 2 * time.Minute,
		"999999999999999999999": 0, "-5": 0, "soon": 0, "": 0, "4000000000": 24 * time.Hour,
	} {
		t.Run(text, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.Respond(req, 500, "No", h("Retry-After", text))
				e := typed(w, done(), sipua.CodeRejected, 500)
				if want == 0 { // not to be understood: as if it were not there, or as long as can be
					require.Contains(w, []time.Duration{0, 24 * time.Hour}, e.RetryAfter)
				} else {
					require.Equal(w, want, e.RetryAfter)
				}
				wait := last[sipua.RegistrationFailed](w).RetryIn
				require.GreaterOrEqual(w, wait, max(want, time.Second/2))
				w.Peer.Timeout = 25 * time.Hour
				begun := time.Now()
				req = w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, wait, time.Since(begun))
				w.Respond(req, 200, "OK", req.Contact())
			})
		})
	}
}

// A refusal that is final without Retry-After is for now with one, but for what
// concerns the credentials.
func TestFinalStatuses(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405, 410, 420, 488, 501, 505, 513, 555, 600, 603, 604, 606} {
		play(t, func(w *world) {
			req, done := w.registering()
			w.Respond(req, status, "No", h("Retry-After", "60"))
			typed(w, done(), sipua.CodeRejected, status)
			require.False(w, last[sipua.RegistrationFailed](w).Final, "%d", status)
			req = w.ExpectRequest(w.T, "REGISTER")
			w.Respond(req, status, "No")
			synctest.Wait()
			require.True(w, last[sipua.RegistrationFailed](w).Final, "%d", status)
			w.ExpectNothing(w.T, time.Hour)
			w.register() // the program may try again
		})
	}
	play(t, func(w *world) { // the wrong password
		req, done := w.registering()
		challenge := h("WWW-Authenticate", `Digest realm="example.com", nonce="n1", qop="auth"`)
		w.Respond(req, 401, "Unauthorized", challenge)
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 401, "Unauthorized", challenge)
		typed(w, done(), sipua.CodeUnauthorized, 401)
		require.True(w, last[sipua.RegistrationFailed](w).Final)
		w.ExpectNothing(w.T, time.Hour)
	})
}

// Who registers before the next attempt takes its place: there is no second one.
func TestRegisterTakesThePlaceOfAnAttempt(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 500, "Not now")
		require.Error(w, done())
		req, done = w.registering()
		time.Sleep(20 * time.Second) // the attempt would have come
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
		w.ExpectNothing(w.T, 4*time.Minute)
	})
}

// A refresh that fails for now is tried again in time: the binding is kept as long
// as it was granted.
func TestRefreshIsRetriedInTime(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.forget()
		for range 5 {
			w.Respond(w.ExpectRequest(w.T, "REGISTER"), 500, "Not now")
		}
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.Zero(w, count[sipua.Unregistered](w))
		require.Equal(w, 5, count[sipua.RegistrationFailed](w))
	})
	// It never succeeds: the end is told once, at the end, and attempts go on.
	play(t, func(w *world) {
		w.registerWith(";expires=60")
		w.forget()
		begun := time.Now()
		var told time.Duration
		for time.Since(begun) < 5*time.Minute {
			w.Respond(w.ExpectRequest(w.T, "REGISTER"), 500, "Not now")
			if told == 0 && count[sipua.Unregistered](w) == 1 {
				told = time.Since(begun)
			}
		}
		require.Equal(w, 1, count[sipua.Unregistered](w))
		require.GreaterOrEqual(w, told, time.Minute)
		require.LessOrEqual(w, told, time.Minute+30*time.Second)
	})
}
