package sipua

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/flow"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
)

// Version of this module, also the default User-Agent and the number that the
// JavaScript facade and the wasm compare.
const Version = "0.1.0"

// Config says who a user agent is and how it reaches its server. It is copied
// by [New]; changing it afterwards has no effect.
type Config struct {
	// URI is the address of record, such as "sip:1001@example.com". Required.
	URI string
	// DisplayName is the name that others see, such as "Alice". Default: none.
	DisplayName string

	// Servers are where the SIP service is reached. At least one is required.
	Servers []Server
	// Credentials answer challenges (RFC 3261 section 22, RFC 8760, RFC 8898).
	// Without them, and without CredentialsFor, a challenge ends the request with
	// CodeUnauthorized.
	Credentials Credentials
	// CredentialsFor, when set, is asked before Credentials: see [CredentialsFunc].
	// Default: none.
	CredentialsFor CredentialsFunc
	// MinDigest is the weakest digest algorithm that is answered. A request whose
	// challenges are all weaker ends with CodeUnauthorized. Default: DigestMD5,
	// which is all of them.
	MinDigest DigestAlgorithm

	// Reconnect says how a lost connection is made again.
	Reconnect Reconnect
	// KeepAlive says how a dead connection is noticed.
	KeepAlive KeepAlive
	// Flows is how many flows are kept registered at once, each over a connection of
	// its own, so that one may be lost without a call being missed (RFC 5626
	// section 4.2). More than one needs a registrar that supports outbound; with
	// another one, and at first, there is one. Default 1, at most 4.
	Flows int
	// NoOutbound leaves reg-id and "Supported: outbound" (RFC 5626) out of REGISTER.
	// A proxy that does not support outbound is found out without it (439).
	NoOutbound bool
	// Push, when set, tells the server how to wake this device (RFC 8599).
	Push *Push
	// ContactParams are further parameters of the Contact of REGISTER, such as
	// {"q", "0.5"} or a feature tag (RFC 3840). An empty value stands for a
	// parameter without one.
	ContactParams []Param

	// InstanceID is the "urn:uuid:…" that names this device towards the registrar
	// (+sip.instance, RFC 5626 section 4.1). Applications should store it, so that
	// a restart replaces the old binding. Default: a new random one.
	InstanceID string
	// RegistrationExpires is the lifetime asked for in REGISTER, in whole seconds.
	// The registrar may grant another one. Default 10 minutes, at least 1 minute.
	RegistrationExpires time.Duration
	// UserAgent is the User-Agent and Server header. Default "sipwasm/VERSION".
	UserAgent string

	// Transport opens the connections. Default in native Go: WebSocket{}. There
	// is no default under GOOS=js.
	Transport Transport
	// MaxCalls is how many calls there may be at once: further ones are answered 486
	// Busy Here. Default, and most, 64.
	MaxCalls int
	// HoldOthers puts the other calls on hold when one is made, accepted or resumed,
	// so that a person talks to one side at a time; those of one Conference belong
	// together.
	HoldOthers bool
	// ManualRinging leaves it to the application to tell callers that it rings
	// ([Call.Progress]). Default: they are sent 180 at once.
	ManualRinging bool
	// AutoAnswer are the ways in which callers may have their calls accepted without
	// the application. Default: none.
	AutoAnswer AutoAnswer
	// NoAnswerTimeout is how long an outgoing call may ring. Default: as long as the
	// other side and the servers let it.
	NoAnswerTimeout time.Duration
	// FollowRedirects is how many times an outgoing call goes on to where a 3xx
	// points (RFC 3261 section 8.1.3.4). Default 0: the 3xx is its end.
	FollowRedirects int
	// Reliable says whether provisional responses go reliably. Default
	// ReliableSupported.
	Reliable Reliable
	// SessionTimer says how a dead session is noticed.
	SessionTimer SessionTimer
	// Codecs says which codecs are used and preferred. Default: as the media has them.
	Codecs Codecs
	// Bandwidth bounds the streams. Default: no bounds.
	Bandwidth Bandwidth
	// SDP, when set, sees every session description between the media and the network
	// and may change it. It runs beside the user agent's goroutine, for one description
	// of a call at a time. An error refuses the offer or ends the call.
	SDP func(Description) (string, error)

	// PlainMedia lets offers through to Media that no browser could use, such as plain
	// RTP without ICE and DTLS. Default: they are answered 488 at once, with a Warning,
	// and nobody is rung.
	PlainMedia bool

	// Media makes the media of each call. Without it calls fail with
	// CodeUnsupported; registration works.
	Media MediaFactory
	// ConnectTimeout bounds one connection attempt to one server. Default 10 s.
	ConnectTimeout time.Duration

	// EventPackages are the event packages whose state this user agent tells to
	// those who subscribe, such as "presence" (RFC 6665 section 4.2): each
	// SUBSCRIBE comes as the event IncomingSubscription, one for another package
	// is answered 489. Default: none, and SUBSCRIBE is answered 405.
	EventPackages []string
	// UnsolicitedNotify lets in notifications that nobody has subscribed to, as
	// some PBXs send them for waiting messages: as event Notified without a
	// Subscription. Default: they are answered 481 (RFC 6665 section 4.1.3).
	UnsolicitedNotify bool
	// AcceptMessages are the content types of messages that are taken, with
	// "text/*" and "*/*" as ranges; others are answered 415, so that their sender
	// knows. Default: "text/plain" alone, which every program can show.
	AcceptMessages []string
	// ManualReplaces leaves it to the program to accept a call that takes the place of
	// another one (RFC 3891, [Call.Replaces]), as the target of an attended transfer
	// gets it. Default: the user agent accepts it, because the person talks already.
	ManualReplaces bool
	// InfoPackages are the info packages that are taken inside calls (RFC 6086).
	// INFO without a package is taken in any case. Default: none.
	InfoPackages []string

	// Trickle lets ICE candidates follow descriptions in INFO, for a Media that is a
	// Trickler. Default: TrickleOff.
	Trickle Trickle

	// OnEvent, when set, is the first event listener, as by [UserAgent.On].
	OnEvent func(Event)
}

