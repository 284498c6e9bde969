package xml

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SpaceXML is the namespace of xml:lang, bound to the prefix xml by definition.
const SpaceXML = "http://www.w3.org/XML/1998/namespace"

// SyntaxError says why a document was refused and where.
type SyntaxError struct {
	Line   int // from 1
	Offset int // in bytes from the beginning of the document as UTF-8, the byte order mark not counted
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s (line %d)", e.Reason, e.Line) }

// Parse reads a document and returns its root element. Errors are *SyntaxError.
// The elements do not share memory with data.
func Parse(data []byte) (*Element, error) {
	if len(data) > MaxSize {
		return nil, &SyntaxError{Line: 1, Reason: fmt.Sprintf("the document is larger than %d bytes", MaxSize)}
	}
	text, start, err := decode(data)
	if err != nil {
		return nil, err
	}
	p := parser{s: text, pos: start}
	if err := p.document(); err != nil {
		return nil, err
	}
	return p.root, nil
}

// parser is at the byte pos of the document s.
type parser struct {
	s        string
	pos      int
	root     *Element
	open     []opened  // from the root to the element that pos is in
	bindings []binding // namespace declarations in force, the innermost last
	elements int
}

// opened is an element whose end tag has not come.
type opened struct {
	*Element
	raw      string // its name as written: the end tag must repeat it
	bindings int    // how many were in force outside
}

type binding struct{ prefix, space string }

func (p *parser) fail(offset int, format string, a ...any) error {
	return syntaxError(p.s, offset, format, a...)
}

func syntaxError(s string, offset int, format string, a ...any) error {
	return &SyntaxError{Line: 1 + strings.Count(s[:offset], "\n"), Offset: offset, Reason: fmt.Sprintf(format, a...)}
}

// quoted shows a piece of the document in an error, not all of it.
func quoted(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, ""))
}

// document reads from the end of the XML declaration to the end.
func (p *parser) document() error {
	for p.pos < len(p.s) {
		var err error
		rest := p.s[p.pos:]
		switch {
		case rest[0] != '<':
			err = p.characters()
		case strings.HasPrefix(rest, "</"):
			err = p.endTag()
		case strings.HasPrefix(rest, "<?"):
			err = p.instruction()
		case strings.HasPrefix(rest, "<!--"):
			err = p.comment()
		case strings.HasPrefix(rest, "<![CDATA["):
			err = p.cdata()
		case strings.HasPrefix(rest, "<!"):
			err = p.fail(p.pos, "a document type declaration is not accepted") // entities are made there
		default:
			err = p.startTag()
		}
		if err != nil {
			return err
		}
	}
	if len(p.open) > 0 {
		return p.fail(p.pos, "the document ends inside of %s", quoted(p.open[len(p.open)-1].raw))
	}
	if p.root == nil {
		return p.fail(p.pos, "there is no element")
	}
	return nil
}

// characters reads text up to the next markup.
func (p *parser) characters() error {
	end := strings.IndexByte(p.s[p.pos:], '<')
	if end < 0 {
		end = len(p.s)
	} else {
		end += p.pos
	}
	raw := p.s[p.pos:end]
	if len(p.open) == 0 {
		if i := skipSpace(raw, 0); i < len(raw) {
			return p.fail(p.pos+i, "there is text outside of the root element")
		}
	} else {
		if i := strings.Index(raw, "]]>"); i >= 0 {
			return p.fail(p.pos+i, "]]> stands in text") // XML 1.0 section 2.4
		}
		if err := p.unescape(&p.open[len(p.open)-1].text, raw, false); err != nil {
			return err
		}
	}
	p.pos = end
	return nil
}

func (p *parser) cdata() error {
	if len(p.open) == 0 {
		return p.fail(p.pos, "there is text outside of the root element")
	}
	begin := p.pos + len("<![CDATA[")
	length := strings.Index(p.s[begin:], "]]>")
	if length < 0 {
		return p.fail(p.pos, "a CDATA section has no end")
	}
	text := &p.open[len(p.open)-1].text
	*text = append(*text, newlines(p.s[begin:begin+length])...)
	p.pos = begin + length + len("]]>")
	return nil
}

