// Package message is the one place where this module meets sipgo's messages.
// sipgo brings the types, the serializer and the inside of a URI; what falls short
// of RFC 3261 for a user agent is done here, and RATIONALE.md has the list:
//
//   - one malformed header does not lose the message: the rest is kept, so that
//     a request can still be answered 400 and a response still be used
//     (section 8.2.6.2 wants Via, From, To, Call-ID and CSeq copied);
//   - headers are known by all their names (section 7.3.3), and their values are
//     taken apart as section 25.1 has them: quotes, white space, lists;
//   - parameter names compare without regard to case (section 7.3.1);
//   - display names are unescaped for people and escaped for the wire
//     (section 25.1);
//   - the content that a body has for us is found in its parts (RFC 5621);
//   - identifiers come from crypto/rand (section 19.3);
//   - nothing that arrives can panic, or take more time than in proportion to its
//     size.
package message
