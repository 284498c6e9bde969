package main

import (
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// eventValue is the value of a notification for JavaScript: the fields of the Go
// structs by their names in camelCase. Lists are always there; a text or number
// that the document does not tell is left out. Times are milliseconds since
// 1970, and weights from 0 to 1, as everywhere in the facade.
func eventValue(v any) any {
	switch v := v.(type) {
	case sipua.MessageSummary:
		o := object("waiting", v.Waiting, "voice", messageCount(v.Voice), "fax", messageCount(v.Fax), "pager", messageCount(v.Pager),
			"multimedia", messageCount(v.Multimedia), "text", messageCount(v.Text), "none", messageCount(v.None),
			"headers", objects(v.Headers, func(one []sipua.Header) any {
				return objects(one, func(h sipua.Header) any { return []any{h.Name, h.Value} })
			}))
		return told(o, "account", v.Account)
	case sipua.DialogInfo:
		return object("version", v.Version, "state", string(v.State), "entity", v.Entity, "lamp", string(v.Lamp()), "dialogs", objects(v.Dialogs, dialogValue))
	case sipua.Presence:
		return object("entity", v.Entity, "open", v.Open(), "tuples", objects(v.Tuples, tupleValue), "notes", objects(v.Notes, noteValue),
			"person", told(object("activities", texts(v.Person.Activities), "notes", objects(v.Person.Notes, noteValue)), "timestamp", v.Person.Timestamp))
	case sipua.ConferenceInfo:
		o := object("entity", v.Entity, "version", v.Version, "state", string(v.State),
			"description", counted(told(object(), "state", string(v.Description.State), "displayText", v.Description.DisplayText,
				"subject", v.Description.Subject), "maximumUserCount", v.Description.MaximumUserCount),
			"status", counted(told(object(), "state", string(v.Status.State), "active", truth(v.Status.Active), "locked", truth(v.Status.Locked)),
				"userCount", v.Status.UserCount),
			"users", objects(v.Users, userValue))
		return told(o, "usersState", string(v.UsersState))
	case sipua.RegistrationInfo:
		return object("version", v.Version, "state", string(v.State), "registrations", objects(v.Registrations, func(r sipua.RegistrationEntry) any {
			return object("aor", r.AOR, "id", r.ID, "state", r.State, "contacts", objects(r.Contacts, contactValue))
		}))
	}
	return nil
}

// told adds what is not empty.
func told(o map[string]any, fields ...any) map[string]any {
	for i := 0; i < len(fields); i += 2 {
		v := fields[i+1]
		switch t := v.(type) {
		case nil:
			continue
		case time.Time:
			if t.IsZero() {
				continue
			}
			v = float64(t.UnixMilli())
		case map[string]any:
			if len(t) == 0 {
				continue
			}
		}
		if v != "" && v != 0 {
			o[fields[i].(string)] = v
		}
	}
	return o
}

// counted adds a number that may be 0, and is -1 when it was not told.
func counted(o map[string]any, name string, n int) map[string]any {
	if n >= 0 {
		o[name] = n
	}
	return o
}

// truth is an xs:boolean, nil when it was not told.
func truth(s string) any {
	if s == "" {
		return nil
	}
	return s == "true"
}

func messageCount(c sipua.MessageCount) any {
	return object("new", c.New, "old", c.Old, "newUrgent", c.NewUrgent, "oldUrgent", c.OldUrgent)
}

func dialogValue(d sipua.DialogState) any {
	return told(object("id", d.ID, "state", d.State, "local", partyValue(d.Local), "remote", partyValue(d.Remote)),
		"callId", d.CallID, "localTag", d.LocalTag, "remoteTag", d.RemoteTag, "direction", d.Direction, "event", d.Event,
		"code", d.Code, "duration", d.Duration,
		"replaces", told(object(), "callId", d.Replaces.CallID, "localTag", d.Replaces.LocalTag, "remoteTag", d.Replaces.RemoteTag),
		"referredBy", told(object(), "displayName", d.ReferredBy.DisplayName, "uri", d.ReferredBy.URI))
}

func partyValue(p sipua.DialogParty) any {
	return told(object("targetParams", objects(p.TargetParams, paramValue)), "displayName", p.DisplayName, "uri", p.URI, "target", p.Target)
}

func paramValue(p sipua.Param) any { return []any{p.Name, p.Value} }

func tupleValue(t sipua.PresenceTuple) any {
	o := told(object("id", t.ID, "notes", objects(t.Notes, noteValue)), "basic", t.Basic, "contact", t.Contact, "timestamp", t.Timestamp)
	if t.Priority > 0 {
		o["priority"] = float64(t.Priority) / 1000
	}
	return o
}

func noteValue(n sipua.PresenceNote) any { return told(object("text", n.Text), "lang", n.Lang) }

func userValue(u sipua.ConferenceUser) any {
	return told(object("entity", u.Entity, "roles", texts(u.Roles), "endpoints", objects(u.Endpoints, endpointValue)),
		"state", string(u.State), "displayText", u.DisplayText)
}

func endpointValue(e sipua.ConferenceEndpoint) any {
	return told(object("entity", e.Entity, "media", objects(e.Media, func(m sipua.ConferenceMedia) any {
		return told(object("id", m.ID), "displayText", m.DisplayText, "type", m.Type, "status", m.Status, "label", m.Label, "srcId", m.SrcID)
	})), "state", string(e.State), "displayText", e.DisplayText, "status", e.Status, "joiningMethod", e.JoiningMethod,
		"disconnectionMethod", e.DisconnectionMethod)
}

func contactValue(c sipua.RegistrationContact) any {
	o := told(object("id", c.ID, "state", c.State, "event", c.Event, "uri", c.URI, "params", objects(c.Params, paramValue)),
		"expires", c.Expires, "retryAfter", c.RetryAfter, "durationRegistered", c.DurationRegistered, "callId", c.CallID, "cseq", c.CSeq,
		"displayName", c.DisplayName, "publicGruu", c.PublicGRUU, "temporaryGruu", c.TemporaryGRUU, "temporaryGruuCseq", c.TemporaryGRUUCSeq)
	if c.Q >= 0 {
		o["q"] = float64(c.Q) / 1000
	}
	return o
}
