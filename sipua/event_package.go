package sipua

import (
	"strings"
	"time"
)

// eventPackages are the event packages whose bodies are read here, each with
// the one media type that this package reads for it and the duration of a
// subscription when none is asked for. Both are what the RFC of the package sets.
var eventPackages = [...]struct {
	name, accept string
	expires      time.Duration
}{
	{"message-summary", "application/simple-message-summary", time.Hour}, // RFC 3842 sections 3.4 and 3.5
	{"dialog", "application/dialog-info+xml", time.Hour},                 // RFC 4235 sections 3.4 and 3.5
	{"presence", "application/pidf+xml", time.Hour},                      // RFC 3856 sections 6.4 and 6.5
	{"conference", "application/conference-info+xml", time.Hour},         // RFC 4575 sections 3.3 and 3.4
	{"reg", "application/reginfo+xml", 3761 * time.Second},               // RFC 3680 sections 4.4 and 4.5
}

// defaultAccept returns the media types to accept in a subscription to event,
// nil when the package is not known here.
func defaultAccept(event string) []string {
	for _, p := range eventPackages {
		if p.name == event {
			return []string{p.accept}
		}
	}
	return nil
}

// defaultExpires returns the duration that the package prescribes for a
// subscription without one, 0 when the package is not known here.
func defaultExpires(event string) time.Duration {
	for _, p := range eventPackages {
		if p.name == event {
			return p.expires
		}
	}
	return 0
}

// parseEvent reads the body of a NOTIFY or PUBLISH of an event package. The
// value is a MessageSummary, DialogInfo, Presence, ConferenceInfo or
// RegistrationInfo; it is nil when there is no body, or when the package or the
// media type is none that is read here: the application still has the body. The
// name of a package is compared byte by byte (RFC 6665 section 8.2.1), a media
// type without regard to case and parameters.
func parseEvent(event, contentType string, body []byte) (any, error) {
	contentType, _, _ = strings.Cut(contentType, ";")
	contentType = strings.TrimSpace(contentType)
	for _, p := range eventPackages {
		if p.name != event || !strings.EqualFold(p.accept, contentType) || len(body) == 0 {
			continue
		}
		// Not one return for all: an error comes without a value.
		var value any
		var err error
		switch event {
		case "message-summary":
			value, err = ParseMessageSummary(body)
		case "dialog":
			value, err = ParseDialogInfo(body)
		case "presence":
			value, err = ParsePresence(body)
		case "conference":
			value, err = ParseConferenceInfo(body)
		case "reg":
			value, err = ParseRegistrationInfo(body)
		}
		if err != nil {
			return nil, err
		}
		return value, nil
	}
	return nil, nil
}
