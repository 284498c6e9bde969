// Package xml reads the small XML documents that SIP notifications carry:
// dialog-info (RFC 4235), pidf (RFC 3863), conference-info (RFC 4575), reginfo
// (RFC 3680).
//
// It is no general XML parser. It knows no document type declaration and
// refuses any, so there are no entities but the five predefined ones and
// character references, and nothing is ever loaded or expanded. What it accepts
// is well-formed (XML 1.0, Namespaces in XML 1.0) and within the limits below;
// the time it takes grows with the size of the document alone.
//
// encoding/xml would do as well, but it lives on reflect and costs the page
// more than everything here.
package xml

// The limits of a document. They are far above what a busy server sends, and
// low enough that nobody can make us hold or compute much.
const (
	MaxSize       = 256 << 10 // bytes of the document
	MaxDepth      = 32        // elements inside each other
	MaxElements   = 10_000    // elements in all
	MaxAttributes = 64        // attributes of one element, namespace declarations included
	MaxNamespaces = 64        // namespace declarations that are in force in one place: each name is looked up among them
)