func (p *parser) comment() error {
	begin := p.pos + len("<!--")
	length := strings.Index(p.s[begin:], "--")
	if length < 0 {
		return p.fail(p.pos, "a comment has no end")
	}
	end := begin + length + len("--")
	if !strings.HasPrefix(p.s[end:], ">") {
		return p.fail(end, "-- stands in a comment") // section 2.5
	}
	p.pos = end + 1
	return nil
}

// instruction skips a processing instruction.
func (p *parser) instruction() error {
	target, ok := name(p.s[p.pos+2:])
	if !ok || strings.Contains(target, ":") {
		return p.fail(p.pos, "a processing instruction has no name")
	}
	if strings.EqualFold(target, "xml") {
		return p.fail(p.pos, "the XML declaration is not at the beginning") // section 2.6
	}
	begin := p.pos + 2 + len(target)
	length := strings.Index(p.s[begin:], "?>")
	if length < 0 {
		return p.fail(p.pos, "a processing instruction has no end")
	}
	if length > 0 && skipSpace(p.s, begin) == begin {
		return p.fail(begin, "a processing instruction has no name")
	}
	p.pos = begin + length + len("?>")
	return nil
}

func (p *parser) endTag() error {
	raw, _ := name(p.s[p.pos+2:])
	if len(p.open) == 0 || p.open[len(p.open)-1].raw != raw {
		return p.fail(p.pos, "the end tag %s has no start tag", quoted(raw))
	}
	end := skipSpace(p.s, p.pos+2+len(raw))
	if !strings.HasPrefix(p.s[end:], ">") {
		return p.fail(end, "the end tag %s has no >", quoted(raw))
	}
	p.pos = end + 1
	p.close()
	return nil
}

// close leaves the innermost element and the namespaces declared there.
func (p *parser) close() {
	last := p.open[len(p.open)-1]
	p.bindings = p.bindings[:last.bindings]
	p.open = p.open[:len(p.open)-1]
}

func (p *parser) startTag() error {
	begin := p.pos
	raw, ok := name(p.s[begin+1:])
	switch {
	case !ok:
		return p.fail(begin, "< is not followed by a name")
	case len(p.open) == 0 && p.root != nil:
		return p.fail(begin, "there is a second root element, %s", quoted(raw))
	case len(p.open) == MaxDepth:
		return p.fail(begin, "elements are nested more than %d deep", MaxDepth)
	case p.elements == MaxElements:
		return p.fail(begin, "there are more than %d elements", MaxElements)
	}
	p.elements++
	e := &Element{}
	p.open = append(p.open, opened{Element: e, raw: raw, bindings: len(p.bindings)})
	p.pos = begin + 1 + len(raw)
	empty, err := p.attributes(e)
	if err != nil {
		return err
	}
	if err := p.resolve(e, begin, raw); err != nil {
		return err
	}
	if len(p.open) == 1 {
		p.root = e
	} else {
		parent := p.open[len(p.open)-2].Element
		parent.Children = append(parent.Children, e)
	}
	if empty {
		p.close()
	}
	return nil
}

// attributes reads the rest of a start tag. Names stay as written: a namespace
// may be declared behind its use.
func (p *parser) attributes(e *Element) (empty bool, err error) {
	for count := 0; ; count++ {
		before := p.pos
		p.pos = skipSpace(p.s, p.pos)
		switch rest := p.s[p.pos:]; {
		case strings.HasPrefix(rest, ">"):
			p.pos++
			return false, nil
		case strings.HasPrefix(rest, "/>"):
			p.pos += 2
			return true, nil
		}
		raw, ok := name(p.s[p.pos:])
		if !ok || p.pos == before {
			return false, p.fail(p.pos, "a start tag is malformed or has no end")
		}
		if count == MaxAttributes {
			return false, p.fail(p.pos, "an element has more than %d attributes", MaxAttributes)
		}
		at := p.pos
		value, end, ok := quotedValue(p.s, p.pos+len(raw))
		if !ok {
			return false, p.fail(at, "the attribute %s has no value in quotes", quoted(raw))
		}
		if i := strings.IndexByte(value, '<'); i >= 0 {
			return false, p.fail(at, "< stands in the attribute %s", quoted(raw)) // section 3.1
		}
		p.pos = end - 1 - len(value) // where the value is: errors in it are told from there
		var b []byte
		if err := p.unescape(&b, value, true); err != nil {
			return false, err
		}
		p.pos = end
		if err := p.attribute(e, at, raw, string(b)); err != nil {
			return false, err
		}
	}
}

