//go:build !sipgo_server

// Package sip is a copy of sipgo's, made by webbuild. Files whose build tag is
// sipgo_server hold what only a server with sockets needs.
package sip

import "net/netip"

// What sipgo has in the files behind the tag, for the code in front of it: the
// same names, without net and log/slog.

// Addr only passes through: a request carries it from a socket to a socket.
type Addr struct {
	IP       []byte
	Port     int
	Hostname string
	Zone     string
}

// Message wants the method. It is the transports that call it.
func (r *Response) remoteAddress() Addr { return Addr{Hostname: r.dest} }

type silent struct{}

func (silent) Debug(string, ...any) {}

// DefaultLogger hears nothing, as slog's does at the level of its only user here.
func DefaultLogger() silent { return silent{} }

// isIPV6 tells which host stands in brackets when it is written. An IPv4 address
// in IPv6 form does not count, nor does one with a zone: slim_test.go compares it
// with net's rules.
func isIPV6(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is6() && !ip.Is4In6() && ip.Zone() == ""
}
