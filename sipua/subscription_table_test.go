package sipua

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// The tables of subscription.go and notifier.go, written once more by hand, as
// in table_test.go.
var subscriptionDrawing = map[SubscriptionState]string{
	//                    2xx|refused|gone|deferred|lost|pending|active|over|again|silence|expired|due|recovered|unsubscribe
	SubscriptionTrying:     "accepted granted|terminated over|trying anew|waiting postpone|waiting rest|pending|active|terminated over|waiting postpone|terminated unheard|–|–|–|ending leave",
	SubscriptionAccepted:   "accepted granted|terminated over|trying anew|accepted later|waiting rest|pending|active|terminated over|waiting postpone|terminated unheard|trying anew|accepted renew|–|ending leave",
	SubscriptionPending:    "pending granted|terminated over|trying anew|pending later|waiting rest|pending|active|terminated over|waiting postpone|trying anew|trying anew|pending renew|–|ending leave",
	SubscriptionActive:     "active granted|terminated over|trying anew|active later|waiting rest|pending|active|terminated over|waiting postpone|trying anew|trying anew|active renew|–|ending leave",
	SubscriptionWaiting:    "–|–|–|–|waiting|pending returned|active returned|terminated over|waiting postpone|–|–|trying resume|trying resume|ending leave",
	SubscriptionEnding:     "ending leave|terminated left|terminated left|terminated left|terminated left|ending leave|ending leave|terminated left|terminated left|terminated left|terminated left|–|–|ending leave",
	SubscriptionTerminated: "–|–|–|–|–|–|–|–|–|–|–|–|–|–",
}

var notifierDrawing = map[SubscriptionState]string{
	//                    accept|accept later|reject|activate|notify|refresh|leave|expired|terminate|refused|flow lost|closed
	SubscriptionRequested:  "active grant|pending grant|terminated refuse|–|–|–|–|–|terminated refuse|–|terminated gone|terminated refuse",
	SubscriptionPending:    "–|–|–|active tell|pending tell|pending prolong|terminated leave|terminated expired|terminated terminated|terminated gone|–|terminated gone",
	SubscriptionActive:     "–|–|–|active tell|active tell|active prolong|terminated leave|terminated expired|terminated terminated|terminated gone|–|terminated gone",
	SubscriptionTerminated: "–|–|–|–|–|–|–|–|–|–|–|–",
}

func TestSubscriptionTable(t *testing.T) {
	cells := 0
	for state, row := range subscriptionDrawing {
		drawn := strings.Split(row, "|")
		require.Len(t, drawn, int(numSubscriptionInputs))
		for in, want := range drawn {
			got := "–"
			for _, step := range subscriptionTable {
				if step.state == state && step.in == subscriptionInput(in) {
					require.Equal(t, "–", got, "two cells for input %d in the state %s", in, state)
					got = strings.TrimSpace(string(step.next) + " " + actName(step.do))
					cells++
				}
			}
			require.Equal(t, want, got, "input %d in the state %s", in, state)
		}
	}
	require.Len(t, subscriptionTable, cells)
}

func TestNotifierTable(t *testing.T) {
	cells := 0
	for state, row := range notifierDrawing {
		drawn := strings.Split(row, "|")
		require.Len(t, drawn, int(numNotifierInputs))
		for in, want := range drawn {
			got := "–"
			for _, step := range notifierTable {
				if step.state == state && step.in == notifierInput(in) {
					require.Equal(t, "–", got, "two cells for input %d in the state %s", in, state)
					got = strings.TrimSpace(string(step.next) + " " + actName(step.do))
					cells++
				}
			}
			require.Equal(t, want, got, "input %d in the state %s", in, state)
		}
	}
	require.Len(t, notifierTable, cells)
}

// actName is the name of a method expression, "" for none.
func actName(do any) string {
	v := reflect.ValueOf(do)
	if v.IsNil() {
		return ""
	}
	name := runtime.FuncForPC(v.Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// A refresh is due at a random 50 to 90 % of the lifetime, and 65 s before its
// end where the first half allows it.
func TestRefreshWindow(t *testing.T) {
	for _, granted := range []time.Duration{1, time.Second, time.Minute, 130 * time.Second, 10 * time.Minute, maxExpires} {
		for range 1000 {
			d := refreshAfter(granted)
			require.GreaterOrEqual(t, d, granted/2)
			require.LessOrEqual(t, d, granted*9/10+1)
			if granted >= 130*time.Second {
				require.LessOrEqual(t, d, granted-65*time.Second)
			}
		}
	}
}

func TestBackoff(t *testing.T) {
	require.Zero(t, backoff(0))
	for tries := 1; tries < 50; tries++ {
		most := min(time.Second<<min(tries, 20), 10*time.Minute)
		require.GreaterOrEqual(t, backoff(tries), most/2)
		require.LessOrEqual(t, backoff(tries), most)
	}
}

// Whatever a stranger writes into these headers is read without harm.
func TestEventHeaders(t *testing.T) {
	read := func(name, value string) *sip.Request {
		req := sip.NewRequest(sip.NOTIFY, sip.Uri{Scheme: "sip", Host: "x"})
		req.AppendHeader(sip.NewHeader(name, value))
		return req
	}
	for value, want := range map[string][2]string{
		"presence": {"presence"}, " presence ; x=y; ID = 7 ": {"presence", "7"}, `a;b="c;id=9";id=1`: {"a", "1"},
		"": {}, ";": {}, ";;;id": {}, `"`: {`"`}, "a;id": {"a"}, "a;id=;id=3": {"a", "3"},
	} {
		event, id := eventOf(read("Event", value))
		require.Equal(t, want, [2]string{event, id}, value)
	}
	for value, want := range map[string]substate{
		"active":                                  {state: "active"},
		"Active;EXPIRES=60":                       {state: "active", expires: 60, hasExpires: true},
		"active;expires=-1":                       {state: "active"},
		"active;expires=99999999999":              {state: "active"},
		"terminated;reason=\"x\";retry-after=5":   {state: "terminated", reason: "x", retryAfter: 5 * time.Second},
		"terminated;retry-after=2147483647":       {state: "terminated", retryAfter: maxExpires},
		"terminated;reason=" + string(rune(0x85)): {state: "terminated"},
	} {
		got, ok := parseSubstate(read("Subscription-State", value))
		require.True(t, ok, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{"", ";", "a b", `"active"`, ";expires=3"} {
		_, ok := parseSubstate(read("Subscription-State", value))
		require.False(t, ok, value)
	}
}

func TestMediaRanges(t *testing.T) {
	for _, c := range []struct {
		ranges, mediaType string
		want              bool
	}{
		{"text/plain", "text/plain", true},
		{"text/plain", "Text/Plain;charset=utf-8", true},
		{"text/plain;q=0.3", "text/plain", true},
		{"text/*", "text/html", true},
		{"text/*", "application/json", false},
		{"*/*", "application/json", true},
		{"a/b, c/d", "c/d", true},
		{"a/b, c/d", "c/b", false},
		{"", "c/b", false},
	} {
		require.Equal(t, c.want, takes(strings.Split(c.ranges, ","), c.mediaType), "%v", c)
	}
}
