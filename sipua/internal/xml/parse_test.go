package xml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, s string) *Element {
	t.Helper()
	e, err := Parse([]byte(s))
	require.NoError(t, err, "%.200q", s)
	return e
}

func TestXMLReadsADocument(t *testing.T) {
	e := parse(t, "\ufeff<?xml version='1.0' encoding=\"utf-8\" standalone='yes'?>\r\n"+
		"<!-- one --><?pi with data?><d:info xmlns:d='urn:d' xmlns=\"urn:default\" version=\"3\" d:state = 'full'\t xml:lang='de'>\r\n"+
		"  <d:dialog id='&lt;&#x61;&#98;&amp;&apos;&quot;&gt;\r\n\tü'/><dialog>other</dialog>\n"+
		"  <d:dialog >te<!-- in -->xt &#x1F600;<![CDATA[<&\r\n]]>]] > end</d:dialog\n>\n</d:info>\n<!-- after --><?pi?>\n")
	require.Equal(t, Name{"urn:d", "info"}, e.Name)
	require.Equal(t, []Attr{{Name{"", "version"}, "3"}, {Name{"urn:d", "state"}, "full"}, {Name{SpaceXML, "lang"}, "de"}}, e.Attrs)
	require.Equal(t, "3", e.Attr("version"))
	require.Empty(t, e.Attr("state"), "with a prefix it is another attribute")
	require.Equal(t, "full", e.AttrIn("urn:d", "state"))
	require.Equal(t, "de", e.AttrIn(SpaceXML, "lang"))
	require.Len(t, e.Children, 3)
	require.Equal(t, Name{"urn:default", "dialog"}, e.Children[1].Name)
	require.Len(t, e.All("dialog"), 2, "the one of another namespace is an extension")
	require.Equal(t, "<ab&'\">  ü", e.Child("dialog").Attr("id"))
	require.Equal(t, "text 😀<&\n]] > end", e.All("dialog")[1].Text())
	require.Equal(t, "", e.Text(), "the white space between the elements")

	require.Nil(t, e.Child("none"))
	require.Empty(t, e.Child("none").Child("x").Text(), "what is not there has nothing in it")
	require.Empty(t, e.Child("none").All("x"))
}

func TestXMLNamespaces(t *testing.T) {
	for s, want := range map[string]Name{
		`<a/>`:                              {"", "a"},
		`<a xmlns="u"/>`:                    {"u", "a"},
		`<p:a xmlns:p="u"/>`:                {"u", "a"},
		`<p:a/>`:                            {"p", "a"},
		`<a xmlns="&#117;"/>`:               {"u", "a"},
		`<xml:a/>`:                          {SpaceXML, "a"},
		`<a xmlns:xml="` + SpaceXML + `"/>`: {"", "a"},
	} {
		require.Equal(t, want, parse(t, s).Name, s)
	}
	e := parse(t, `<a xmlns="u" xmlns:p="v"><b xmlns="" p:x="1"><p:c xmlns:p="w"/><p:d/></b><e/></a>`)
	b := e.Children[0]
	require.Equal(t, Name{"", "b"}, b.Name, "undeclared")
	require.Equal(t, Name{"v", "x"}, b.Attrs[0].Name)
	require.Equal(t, Name{"w", "c"}, b.Children[0].Name, "declared anew")
	require.Equal(t, Name{"v", "d"}, b.Children[1].Name, "and only inside")
	require.Equal(t, Name{"u", "e"}, e.Children[1].Name, "back")
}

func TestXMLEncodings(t *testing.T) {
	const utf8Name, latinName = "<a>Zo\u00eb \u20ac</a>", "<a>Zo\xeb</a>"
	for _, name := range []string{"UTF-8", "utf8", "us-ascii", "ISO-8859-1", "latin1"} {
		require.Equal(t, "Zoë €", parse(t, `<?xml version="1.0" encoding="`+name+`"?>`+utf8Name).Text(), name)
	}
	require.Equal(t, "Zoë", parse(t, `<?xml version="1.0" encoding="iso-8859-1"?>`+latinName).Text())
	require.Equal(t, "Zoë", parse(t, "\r\n <?xml version=\"1.0\"?><a>Zoë</a>").Text(), "an empty line before the declaration")
	for _, s := range []string{
		latinName,
		`<?xml version="1.0" encoding="UTF-8"?>` + latinName,
		`<?xml version="1.0" encoding="us-ascii"?>` + latinName,
		`<?xml version="1.0" encoding="UTF-16"?><a/>`,
		`<?xml version="1.0" encoding="UTF-7"?><a/>`,
		`<?xml version="1.0" encoding="windows-1252"?><a/>`,
		"\xff\xfe<\x00a\x00/\x00>\x00",
		"<a>\xc0\xaf</a>", "<a>\xed\xa0\x80</a>", "<a>\xf4\x90\x80\x80</a>", // overlong, a surrogate, beyond Unicode
	} {
		refused(t, s)
	}
}

