//go:build !sipgo_server

package sip

import (
	"net"
	"testing"
)

func TestIsIPV6(t *testing.T) {
	six := 0
	for _, host := range []string{
		"2001:db8::1", "::", "::1", "FE80::1", "1:2:3:4:5:6:7:8", "64:ff9b::192.0.2.33",
		"::ffff:192.0.2.1", "::192.0.2.1", "fe80::1%eth0", "1:2:3:4:5:6:7:8:9", "12345::", ":", ":::", "::1 ", "[::1]",
		"192.0.2.1", "192.0.2.256", "192.0.2", "1", "", "example.com", "face", "a:b", "host.invalid:5060",
	} {
		ip := net.ParseIP(host)
		want := ip != nil && ip.To4() == nil
		if want {
			six++
		}
		if got := isIPV6(host); got != want {
			t.Errorf("%q: %t, net says %t", host, got, want)
		}
	}
	if six < 5 {
		t.Errorf("only %d of the addresses were IPv6", six)
	}
}
