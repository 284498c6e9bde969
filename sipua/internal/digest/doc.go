// Package digest is the client side of HTTP digest authentication as SIP uses
// it: RFC 3261 section 22, RFC 8760 and RFC 7616, and the form of RFC 2617 and
// RFC 2069 without a qop, which many servers still send.
//
// It reads challenges, chooses among them, computes the answer and checks what
// the server says of it (Authentication-Info, RFC 7615). It holds no state: which
// nonce is in use, its count and the client nonce are the caller's, as are the
// messages that carry the values. It also reads the challenges of the Bearer scheme
// (RFC 8898), whose syntax is the same.
//
// Strings are hashed as the bytes they are. RFC 7616 section 4 wants user names
// and passwords in UTF-8, normalized to form C; what a keyboard gives is that
// already.
package digest
