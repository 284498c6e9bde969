package main

import (
	"context"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// readConfig reads the options of a user agent by the names of the facade, which
// has checked their forms.
func readConfig(args js.Value) (sipua.Config, error) {
	cfg := sipua.Config{
		URI: text(args, "uri"), DisplayName: text(args, "displayName"), UserAgent: text(args, "userAgent"),
		Credentials:         readCredentials(args.Get("credentials")),
		CredentialsFor:      askCredentials(args.Get("credentials")),
		MinDigest:           minDigests[text(args, "minDigest")],
		InstanceID:          text(args, "instanceId"),
		RegistrationExpires: seconds(args, "registrationExpires"),
		ConnectTimeout:      milliseconds(args, "connectTimeout", 0),
		Reconnect: sipua.Reconnect{
			Base: milliseconds(args, "reconnectDelay", 0), Max: milliseconds(args, "reconnectMaxDelay", 0), Return: milliseconds(args, "returnInterval", 0),
		},
		KeepAlive: sipua.KeepAlive{
			Interval: milliseconds(args, "keepAliveInterval", 0), Timeout: milliseconds(args, "pongTimeout", 0), Method: sipua.KeepAliveMethod(text(args, "keepAlive")),
		},
		Flows:      int(number(args, "flows", 0)),
		NoOutbound: args.Get("outbound").Type() == js.TypeBoolean && !args.Get("outbound").Bool(),
		Push:       readPush(args.Get("push")),

		EventPackages:     readTexts(args.Get("eventPackages")),
		UnsolicitedNotify: args.Get("unsolicitedNotify").Truthy(),
		AcceptMessages:    readTexts(args.Get("acceptMessages")),
		InfoPackages:      readTexts(args.Get("infoPackages")),
	}
	each(args.Get("servers"), func(v js.Value) {
		if v.Type() == js.TypeString {
			cfg.Servers = append(cfg.Servers, sipua.Server{URL: v.String()})
			return
		}
		cfg.Servers = append(cfg.Servers, sipua.Server{URL: text(v, "url"), Priority: uint16(number(v, "priority", 0)), Weight: uint16(number(v, "weight", 0))})
	})
	params, err := readPairs(args.Get("contactParams"), "create", "contactParams")
	for _, p := range params {
		cfg.ContactParams = append(cfg.ContactParams, sipua.Param{Name: p[0], Value: p[1]})
	}
	return cfg, err
}

var minDigests = map[string]sipua.DigestAlgorithm{
	"MD5": sipua.DigestMD5, "SHA-256": sipua.DigestSHA256, "SHA-512-256": sipua.DigestSHA512256,
}

// readCredentials reads { username, password }, { username, ha1 } or { token }; a
// function and nothing are none.
func readCredentials(v js.Value) sipua.Credentials {
	c := sipua.Credentials{Username: text(v, "username"), Password: text(v, "password"), Token: text(v, "token")}
	if ha1 := text(v, "ha1"); ha1 != "" {
		c.HA1 = []sipua.HA1{{Hash: ha1}}
	} else if isObject(v) {
		each(v.Get("ha1"), func(h js.Value) {
			c.HA1 = append(c.HA1, sipua.HA1{Realm: text(h, "realm"), Algorithm: text(h, "algorithm"), Hash: text(h, "hash")})
		})
	}
	return c
}

// askCredentials calls the page's function for each challenge.
func askCredentials(f js.Value) sipua.CredentialsFunc {
	if f.Type() != js.TypeFunction {
		return nil
	}
	return func(ctx context.Context, c sipua.Challenge) (sipua.Credentials, error) {
		o := object("scheme", c.Scheme, "realm", c.Realm, "proxy", c.Proxy, "host", c.Host, "target", c.Target, "retry", c.Retry)
		algorithms := []any{}
		for _, a := range c.Algorithms {
			algorithms = append(algorithms, a)
		}
		o["algorithms"] = algorithms
		optional(o, "error", c.Error)
		optional(o, "scope", c.Scope)
		optional(o, "authzServer", c.AuthzServer)
		promise, err := try(func() js.Value { return f.Invoke(o) })
		if err != nil {
			return sipua.Credentials{}, err
		}
		v, err := await(ctx, promise, nil)
		return readCredentials(v), err
	}
}

// readPush reads { provider, prid, param }; nil when it is not there.
func readPush(v js.Value) *sipua.Push {
	if !isObject(v) {
		return nil
	}
	return &sipua.Push{Provider: text(v, "provider"), PRID: text(v, "prid"), Param: text(v, "param")}
}

// bindingObjects are bindings as the facade shows them.
func bindingObjects(list []sipua.Binding) []any {
	all := []any{}
	for _, b := range list {
		o := object("uri", b.URI, "displayName", b.DisplayName, "expires", b.Expires.Seconds(), "q", b.Q, "own", b.Own)
		optional(o, "instance", b.Instance)
		optional(o, "gruu", b.GRUU)
		optional(o, "tempGruu", b.TempGRUU)
		if b.RegID != 0 {
			o["regId"] = b.RegID
		}
		all = append(all, o)
	}
	return all
}

// optional sets a field that is left out when it is empty.
func optional(o map[string]any, name, value string) {
	if value != "" {
		o[name] = value
	}
}

func milliseconds(v js.Value, name string, otherwise float64) time.Duration {
	return time.Duration(number(v, name, otherwise) * float64(time.Millisecond))
}

func seconds(v js.Value, name string) time.Duration {
	return time.Duration(number(v, name, 0) * float64(time.Second))
}

// each calls f with the items of a list, if it is one.
func each(list js.Value, f func(js.Value)) {
	if !isArray(list) {
		return
	}
	for i := range list.Length() {
		f(list.Index(i))
	}
}

// readTexts reads a list of strings.
func readTexts(list js.Value) (all []string) {
	each(list, func(v js.Value) {
		if v.Type() == js.TypeString {
			all = append(all, v.String())
		}
	})
	return all
}

// readPairs reads [name, value] pairs of strings. What is none is refused, so
// that none is left out in silence.
func readPairs(list js.Value, op, what string) ([][2]string, error) {
	if list.IsUndefined() || list.IsNull() {
		return nil, nil
	}
	wrong := &sipua.Error{Op: op, Code: sipua.CodeInvalidArgument, Reason: what + ` wants [name, value] pairs of strings, such as [["X-Ticket", "4711"]]`}
	if !isArray(list) {
		return nil, wrong
	}
	var pairs [][2]string
	for i := range list.Length() {
		p := list.Index(i)
		if !isArray(p) || p.Length() != 2 || p.Index(0).Type() != js.TypeString || p.Index(1).Type() != js.TypeString {
			return nil, wrong
		}
		pairs = append(pairs, [2]string{p.Index(0).String(), p.Index(1).String()})
	}
	return pairs, nil
}

// readHeaders reads SIP headers.
func readHeaders(list js.Value, op string) ([]sipua.Header, error) {
	pairs, err := readPairs(list, op, "headers")
	var headers []sipua.Header
	for _, p := range pairs {
		headers = append(headers, sipua.Header{Name: p[0], Value: p[1]})
	}
	return headers, err
}