// Server is one WebSocket entrance to the SIP service. They are chosen as SRV
// records are (RFC 2782, RFC 3263 section 4.3): of those that are not known to be
// out of service the lowest Priority, and among equals by chance, in the
// proportion of their weights. A list in which no server has a Priority or a
// Weight is tried in its order.
type Server struct {
	URL      string // "wss://…" or "ws://…"
	Priority uint16 // lower is tried first
	Weight   uint16 // share among those of equal priority
}

// String leaves out the user and query of the URL, which may be a token.
func (s Server) String() string {
	return fmt.Sprintf("{%s %d %d}", flow.Shown(s.URL), s.Priority, s.Weight)
}

// Format does so for every verb of package fmt.
func (s Server) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// Reconnect says how a lost connection is made again, as RFC 5626 section 4.5
// does: the wait before an attempt is a random 50 to 100 % of
// min(Max, Base·2^failures).
type Reconnect struct {
	// Base bounds the wait after a connection that lasted. Default 1 s: the RFC's
	// 30 s are long for somebody who looks at a page.
	Base time.Duration
	// Max bounds every wait. Default 30 s.
	Max time.Duration
	// Return is the time between attempts to get back to a preferred server, made
	// while no call or request is under way. Default 2 min.
	Return time.Duration
}

// KeepAlive says how a dead connection is noticed: when nothing has arrived for
// Interval, the server is asked for a sign of life, and when none comes within
// Timeout, the connection is given up.
type KeepAlive struct {
	// Interval, of which a random 80 to 100 % is used (RFC 5626 section 4.4.1).
	// A Flow-Timer of the server shortens it. Default 30 s.
	Interval time.Duration
	// Timeout of the answer. Default 10 s, the time of RFC 5626 section 4.4.1.
	Timeout time.Duration
	// Method of asking. Default KeepAliveAuto.
	Method KeepAliveMethod
}

// KeepAliveMethod is how a server is asked for a sign of life.
type KeepAliveMethod string

// The methods.
const (
	// KeepAliveAuto finds out whether the server answers CRLF pings and asks by
	// OPTIONS when it does not.
	KeepAliveAuto KeepAliveMethod = "auto"
	// KeepAliveCRLF sends a double CRLF, which the server answers by CRLF (RFC 5626
	// section 3.5.1).
	KeepAliveCRLF KeepAliveMethod = "crlf"
	// KeepAliveOptions sends OPTIONS to the domain. It also proves what is behind a
	// proxy that answers CRLF pings by itself.
	KeepAliveOptions KeepAliveMethod = "options"
	// KeepAliveOff asks by itself for nothing. NetworkChanged still does.
	KeepAliveOff KeepAliveMethod = "off"
)

var keepAliveMethods = map[KeepAliveMethod]flow.Method{
	KeepAliveAuto: flow.Auto, KeepAliveCRLF: flow.CRLF, KeepAliveOptions: flow.Ask, KeepAliveOff: flow.Auto,
}

// Push tells how a push service wakes this device when a call comes (RFC 8599
// section 4.1). The parameters go into the Contact URI of REGISTER.
type Push struct {
	Provider string // pn-provider: "webpush", "apns", "fcm", …
	PRID     string // pn-prid: the identifier that the service gave
	Param    string // pn-param: what the service needs besides, may be empty
}