func refused(t *testing.T, s string) *SyntaxError {
	t.Helper()
	e, err := Parse([]byte(s))
	require.Error(t, err, "%.200q", s)
	require.Nil(t, e)
	var syntax *SyntaxError
	require.True(t, errors.As(err, &syntax))
	require.GreaterOrEqual(t, syntax.Line, 1)
	require.LessOrEqual(t, len(err.Error()), 250, "bounded")
	return syntax
}

func TestXMLRefusesWhatIsNotWellFormed(t *testing.T) {
	for s, reason := range map[string]string{
		"":                                    "there is no element",
		"  <!-- x -->":                        "there is no element",
		"text":                                "text outside",
		"<a/>text":                            "text outside",
		"<![CDATA[x]]><a/>":                   "text outside",
		"<a/><b/>":                            "second root element",
		"<a>":                                 "ends inside of",
		"<a><b></a>":                          `end tag "a" has no start tag`,
		"</a>":                                "has no start tag",
		"<a></a x>":                           "has no >",
		"<a></ a>":                            "has no start tag",
		"<p:a xmlns:p='u' xmlns:q='u'></q:a>": "has no start tag",
		"<":                                   "not followed by a name",
		"<1/>":                                "not followed by a name",
		"<:a/>":                               "not followed by a name",
		"<a:/>":                               "not followed by a name",
		"<a:b:c/>":                            "malformed",
		"<xmlns:a/>":                          "reserved",
		"<a b>":                               "has no value in quotes",
		"<a b=c>":                             "has no value in quotes",
		"<a b='c>":                            "has no value in quotes",
		"<a b='1'c='2'/>":                     "malformed",
		"<a b='1' b='2'/>":                    "comes twice",
		"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>": "comes twice",
		"<a xmlns='u' xmlns='v'/>":                     "comes twice",
		"<a xmlns:p=''/>":                              "not allowed",
		"<a xmlns:xml='u'/>":                           "not allowed",
		"<a xmlns:xmlns='u'/>":                         "not allowed",
		"<a b='<'/>":                                   "< stands in",
		"<a / >":                                       "malformed",
		"<a":                                           "malformed",
		"<a>]]></a>":                                   "]]> stands in text",
		"<a>&</a>":                                     "no reference",
		"<a>&amp</a>":                                  "no reference",
		"<a>&nbsp;</a>":                                "no reference",
		"<a>&#0;</a>":                                  "no reference",
		"<a>&#x1f;</a>":                                "no reference",
		"<a>&#xd800;</a>":                              "no reference",
		"<a>&#x110000;</a>":                            "no reference",
		"<a>&#;</a>":                                   "no reference",
		"<a>&#+65;</a>":                                "no reference",
		"<a>&#6_5;</a>":                                "no reference",
		"<a b='&x;'/>":                                 "no reference",
		"<a>\x00</a>":                                  "U+0000 is not allowed",
		"<a>\x1b[2J</a>":                               "U+001B is not allowed",
		"<a>\ufffe</a>":                                "U+FFFE is not allowed",
		"<a><!-- x":                                    "comment has no end",
		"<a><!-- -- --></a>":                           "-- stands in a comment",
		"<a><![CDATA[</a>":                             "CDATA section has no end",
		"<a><?x":                                       "processing instruction has no end",
		"<a><? x?></a>":                                "processing instruction has no name",
		"<a><?x+?></a>":                                "processing instruction has no name",
		"<a><?xml version='1.0'?></a>":                 "not at the beginning",
		"<!DOCTYPE a><a/>":                             "document type declaration",
		"<a><!ENTITY x 'y'></a>":                       "document type declaration",
		"<?xml?><a/>":                                  "not at the beginning",
		"<?xml version='1.1'?><a/>":                    "is not 1.0",
		"<?xml encoding='UTF-8'?><a/>":                 "unexpected",
		"<?xml version='1.0' a='b'?><a/>":              "unexpected",
		"<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>": "unexpected",
		"<?xml version='1.0'encoding='utf-8'?><a/>":                   "malformed",
		"<?xml version='1.0'":                                         "malformed",
	} {
		require.Contains(t, refused(t, s).Error(), reason, s)
	}
	require.Equal(t, SyntaxError{Line: 3, Offset: 9, Reason: `"&x;" is no reference that is known here`}, *refused(t, "<a>\n<b/>\n&x;</a>"))
}

