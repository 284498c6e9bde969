// Package message is the one place where this module meets sipgo's messages.
// sipgo brings the types, the URI and header parsers and the serializer; what
// falls short of RFC 3261 for a user agent is mended here:
//
//   - one malformed header does not lose the message: the rest is kept, so that
//     a request can still be answered 400 and a response still be used
//     (section 8.2.6.2 wants Via, From, To, Call-ID and CSeq copied);
//   - compact names of all headers are known, not only of the typed ones
//     (section 7.3.3);
//   - parameter names compare without regard to case (section 7.3.1);
//   - display names are unescaped for people and escaped for the wire
//     (section 25.1);
//   - identifiers come from crypto/rand (section 19.3);
//   - nothing that arrives can panic.
package message
