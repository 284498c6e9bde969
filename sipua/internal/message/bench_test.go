package message

import (
	"strconv"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// chrome is what a browser's INVITE looks like behind a proxy: 2.7 kB, most of it
// the session description.
var chrome = strings.ReplaceAll(`INVITE sip:7q2hd5mq@5fk3c2ap7d4l.invalid;transport=ws SIP/2.0
Record-Route: <sip:proxy.example.com;transport=ws;r2=on;lr;ftag=k4xq72mzb3ta>
Record-Route: <sip:proxy.example.com:5080;r2=on;lr;ftag=k4xq72mzb3ta>
Via: SIP/2.0/WSS proxy.example.com;branch=z9hG4bK2f1c.1b7d3f4e8a6c5d2e.0
Via: SIP/2.0/WSS nm3jq5vhd4ka.invalid;rport=51234;received=203.0.113.9;branch=z9hG4bKq5xw7ydhnzb2lm4ka3tc
Max-Forwards: 69
From: "Alice Example" <sip:1001@example.com>;tag=k4xq72mzb3ta
To: <sip:1002@example.com>
Call-ID: 5mz4k2qh7xw3yv6a@nm3jq5vhd4ka.invalid
CSeq: 2 INVITE
Contact: "Alice Example" <sip:3fk2m9qd@nm3jq5vhd4ka.invalid;transport=ws;ob>;+sip.instance="<urn:uuid:4f9c0b5e-2a7d-4e61-9b3f-0d8c1a2b3c4d>"
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS
Supported: outbound, path
User-Agent: sipwasm/0.1.0
Content-Type: application/sdp
Content-Length: LENGTH

v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS 9b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9
m=audio 54609 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 203.0.113.9
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.0.2.21 54609 typ host generation 0 network-id 1 network-cost 10
a=candidate:842163049 1 udp 1686052607 203.0.113.9 54609 typ srflx raddr 192.0.2.21 rport 54609 generation 0 network-id 1 network-cost 10
a=candidate:435653019 1 tcp 1518280447 192.0.2.21 9 typ host tcptype active generation 0 network-id 1 network-cost 10
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=ice-options:trickle
a=fingerprint:sha-256 D2:B9:31:8F:DF:24:D8:0E:ED:D2:EF:25:9E:AF:6F:B8:34:AE:53:9C:E6:F3:8F:F2:64:15:FA:E8:7F:53:2D:38
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:9b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9 0d1e2f30-4152-4637-8495-a6b7c8d9eafb
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1379442121 cname:Xk2mQ7pL9vB3nR5t
a=ssrc:1379442121 msid:9b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9 0d1e2f30-4152-4637-8495-a6b7c8d9eafb
`, "\n", "\r\n")

var registered = strings.ReplaceAll(`SIP/2.0 200 OK
Via: SIP/2.0/WSS nm3jq5vhd4ka.invalid;rport=51234;received=203.0.113.9;branch=z9hG4bKq5xw7ydhnzb2lm4ka3tc
From: "Alice Example" <sip:1001@example.com>;tag=k4xq72mzb3ta
To: "Alice Example" <sip:1001@example.com>;tag=as7b2f04c1
Call-ID: 5mz4k2qh7xw3yv6a@nm3jq5vhd4ka.invalid
CSeq: 3 REGISTER
Contact: <sip:3fk2m9qd@nm3jq5vhd4ka.invalid;transport=ws>;expires=600;+sip.instance="<urn:uuid:4f9c0b5e-2a7d-4e61-9b3f-0d8c1a2b3c4d>"
Server: example-pbx/20.1
Date: Thu, 01 Oct 2026 10:00:00 GMT
Content-Length: 0

`, "\n", "\r\n")

// BenchmarkParse compares with sipgo's own parser on the same bytes.
func BenchmarkParse(b *testing.B) {
	parser := sip.NewParser()
	for name, text := range map[string]string{"INVITE": chromeInvite(), "200": registered} {
		data := []byte(text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"-sipgo", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := parser.ParseSIP(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func chromeInvite() string {
	_, body, _ := strings.Cut(chrome, "\r\n\r\n")
	return strings.Replace(chrome, "LENGTH", strconv.Itoa(len(body)), 1)
}