// Param is a parameter of a header.
type Param struct{ Name, Value string }

// check validates cfg, fills in every default and returns the address of record.
func (cfg *Config) check() (sip.Uri, error) {
	aor, err := message.ParseURI(cfg.URI)
	switch {
	case err != nil || aor.User == "" || aor.Host == "" || (aor.Scheme != "sip" && aor.Scheme != "sips"):
		return aor, badConfig(`URI %q is not an address of record: it wants the form "sip:user@domain"`, message.MaskURI(cfg.URI))
	case len(cfg.Servers) == 0:
		return aor, badConfig(`Servers is empty: name at least one WebSocket URL, such as "wss://example.com/ws"`)
	case cfg.Credentials.check() != nil:
		return aor, badConfig("Credentials %v", cfg.Credentials.check())
	case cfg.MinDigest > DigestSHA512256:
		return aor, badConfig("MinDigest %d is not one of the Digest constants", cfg.MinDigest)
	case cfg.RegistrationExpires != 0 && cfg.RegistrationExpires < time.Minute:
		return aor, badConfig("RegistrationExpires %v is too short: one minute is the least", cfg.RegistrationExpires)
	case cfg.ConnectTimeout < 0:
		return aor, badConfig("ConnectTimeout is negative")
	case cfg.Reconnect.Base < 0 || cfg.Reconnect.Max < 0 || cfg.Reconnect.Return < 0:
		return aor, badConfig("Reconnect has a negative time")
	case cfg.KeepAlive.Interval < 0 || cfg.KeepAlive.Timeout < 0:
		return aor, badConfig("KeepAlive has a negative time")
	case cfg.Flows < 0 || cfg.Flows > 4:
		return aor, badConfig("Flows is %d: 1 to 4 are possible", cfg.Flows)
	case cfg.InstanceID != "" && (!strings.HasPrefix(cfg.InstanceID, "urn:") || strings.ContainsAny(cfg.InstanceID, `<>"`)):
		return aor, badConfig(`InstanceID %q is not a URN: it wants the form "urn:uuid:…" (RFC 5626 section 4.1)`, cfg.InstanceID)
	}
	aor.Password = ""

	cfg.Servers = slices.Clone(cfg.Servers)
	for _, s := range cfg.Servers {
		if !strings.HasPrefix(s.URL, "ws://") && !strings.HasPrefix(s.URL, "wss://") {
			return aor, badConfig(`Servers: %q is not a WebSocket URL: it must begin with ws:// or wss://`, flow.Shown(s.URL))
		}
	}
	for _, v := range [...][2]string{
		{"DisplayName", cfg.DisplayName}, {"UserAgent", cfg.UserAgent}, {"InstanceID", cfg.InstanceID},
	} {
		if err := message.CheckValue(v[1]); err != nil {
			return aor, badConfig("%s %v", v[0], err)
		}
	}

	if _, known := keepAliveMethods[cfg.KeepAlive.Method]; !known && cfg.KeepAlive.Method != "" {
		return aor, badConfig("KeepAlive.Method %q is none of auto, crlf, options and off", clean(string(cfg.KeepAlive.Method), 40))
	}
	if err := cfg.checkCalls(); err != nil {
		return aor, err
	}
	if err := cfg.checkContact(); err != nil {
		return aor, err
	}

	cfg.Credentials.HA1 = slices.Clone(cfg.Credentials.HA1)
	cfg.EventPackages, cfg.InfoPackages = slices.Clone(cfg.EventPackages), slices.Clone(cfg.InfoPackages)
	for _, name := range slices.Concat(cfg.EventPackages, cfg.InfoPackages) {
		if !message.IsToken(name) {
			return aor, badConfig("EventPackages and InfoPackages: %q is not the name of a package", name)
		}
	}
	cfg.AcceptMessages = slices.Clone(cfg.AcceptMessages)
	if len(cfg.AcceptMessages) == 0 {
		cfg.AcceptMessages = []string{"text/plain"}
	}
	for _, t := range cfg.AcceptMessages {
		if err := checkBody(t, []byte{0}); err != nil {
			return aor, badConfig("AcceptMessages: %v", err)
		}
	}

	if cfg.Credentials.Username == "" {
		cfg.Credentials.Username = unescapeUser(aor.User)
	}
	if cfg.InstanceID == "" {
		cfg.InstanceID = newInstanceID()
	}
	if cfg.RegistrationExpires == 0 {
		cfg.RegistrationExpires = 10 * time.Minute
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "sipwasm/" + Version
	}
	for _, d := range [...]struct {
		value *time.Duration
		usual time.Duration
	}{
		{&cfg.ConnectTimeout, 10 * time.Second},
		{&cfg.Reconnect.Base, time.Second}, {&cfg.Reconnect.Max, 30 * time.Second}, {&cfg.Reconnect.Return, 2 * time.Minute},
		{&cfg.SessionTimer.Expires, 30 * time.Minute}, {&cfg.SessionTimer.MinSE, leastSE},
		{&cfg.KeepAlive.Interval, 30 * time.Second}, {&cfg.KeepAlive.Timeout, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		*d.value = min(*d.value, never)
	}
	cfg.RegistrationExpires = min(cfg.RegistrationExpires, never) // Expires has 32 bits (section 20.19)
	if cfg.KeepAlive.Method == "" {
		cfg.KeepAlive.Method = KeepAliveAuto
	}
	if cfg.Flows == 0 {
		cfg.Flows = 1
	}
	if cfg.MaxCalls == 0 {
		cfg.MaxCalls = maxCalls
	}
	if cfg.Reliable == "" {
		cfg.Reliable = ReliableSupported
	}
	if cfg.Transport == nil {
		cfg.Transport = defaultTransport
	}
	if cfg.Transport == nil {
		return aor, badConfig("Transport is nil, and this platform has no default")
	}
	return aor, nil
}

// never is what stands for longer times: the largest of them could not be reckoned
// with.
const never = 10 * 365 * 24 * time.Hour

// checkCalls checks what is about calls.
func (cfg *Config) checkCalls() error {
	t := &cfg.SessionTimer
	policy := offer.Policy{Order: cfg.Codecs.Order, Remove: cfg.Codecs.Remove, Audio: cfg.Bandwidth.Audio, Video: cfg.Bandwidth.Video}
	switch {
	case cfg.MaxCalls < 0 || cfg.MaxCalls > maxCalls:
		return badConfig("MaxCalls is %d: 1 to %d are possible", cfg.MaxCalls, maxCalls)
	case cfg.NoAnswerTimeout < 0 || cfg.FollowRedirects < 0:
		return badConfig("NoAnswerTimeout or FollowRedirects is negative")
	case cfg.Reliable.check() != nil:
		return badConfig("%v", cfg.Reliable.check())
	case cfg.Trickle.check() != nil:
		return badConfig("%v", cfg.Trickle.check())
	case t.Expires != 0 && t.Expires < leastSE || t.MinSE != 0 && t.MinSE < leastSE:
		return badConfig("SessionTimer: 90 s is the least (RFC 4028 section 5)")
	case t.Refresher != "" && t.Refresher != Local && t.Refresher != Remote:
		return badConfig("SessionTimer.Refresher %q is neither local nor remote", clean(string(t.Refresher), 20))
	case t.Method != "" && t.Method != "invite" && t.Method != "update":
		return badConfig("SessionTimer.Method %q is neither invite nor update", clean(t.Method, 20))
	case policy.Check() != nil:
		return badConfig("Codecs: %v", policy.Check())
	}
	cfg.Codecs.Order, cfg.Codecs.Remove = slices.Clone(cfg.Codecs.Order), slices.Clone(cfg.Codecs.Remove)
	return nil
}

// checkContact checks what goes into the Contact of REGISTER.
func (cfg *Config) checkContact() error {
	if cfg.Push != nil {
		push := *cfg.Push
		cfg.Push = &push
		if err := push.check(); err != nil {
			return badConfig("Push: %v", err)
		}
	}
	cfg.ContactParams = slices.Clone(cfg.ContactParams)
	for _, p := range cfg.ContactParams {
		if !message.IsToken(p.Name) || slices.ContainsFunc(ownParams, func(own string) bool { return strings.EqualFold(own, p.Name) }) {
			return badConfig("ContactParams: %q cannot be set: it is no token or belongs to the protocol", clean(p.Name, 40))
		}
		if err := message.CheckValue(p.Value); err != nil {
			return badConfig("ContactParams: the value of %s %v", p.Name, err)
		}
	}
	return nil
}

// ownParams of a Contact are the user agent's.
var ownParams = []string{"expires", "+sip.instance", "reg-id", "pub-gruu", "temp-gruu", "temp-gruu-cookie"}

func badConfig(format string, a ...any) error {
	return &Error{Op: "new user agent", Code: CodeInvalidArgument, Reason: "Config." + fmt.Sprintf(format, a...)}
}

// newInstanceID makes a random UUID (RFC 9562 version 4) as a URN.
func newInstanceID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails since Go 1.24
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	h := hex.EncodeToString(u[:])
	return "urn:uuid:" + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
