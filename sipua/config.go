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

	"github.com/sipwasm/sipwasm/sipua/internal/message"
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
	// Credentials answer digest challenges (RFC 8760). Without them a challenge
	// ends the request with CodeUnauthorized.
	Credentials Credentials

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
	// InfoPackages are the info packages that are taken inside calls (RFC 6086).
	// INFO without a package is taken in any case. Default: none.
	InfoPackages []string

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

// Credentials prove who we are. Password or HA1, not both.
type Credentials struct {
	// Username of the digest. Default: the user part of Config.URI.
	Username string
	// Password in clear text.
	Password string
	// HA1 is the hexadecimal hash of "username:realm:password" for those who do
	// not want to hold the password. It is good for one realm and algorithm: MD5,
	// SHA-256 and SHA-512-256 are told apart by what the server asks for.
	HA1 string
}

// String hides the secrets from logs.
func (c Credentials) String() string { return "{" + c.Username + " [hidden]}" }

// Format hides the secrets from every verb of package fmt.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// check validates cfg, fills in every default and returns the address of record.
func (cfg *Config) check() (sip.Uri, error) {
	aor, err := message.ParseURI(cfg.URI)
	switch {
	case err != nil || aor.User == "" || aor.Host == "" || (aor.Scheme != "sip" && aor.Scheme != "sips"):
		return aor, badConfig(`URI %q is not an address of record: it wants the form "sip:user@domain"`, message.MaskURI(cfg.URI))
	case len(cfg.Servers) == 0:
		return aor, badConfig(`Servers is empty: name at least one WebSocket URL, such as "wss://example.com/ws"`)
	case cfg.Credentials.Password != "" && cfg.Credentials.HA1 != "":
		return aor, badConfig("Credentials has both Password and HA1: give one of them")
	case cfg.RegistrationExpires != 0 && cfg.RegistrationExpires < time.Minute:
		return aor, badConfig("RegistrationExpires %v is too short: one minute is the least", cfg.RegistrationExpires)
	case cfg.ConnectTimeout < 0:
		return aor, badConfig("ConnectTimeout is negative")
	case cfg.InstanceID != "" && (!strings.HasPrefix(cfg.InstanceID, "urn:") || strings.ContainsAny(cfg.InstanceID, `<>"`)):
		return aor, badConfig(`InstanceID %q is not a URN: it wants the form "urn:uuid:…" (RFC 5626 section 4.1)`, cfg.InstanceID)
	}
	aor.Password = ""

	cfg.Servers = slices.Clone(cfg.Servers)
	for _, s := range cfg.Servers {
		if !strings.HasPrefix(s.URL, "ws://") && !strings.HasPrefix(s.URL, "wss://") {
			return aor, badConfig(`Servers: %q is not a WebSocket URL: it must begin with ws:// or wss://`, shown(s.URL))
		}
	}
	for _, v := range [...][2]string{
		{"DisplayName", cfg.DisplayName}, {"UserAgent", cfg.UserAgent}, {"InstanceID", cfg.InstanceID}, {"Credentials.Username", cfg.Credentials.Username},
	} {
		if err := message.CheckValue(v[1]); err != nil {
			return aor, badConfig("%s %v", v[0], err)
		}
	}

	cfg.EventPackages, cfg.InfoPackages = slices.Clone(cfg.EventPackages), slices.Clone(cfg.InfoPackages)
	for _, name := range slices.Concat(cfg.EventPackages, cfg.InfoPackages) {
		if !isToken(name) {
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
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	if cfg.Transport == nil {
		cfg.Transport = defaultTransport
	}
	if cfg.Transport == nil {
		return aor, badConfig("Transport is nil, and this platform has no default")
	}
	return aor, nil
}

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
