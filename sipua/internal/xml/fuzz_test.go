package xml

import (
	"bytes"
	stdxml "encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What we accept, encoding/xml accepts too and reads the same names,
// attributes and text in it.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><a xmlns="u" b='1'><p:c xmlns:p="v" p:d="&lt;"/>x<![CDATA[y]]></a>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, err := Parse(data)
		if err != nil {
			return
		}
		text, _, err := decode(data)
		require.NoError(t, err)
		theirs, err := std(text)
		if err != nil && strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) && strings.Contains(err.Error(), "name") {
			return // it has the name characters of an older edition of XML 1.0
		}
		require.NoError(t, err)
		same(t, theirs, ours)
	})
}

// std reads a document with encoding/xml.
func std(text string) (*Element, error) {
	d := stdxml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decoded already
	root := &Element{}
	open := []*Element{root}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return root.Children[0], nil
		}
		if err != nil {
			return nil, err
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case stdxml.StartElement:
			e := &Element{Name: Name(token.Name)}
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name != (stdxml.Name{Local: "xmlns"}) {
					e.Attrs = append(e.Attrs, Attr{Name(a.Name), a.Value})
				}
			}
			last.Children = append(last.Children, e)
			open = append(open, e)
		case stdxml.EndElement:
			open = open[:len(open)-1]
		case stdxml.CharData:
			last.text = append(last.text, token...)
		}
	}
}

func same(t *testing.T, want, got *Element) {
	require.Equal(t, want.Name, got.Name)
	require.Len(t, got.Attrs, len(want.Attrs))
	// encoding/xml leaves line ends in attributes
	space := strings.NewReplacer("\n", " ", "\t", " ")
	for i := range want.Attrs {
		require.Equal(t, want.Attrs[i].Name, got.Attrs[i].Name)
		require.Equal(t, space.Replace(want.Attrs[i].Value), space.Replace(got.Attrs[i].Value))
	}
	require.True(t, bytes.Equal(want.text, got.text), "%q is %q", got.text, want.text)
	require.Len(t, got.Children, len(want.Children))
	for i := range want.Children {
		same(t, want.Children[i], got.Children[i])
	}
}
