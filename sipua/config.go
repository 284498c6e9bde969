package sipua

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
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
		{"DisplayName", cfg.DisplayName}, {"UserAgent", cfg.UserAgent}, {"InstanceID", cfg.InstanceID},
	} {
		if err := message.CheckValue(v[1]); err != nil {
			return aor, badConfig("%s %v", v[0], err)
		}
	}

	cfg.Credentials.HA1 = slices.Clone(cfg.Credentials.HA1)
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
