package main

import (
	"reflect"
	"slices"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// full sets every field of a struct to something that is not empty, so that a
// field which the bridge forgets is missed.
func full[T any](t *testing.T) (v T) {
	t.Helper()
	fill(t, reflect.ValueOf(&v).Elem())
	return v
}

func fill(t *testing.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Uint32:
		v.SetUint(500)
	case reflect.String:
		v.SetString("true")
	case reflect.Int:
		v.SetInt(500)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a field of the kind %s", v.Kind())
	}
}

// fields lists the names of all fields, by their way through the struct.
func fields(typ reflect.Type, path string) (all []string) {
	switch {
	case typ.Kind() == reflect.Slice:
		return fields(typ.Elem(), path+"[0]")
	case typ.Kind() == reflect.Pointer:
		return fields(typ.Elem(), path)
	case typ == reflect.TypeFor[sipua.Header]() || typ == reflect.TypeFor[sipua.Param]():
		return []string{path + "[0]", path + "[1]"}
	case typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]():
		return []string{path}
	}
	for i := range typ.NumField() {
		if typ.Field(i).Anonymous {
			all = append(all, fields(typ.Field(i).Type, path)...)
			continue
		}
		all = append(all, fields(typ.Field(i).Type, path+"."+camelCase(typ.Field(i).Name))...)
	}
	return all
}

// camelCase turns "CallID" into "callId".
func camelCase(name string) string {
	for _, short := range []string{"AOR", "CSeq", "DisplayName", "GRUU", "URI", "ID", "RC", "MP", "NP"} {
		name = strings.ReplaceAll(name, short, short[:1]+strings.ToLower(short[1:]))
	}
	name = strings.ReplaceAll(name, "Displayname", "DisplayName")
	return strings.ToLower(name[:1]) + name[1:]
}

func everyField[T any](t *testing.T, more ...string) {
	t.Helper()
	everyFieldOf(t, func(v T) any { return eventValue(v) }, more...)
}

// everyFieldOf is everyField for values of another kind, which value turns into what
// JavaScript gets.
func everyFieldOf[T any](t *testing.T, value func(T) any, more ...string) {
	t.Helper()
	v := js.ValueOf(value(full[T](t)))
	// By its own path: the test's only look-up is JavaScript's.
	at := js.Global().Get("Function").New("v", "path", "try { return eval('v' + path) } catch { return undefined }")
	all := append(fields(reflect.TypeFor[T](), ""), more...)
	all = slices.DeleteFunc(all, func(path string) bool { return strings.Contains(path, ".referredBy.target") }) // RFC 4235 section 4.1.5 has none
	for _, path := range all {
		require.False(t, at.Invoke(v, path).IsUndefined(), "%s of\n%s", path, json(v))
	}
	leaves := js.Global().Get("Function").New("v", "let n = 0; (function count(v) { if (typeof v === 'object') Object.values(v).forEach(count); else n++ })(v); return n")
	require.Equal(t, len(all), leaves.Invoke(v).Int(), "nothing else is in\n%s", json(v))
}

// Each field of each value reaches the page under its name.
func TestEventValuesHaveEveryField(t *testing.T) {
	everyField[sipua.MessageSummary](t)
	everyField[sipua.DialogInfo](t, ".lamp")
	everyField[sipua.Presence](t, ".open")
	everyField[sipua.ConferenceInfo](t)
	everyField[sipua.RegistrationInfo](t)
}

