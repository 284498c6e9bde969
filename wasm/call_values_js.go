package main

import (
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// What calls are about, as the facade shows it: the fields of the Go structs by their
// names in camelCase, without those that are empty. Lists are always there.

// callerObject is who calls, with what the methods of Caller say.
func callerObject(c sipua.Caller) map[string]any {
	o := object(
		"from", identityObject(c.From), "asserted", objects(c.Asserted, identityValue),
		"remoteParty", objects(c.RemoteParty, func(r sipua.RemoteParty) any {
			return told(identityObject(r.Identity), "party", r.Party, "screen", r.Screen, "privacy", r.Privacy, "id", r.ID)
		}),
		"called", identityObject(c.Called),
		"diversion", objects(c.Diversion, func(d sipua.Diversion) any {
			return told(identityObject(d.Identity), "reason", d.Reason, "counter", d.Counter, "limit", d.Limit, "privacy", d.Privacy,
				"screen", d.Screen, "extension", d.Extension)
		}),
		"history", objects(c.History, func(h sipua.HistoryEntry) any {
			o := told(identityObject(h.Identity), "cause", h.Cause, "privacy", h.Privacy, "rc", h.RC, "mp", h.MP, "np", h.NP)
			o["index"], o["reasons"] = h.Index, objects(h.Reasons, reasonValue)
			return o
		}),
		"reasons", objects(c.Reasons, reasonValue),
		"identity", objects(c.Identity, func(i sipua.IdentityToken) any {
			return told(object("token", i.Token), "info", i.Info, "alg", i.Alg, "ppt", i.Ppt)
		}),
		"privacy", texts(c.Privacy), "anonymous", c.Anonymous,
		"userToUser", objects(c.UserToUser, func(u sipua.UserToUser) any {
			return told(object("data", u.Data), "encoding", u.Encoding, "purpose", u.Purpose, "content", u.Content)
		}),
		"alertInfo", objects(c.AlertInfo, infoValue), "callInfo", objects(c.CallInfo, infoValue),
		"answerRequired", c.AnswerRequired,
		"headers", objects(c.Headers, func(h sipua.Header) any { return []any{h.Name, h.Value} }),
		"best", identityObject(c.Best()),
	)
	told(o, "verstat", c.Verstat, "answerMode", c.AnswerMode, "privAnswerMode", c.PrivAnswerMode,
		"subject", c.Subject, "organization", c.Organization, "priority", c.Priority)
	if original := c.Original(); original != (sipua.Identity{}) {
		o["original"] = identityObject(original)
	}
	if r := c.Replaces; r != nil {
		o["replaces"] = replacesObject(*r)
	}
	if j := c.Join; j != nil {
		o["join"] = object("callId", j.CallID, "toTag", j.ToTag, "fromTag", j.FromTag)
	}
	if r := c.ReferredBy; r != nil {
		o["referredBy"] = told(identityObject(r.Identity), "contentId", r.ContentID)
	}
	return o
}

func identityObject(i sipua.Identity) map[string]any {
	return object("displayName", i.DisplayName, "uri", i.URI, "user", i.User)
}

func identityValue(i sipua.Identity) any { return identityObject(i) }

func infoValue(i sipua.InfoURI) any {
	return object("uri", i.URI, "params", objects(i.Params, paramValue))
}

func reasonValue(r sipua.Reason) any {
	return told(object("protocol", r.Protocol), "cause", r.Cause, "text", r.Text)
}

func replacesObject(r sipua.Replaces) map[string]any {
	return object("callId", r.CallID, "toTag", r.ToTag, "fromTag", r.FromTag, "earlyOnly", r.EarlyOnly)
}

func forkValue(f sipua.Fork) any {
	return object("tag", f.Tag, "target", f.Target, "status", f.Status, "reason", f.Reason, "earlyMedia", f.EarlyMedia, "ended", f.Ended)
}

func streamValue(s sipua.Stream) any {
	return object("kind", s.Kind, "direction", string(s.Direction), "refused", s.Refused)
}

// snapshotObject can be written as JSON and read by readSnapshot.
func snapshotObject(s sipua.CallSnapshot) map[string]any {
	return object("callId", s.CallID, "localTag", s.LocalTag, "remoteTag", s.RemoteTag, "localUri", s.LocalURI, "localName", s.LocalName,
		"remoteUri", s.RemoteURI, "remoteName", s.RemoteName, "target", s.Target, "routes", s.Routes,
		"localSeq", float64(s.LocalSeq), "remoteSeq", float64(s.RemoteSeq), "direction", string(s.Direction), "held", s.Held)
}

func readSnapshot(v js.Value) sipua.CallSnapshot {
	return sipua.CallSnapshot{
		CallID: text(v, "callId"), LocalTag: text(v, "localTag"), RemoteTag: text(v, "remoteTag"), LocalURI: text(v, "localUri"),
		LocalName: text(v, "localName"), RemoteURI: text(v, "remoteUri"), RemoteName: text(v, "remoteName"), Target: text(v, "target"),
		Routes: text(v, "routes"), LocalSeq: sequence(v, "localSeq"), RemoteSeq: sequence(v, "remoteSeq"),
		Direction: sipua.Direction(text(v, "direction")), Held: flag(v, "held"),
	}
}

// sequence reads a number of RFC 3261 section 8.1.1.5, which has 31 bits.
func sequence(v js.Value, name string) uint32 {
	n := number(v, name, 0)
	if !(n >= 0 && n < 1<<31) {
		return 0
	}
	return uint32(n)
}
