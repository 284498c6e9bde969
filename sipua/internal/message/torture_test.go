package message

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

func torture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../../testdata/rfc4475/" + name + ".dat")
	require.NoError(t, err)
	return data
}

func tortureNames(t testing.TB) (names []string) {
	files, err := filepath.Glob("../../../testdata/rfc4475/*.dat")
	require.NoError(t, err)
	require.Len(t, files, 49)
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".dat"))
	}
	return names
}

// What RFC 4475 says that its messages mean. How a user agent answers them is the
// test of package sipua.
func TestTorture(t *testing.T) {
	request := func(name string) *sip.Request { return good(t, string(torture(t, name))).(*sip.Request) }
	response := func(name string) *sip.Response { return good(t, string(torture(t, name))).(*sip.Response) }
	contact := func(msg sip.Message) *sip.ContactHeader { return msg.GetHeaders("contact")[0].(*sip.ContactHeader) }
	param := func(params sip.HeaderParams, name string) string {
		value, ok := Param(params, name)
		require.True(t, ok, name)
		return value
	}

	m := request("wsinv")
	require.Equal(t, "sip:vivekg@chair-dnrc.example.com;unknownparam", m.Recipient.String())
	require.Equal(t, "1918181833n", ToTag(m))
	require.Equal(t, `J Rosenberg \"`, DisplayName(m.From().DisplayName))
	require.EqualValues(t, 68, *m.MaxForwards())
	require.EqualValues(t, 9, m.CSeq().SeqNo)
	require.Equal(t, "390skdjuw", Branch(m))
	require.Len(t, m.GetHeaders("Via"), 3)
	require.Empty(t, HeaderValue(m, "Subject"))
	require.Equal(t, "newfangled value continued newfangled value", HeaderValue(m, "NewFangledHeader"))
	require.Equal(t, ";;,,;;,;", HeaderValue(m, "UnknownHeaderWithUnusualValue"))
	require.Equal(t, "<sip:services.example.com;lr;unknownwith=value;unknown-no-value>", HeaderValue(m, "Route"))
	require.Equal(t, `Quoted string ""`, DisplayName(contact(m).DisplayName))
	require.Equal(t, "newvalue", param(contact(m).Params, "newparam"))
	require.Equal(t, "0.33", param(contact(m).Params, "q"))
	require.Len(t, m.Body(), 150)

	m = request("intmeth")
	require.Equal(t, "!interesting-Method0123456789_*+`.%indeed'~", string(m.Method))
	require.Equal(t, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", m.Recipient.User)
	require.Equal(t, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", m.Recipient.Password)
	require.Equal(t, "BEL:\a NUL:  DEL:\x7f", DisplayName(m.To().DisplayName), "a NUL is not kept")
	require.Equal(t, "token1~` token2'+_ token3*%!.-", DisplayName(m.From().DisplayName))
	require.Equal(t, "работающий", param(m.From().Params, "fromParam''~+*_!.-%"))
	require.Equal(t, "_token~1'+`*%!-.", FromTag(m))
	require.EqualValues(t, 255, *m.MaxForwards())
	require.Equal(t, "\ufeff大停電", HeaderValue(m, "extensionHeader-!.%*+_`'~"))

	m = request("esc01")
	require.Equal(t, "sips%3Auser%40example.com", m.Recipient.User, "what is escaped is not a scheme")
	require.Equal(t, "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31", contact(m).Address.String())

	m = request("escnull")
	require.Equal(t, "null-%00-null", m.From().Address.User)
	require.Len(t, m.GetHeaders("Contact"), 2)
	require.Equal(t, "%00", contact(m).Address.User)

	m = request("esc02")
	require.Equal(t, "RE%47IST%45R", string(m.Method), "not REGISTER")
	require.Equal(t, "%Z%45", DisplayName(m.To().DisplayName))
	require.Len(t, m.GetHeaders("Contact"), 2, "C%6Fntact is another header")

	require.Equal(t, "caller", request("lwsdisp").From().DisplayName)

	m = request("longreq")
	require.Len(t, m.GetHeaders("Via"), 34)
	require.Len(t, m.Body(), 150)
	require.Equal(t, 6000, m.To().Address.Port)

	m = request("dblreq")
	require.Empty(t, m.Body(), "the second request is discarded")

	m = request("semiuri")
	require.Equal(t, "user;par=u%40example.net", m.Recipient.User)
	require.Equal(t, []string{"application/sdp", "application/pkcs7-mime", "multipart/mixed", "multipart/signed", "message/sip", "message/sipfrag"}, Tokens(m, "Accept"))

	m = request("transports")
	var transports []string
	for _, h := range m.GetHeaders("Via") {
		transports = append(transports, h.(*sip.ViaHeader).Transport)
	}
	require.Equal(t, []string{"UDP", "SCTP", "TLS", "UNKNOWN", "TCP"}, transports)

	m = request("mpart01")
	text, err := Part(m, "text/plain")
	require.Nil(t, text)
	require.Equal(t, 415, err.(*ParseError).Status, "the S/MIME part is not said to be optional")
	e := entity{body: m.Body()}
	_, params := mediaType(HeaderValue(m, "Content-Type"))
	parts, problem := e.parts(params, 0)
	require.Nil(t, problem)
	require.Len(t, parts, 2)
	require.Equal(t, "Hello", string(parts[0].body))
	require.Equal(t, "application/octet-stream", parts[1].about[aboutType])
	require.Len(t, parts[1].body, 553-len("--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\r\n--7a9cbec02ceef655--\r\n"))
	require.Contains(t, string(parts[1].body), "\n", "its line feeds are its own")

	require.Equal(t, "= 2**3 * 5**2 но сто девяносто девять - простое", response("unreason").Reason)
	require.Empty(t, response("noreason").Reason)

	m = request("baddate")
	require.Equal(t, "Fri, 01 Jan 2010 16:00:00 EST", HeaderValue(m, "Date"))

	m = request("regbadct")
	require.IsType(t, sip.NewHeader("", ""), m.GetHeaders("contact")[0], "a question mark must stand in brackets: section 20.10")
	m = request("regescrt")
	require.Equal(t, sip.HeaderParams{{K: "Route", V: "%3Csip:sip.example.com%3E"}}, contact(m).Address.Headers)

	m = request("cparam01")
	require.Empty(t, contact(m).Address.UriParams)
	param(contact(m).Params, "unknownparam") // of the header: there are no brackets
	m = request("cparam02")
	require.Empty(t, contact(m).Params)
	param(contact(m).Address.UriParams, "unknownparam")

	m = request("unksm2")
	require.Equal(t, "isbn:2983792873", m.To().Address.String())
	require.Equal(t, "http://www.example.com", m.From().Address.String())
	require.Equal(t, "soap.beep", request("novelsc").Recipient.Scheme)
	require.Equal(t, "nobodyknowsthisscheme", request("unkscm").Recipient.Scheme)

	require.Len(t, response("bcast").GetHeaders("Via"), 2)
	require.False(t, Accepts(request("sdp01"), "application/sdp"))
	require.Equal(t, "NoOneKnowsThisScheme opaque-data=here", HeaderValue(request("regaut01"), "Authorization"))

	m = request("inv2543")
	require.Empty(t, FromTag(m))
	require.Empty(t, Branch(m))
	require.Equal(t, "phone", param(m.To().Params, "user"))
	require.Len(t, m.Body(), 105, "the frame bounds it")

	// RFC 4475 section 3.1.2.15, with the empty line that its archive leaves out.
	why := badly(t, string(torture(t, "baddn"))+"\r\n")
	require.Equal(t, "Bad Request: malformed From", why.Reason)
}
