package xml

import "strings"

// Name is an expanded name: Space is the URI of the namespace, "" for none. A
// prefix that is declared nowhere stands for itself, as in encoding/xml:
// servers forget declarations, and the document can be understood without.
type Name struct{ Space, Local string }

// Attr is an attribute. Without a prefix it is in no namespace.
type Attr struct {
	Name
	Value string
}

// Element is an element with what is in it. Namespace declarations are not
// among Attrs.
type Element struct {
	Name
	Attrs    []Attr
	Children []*Element
	text     []byte
}

// Attr returns the value of the attribute called local that is in no namespace,
// "" when there is none.
func (e *Element) Attr(local string) string { return e.AttrIn("", local) }

// AttrIn returns the value of an attribute in a namespace, such as xml:lang,
// "" when there is none.
func (e *Element) AttrIn(space, local string) string {
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Local == local && a.Space == space {
			return a.Value
		}
	}
	return ""
}

// Child returns the first child called local in the namespace of e, nil when
// there is none. Elements of other namespaces are extensions, whatever their
// names.
func (e *Element) Child(local string) *Element {
	if e != nil {
		for _, c := range e.Children {
			if c.Local == local && c.Space == e.Space {
				return c
			}
		}
	}
	return nil
}

// All returns the children called local in the namespace of e.
func (e *Element) All(local string) (all []*Element) {
	if e != nil {
		for _, c := range e.Children {
			if c.Local == local && c.Space == e.Space {
				all = append(all, c)
			}
		}
	}
	return all
}

// Text returns the character data directly in e without the white space around
// it, "" when e is nil.
func (e *Element) Text() string {
	if e == nil {
		return ""
	}
	return strings.Trim(string(e.text), " \t\r\n")
}
