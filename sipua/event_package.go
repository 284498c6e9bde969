package sipua

// parseEvent makes the typed value of a notification. Without a parser for the
// package the value is nil and the body speaks for itself.
func parseEvent(event, contentType string, body []byte) (any, error) { return nil, nil }

// defaultAccept lists the content types that a package has when nobody says
// anything else.
func defaultAccept(event string) []string {
	switch event {
	case "presence": // RFC 3856 section 6.7
		return []string{"application/pidf+xml"}
	case "message-summary": // RFC 3842 section 3.4
		return []string{"application/simple-message-summary"}
	case "dialog": // RFC 4235 section 3.5
		return []string{"application/dialog-info+xml"}
	case "reg": // RFC 3680 section 4.5
		return []string{"application/reginfo+xml"}
	case "conference": // RFC 4575 section 3.5
		return []string{"application/conference-info+xml"}
	}
	return nil
}