// What is not told is left out; lists are there all the same.
func TestEventValuesOfNothing(t *testing.T) {
	for want, v := range map[string]any{
		`{"waiting":false,"voice":{"new":0,"old":0,"newUrgent":0,"oldUrgent":0},"fax":{"new":0,"old":0,"newUrgent":0,"oldUrgent":0},"pager":{"new":0,"old":0,"newUrgent":0,"oldUrgent":0},"multimedia":{"new":0,"old":0,"newUrgent":0,"oldUrgent":0},"text":{"new":0,"old":0,"newUrgent":0,"oldUrgent":0},"none":{"new":0,"old":0,"newUrgent":0,"oldUrgent":0},"headers":[]}`: sipua.MessageSummary{},

		`{"version":0,"state":"full","entity":"sip:a","lamp":"idle","dialogs":[{"id":"d","state":"terminated","local":{"targetParams":[]},"remote":{"targetParams":[]}}]}`: sipua.DialogInfo{State: sipua.DocumentFull, Entity: "sip:a", Dialogs: []sipua.DialogState{{ID: "d", State: "terminated"}}},

		`{"entity":"pres:a","open":false,"tuples":[{"id":"t","notes":[]}],"notes":[{"text":"n"}],"person":{"activities":[],"notes":[]}}`: sipua.Presence{Entity: "pres:a", Tuples: []sipua.PresenceTuple{{ID: "t"}}, Notes: []sipua.PresenceNote{{Text: "n"}}},

		`{"entity":"sip:c","version":0,"state":"deleted","description":{},"status":{},"users":[]}`: sipua.ConferenceInfo{
			Entity: "sip:c", State: sipua.DocumentDeleted, Description: sipua.ConferenceDescription{MaximumUserCount: -1}, Status: sipua.ConferenceStatus{UserCount: -1}},
		`{"entity":"sip:c","version":1,"state":"full","description":{"maximumUserCount":0},"status":{"userCount":0,"active":false,"locked":true},"users":[{"entity":"u","roles":[],"endpoints":[{"entity":"e","media":[{"id":"1"}]}]}]}`: sipua.ConferenceInfo{
			Entity: "sip:c", Version: 1, State: sipua.DocumentFull, Status: sipua.ConferenceStatus{Active: "false", Locked: "true"},
			Users: []sipua.ConferenceUser{{Entity: "u", Endpoints: []sipua.ConferenceEndpoint{{Entity: "e", Media: []sipua.ConferenceMedia{{ID: "1"}}}}}}},

		`{"version":2,"state":"full","registrations":[{"aor":"sip:a","id":"r","state":"active","contacts":[{"id":"c","state":"active","event":"created","uri":"sip:d","params":[]},{"id":"","state":"","event":"","uri":"","params":[],"q":0}]}]}`: sipua.RegistrationInfo{
			Version: 2, State: sipua.DocumentFull, Registrations: []sipua.RegistrationEntry{{AOR: "sip:a", ID: "r", State: "active", Contacts: []sipua.RegistrationContact{
				{ID: "c", State: "active", Event: "created", URI: "sip:d", Q: -1}, {}}}}},
	} {
		require.JSONEq(t, want, json(js.ValueOf(eventValue(v))))
	}
	require.Nil(t, eventValue(nil))
}

// Weights are from 0 to 1 and times in milliseconds since 1970.
func TestEventValueUnits(t *testing.T) {
	presence := js.ValueOf(eventValue(sipua.Presence{
		Tuples: []sipua.PresenceTuple{{Priority: 725, Timestamp: time.Unix(1_700_000_000, 0)}}, Person: sipua.PresencePerson{Timestamp: time.Unix(1, 0)},
	}))
	tuple := presence.Get("tuples").Index(0)
	require.Equal(t, 0.725, tuple.Get("priority").Float())
	require.Equal(t, 1_700_000_000_000.0, tuple.Get("timestamp").Float())
	require.Equal(t, 1000.0, presence.Get("person").Get("timestamp").Float())
	contact := eventValue(sipua.RegistrationInfo{Registrations: []sipua.RegistrationEntry{{Contacts: []sipua.RegistrationContact{{Q: 1000}}}}})
	require.Equal(t, 1.0, js.ValueOf(contact).Get("registrations").Index(0).Get("contacts").Index(0).Get("q").Float())
	lamp := eventValue(sipua.DialogInfo{Dialogs: []sipua.DialogState{{State: "early", Direction: "recipient"}}})
	require.Equal(t, "ringing", text(js.ValueOf(lamp), "lamp"))
}