// What is cut off anywhere is refused: half a document is not the state.
func TestXMLTruncated(t *testing.T) {
	const s = `<?xml version="1.0"?><p:a xmlns:p="u" b="1&amp;"><!-- c --><c><![CDATA[x]]>&#65;</c><?p i?></p:a>`
	parse(t, s)
	for i := range len(s) {
		refused(t, s[:i])
	}
}

func TestXMLLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d='1'", i)
		}
		return "<a" + b.String() + "/>"
	}
	many := func(n int) string { return "<a>" + strings.Repeat("<b/>", n-1) + "</a>" }
	sized := func(n int) string { return "<a>" + strings.Repeat("x", n-len("<a></a>")) + "</a>" }
	spaces := func(n int) string {
		open, end := "", ""
		for i := range n {
			open += fmt.Sprintf("<a xmlns:%c%d='u' xmlns:b%d='u'>", 'a', i, i)
			end += "</a>"
		}
		return open + end
	}
	for name, c := range map[string]struct{ in, out, reason string }{
		"depth":      {nested(MaxDepth), nested(MaxDepth + 1), "nested more than 32"},
		"attributes": {attributes(MaxAttributes), attributes(MaxAttributes + 1), "more than 64 attributes"},
		"elements":   {many(MaxElements), many(MaxElements + 1), "more than 10000 elements"},
		"size":       {sized(MaxSize), sized(MaxSize + 1), "larger than 262144 bytes"},
		"namespaces": {spaces(MaxNamespaces / 2), spaces(MaxNamespaces/2 + 1), "nested more than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			parse(t, c.in)
			require.Contains(t, refused(t, c.out).Error(), c.reason)
		})
	}
	more := strings.Replace(spaces(MaxNamespaces/2), "<a ", "<a xmlns:c='u' ", 1)
	require.Contains(t, refused(t, more).Error(), "more than 64 namespace declarations")
	left := "<a>" + strings.Repeat("<b xmlns:p='u'/>", 1000) + "</a>"
	require.Len(t, parse(t, left).Children, 1000, "those of elements left behind do not count")
}

// Each of these once cost some parser seconds or gigabytes.
func TestXMLBombs(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">`)
	for i := range 9 {
		fmt.Fprintf(&laughs, `<!ENTITY lol%d "%s">`, i+1, strings.Repeat("&lol;", 10))
	}
	laughs.WriteString("]><lolz>&lol9;</lolz>")
	refused(t, laughs.String())
	refused(t, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`)

	fill := func(before, piece, after string) string {
		return before + strings.Repeat(piece, (MaxSize-len(before)-len(after))/len(piece)) + after
	}
	var declared strings.Builder
	for i := range MaxNamespaces - 1 {
		fmt.Fprintf(&declared, " xmlns:n%d='u'", i)
	}
	begin := time.Now()
	for _, s := range []string{
		fill("<a>", "<", "</a>"), fill("<a>", "&", "</a>"), fill("<a>", "&#", "</a>"), fill("<a>", "&#x0", ";</a>"), fill("<a>", "]]", "</a>"),
		fill("<a>", "<b>", ""), fill("", "<a ", ""), fill("<a>", "<!--", ""), fill("<a>", "<![CDATA[", ""), fill("<a>", "<?x ", ""),
		fill("<", "a", "/>"), fill("<", "a:", "/>"), fill("<a b='", "x", "'/>"), fill("<a ", "b='' ", "/>"), fill("<a ", " ", "/>"),
		fill("<a>", "x<b/>", "</a>"), fill("<a>", "x<!---->", "</a>"), fill("<?xml version='1.0'", " ", "?><a/>"), fill("<?xml ", "a", "?><a/>"),
		fill("<a"+declared.String()+">", "<q:a q:b='' q:c=''/>", "</a>"),
	} {
		_, _ = Parse([]byte(s))
	}
	require.Less(t, time.Since(begin), 10*time.Second, "some 5 MB: seconds mean that the time grows with the square")
}