// attribute keeps an attribute, or declares a namespace.
func (p *parser) attribute(e *Element, at int, raw, value string) error {
	prefix, local, ok := strings.Cut(raw, ":")
	switch {
	case raw == "xmlns":
		prefix, local, ok = "xmlns", "", true
	case !ok:
		prefix, local = "", raw
	}
	if ok && prefix == "xmlns" {
		for _, b := range p.bindings[p.open[len(p.open)-1].bindings:] {
			if b.prefix == local {
				return p.fail(at, "the attribute %s comes twice", quoted(raw))
			}
		}
		// Namespaces in XML 1.0 section 3, and 5: only the default can be undeclared.
		if local == "xmlns" || (local == "xml") != (value == SpaceXML) || value == "" && local != "" {
			return p.fail(at, "the namespace declaration %s is not allowed", quoted(raw))
		}
		if len(p.bindings) == MaxNamespaces {
			return p.fail(at, "there are more than %d namespace declarations", MaxNamespaces)
		}
		p.bindings = append(p.bindings, binding{local, value})
		return nil
	}
	e.Attrs = append(e.Attrs, Attr{Name{prefix, strings.Clone(local)}, value})
	return nil
}

// resolve replaces the prefixes of an element and its attributes by the
// namespaces they stand for, and finds attributes that come twice.
func (p *parser) resolve(e *Element, at int, raw string) error {
	prefix, local, ok := strings.Cut(raw, ":")
	if !ok {
		prefix, local = "", raw
	}
	if prefix == "xmlns" {
		return p.fail(at, "the name %s is reserved", quoted(raw))
	}
	e.Name = Name{p.space(prefix), strings.Clone(local)}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if a.Space != "" { // section 6.2: the default namespace is not for attributes
			a.Space = p.space(a.Space)
		}
		for j := range i {
			if e.Attrs[j].Name == a.Name {
				return p.fail(at, "the attribute %s comes twice", quoted(a.Local))
			}
		}
	}
	return nil
}

// space returns the namespace that a prefix stands for.
func (p *parser) space(prefix string) string {
	if prefix == "xml" {
		return SpaceXML
	}
	for i := len(p.bindings) - 1; i >= 0; i-- {
		if p.bindings[i].prefix == prefix {
			return p.bindings[i].space
		}
	}
	return strings.Clone(prefix)
}

// unescape appends raw, which begins at pos, to text with its references
// replaced and its line ends made \n. In attributes white space becomes a space
// (XML 1.0 section 3.3.3).
func (p *parser) unescape(text *[]byte, raw string, attribute bool) error {
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '&':
			r, length := reference(raw[i:])
			if length == 0 {
				return p.fail(p.pos+i, "%s is no reference that is known here", quoted(raw[i:min(len(raw), i+12)]))
			}
			*text = utf8.AppendRune(*text, r)
			i += length
			continue
		case c == '\r':
			c = '\n'
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
		}
		if attribute && (c == '\n' || c == '\t') {
			c = ' '
		}
		*text = append(*text, c)
		i++
	}
	return nil
}

// newlines makes all line ends \n (XML 1.0 section 2.11).
func newlines(s string) []byte {
	b := bytes.ReplaceAll([]byte(s), []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\r"), []byte("\n"))
}
