package sipua

import "github.com/sipwasm/sipwasm/sipua/internal/xml"

// ConferenceInfo is the body of the event package conference: who takes part in
// a conference and how (RFC 4575 section 5, application/conference-info+xml).
//
// A State says for its part of a document whether it is full, partial or
// deleted; "" means that the document does not speak of that part. After
// [ConferenceInfo.Merge] what is there is full.
type ConferenceInfo struct {
	Entity      string // the conference: a URI
	Version     int    // counts the documents of a subscription
	State       DocumentState
	Description ConferenceDescription
	Status      ConferenceStatus
	UsersState  DocumentState
	Users       []ConferenceUser
}

// ConferenceDescription is what the conference is (RFC 4575 section 5.3).
type ConferenceDescription struct {
	State            DocumentState
	DisplayText      string
	Subject          string
	MaximumUserCount int // -1 when not told
}

// ConferenceStatus is what becomes of the conference (RFC 4575 section 5.5).
type ConferenceStatus struct {
	State     DocumentState
	UserCount int    // those that the notifier does not show included; -1 when not told
	Active    string // "true": it is going on; "false": not; "" when not told
	Locked    string // "true": nobody can join; "false"; "" when not told
}

// ConferenceUser is a participant (RFC 4575 section 5.6).
type ConferenceUser struct {
	Entity      string // a URI that names the user in these documents
	State       DocumentState
	DisplayText string
	Roles       []string
	Endpoints   []ConferenceEndpoint
}

// ConferenceEndpoint is a device or session of a participant (RFC 4575 section
// 5.7).
type ConferenceEndpoint struct {
	Entity              string // a URI that names the endpoint of the user in these documents
	State               DocumentState
	DisplayText         string
	Status              string // connected, disconnected, on-hold, muted-via-focus, pending, alerting, dialing-in, dialing-out, disconnecting (section 5.7.3)
	JoiningMethod       string // dialed-in, dialed-out, focus-owner (section 5.7.4)
	DisconnectionMethod string // departed, booted, failed, busy (section 5.7.6)
	Media               []ConferenceMedia
}

// ConferenceMedia is a stream of an endpoint (RFC 4575 section 5.8).
type ConferenceMedia struct {
	ID          string // of the stream of the endpoint in these documents
	DisplayText string
	Type        string // audio, video, text, …
	Status      string // sendrecv, sendonly, recvonly, inactive: from the endpoint's side
	Label       string // of the stream in the conference (RFC 4574)
	SrcID       string // the SSRC of what the endpoint sends, in decimal digits
}

// ParseConferenceInfo reads a conference-info document. Errors are *Error with
// CodeProtocol.
func ParseConferenceInfo(body []byte) (ConferenceInfo, error) {
	e, version, state, err := parseVersioned(body, "conference-info")
	if err != nil {
		return ConferenceInfo{}, err
	}
	c := ConferenceInfo{Entity: ident(e.Attr("entity")), Version: version, State: state}
	c.Description.MaximumUserCount, c.Status.UserCount = -1, -1
	if d := e.Child("conference-description"); d != nil {
		c.Description = ConferenceDescription{
			State:            stateOf(d),
			DisplayText:      displayName(d.Child("display-text").Text()),
			Subject:          label(d.Child("subject").Text(), 1000),
			MaximumUserCount: numberOr(d.Child("maximum-user-count").Text(), -1),
		}
	}
	if s := e.Child("conference-state"); s != nil {
		c.Status = ConferenceStatus{
			State:     stateOf(s),
			UserCount: numberOr(s.Child("user-count").Text(), -1),
			Active:    boolean(s.Child("active").Text()),
			Locked:    boolean(s.Child("locked").Text()),
		}
	}
	if users := e.Child("users"); users != nil {
		c.UsersState = stateOf(users)
		for _, u := range users.All("user") {
			c.Users = append(c.Users, conferenceUser(u))
		}
	}
	return c, nil
}

func conferenceUser(e *xml.Element) ConferenceUser {
	u := ConferenceUser{
		Entity:      ident(e.Attr("entity")),
		State:       stateOf(e),
		DisplayText: displayName(e.Child("display-text").Text()),
	}
	roles := e.Child("roles")
	for _, r := range roles.All("entry") {
		u.Roles = append(u.Roles, label(r.Text(), 100))
	}
	for _, one := range e.All("endpoint") {
		p := ConferenceEndpoint{
			Entity:              ident(one.Attr("entity")),
			State:               stateOf(one),
			DisplayText:         displayName(one.Child("display-text").Text()),
			Status:              word(one.Child("status").Text()),
			JoiningMethod:       word(one.Child("joining-method").Text()),
			DisconnectionMethod: word(one.Child("disconnection-method").Text()),
		}
		for _, m := range one.All("media") {
			p.Media = append(p.Media, ConferenceMedia{
				ID:          ident(m.Attr("id")),
				DisplayText: displayName(m.Child("display-text").Text()),
				Type:        word(m.Child("type").Text()),
				Status:      word(m.Child("status").Text()),
				Label:       ident(m.Child("label").Text()),
				SrcID:       ident(m.Child("src-id").Text()),
			})
		}
		u.Endpoints = append(u.Endpoints, p)
	}
	return u
}

// boolean reads an xs:boolean; "" is neither.
func boolean(s string) string {
	switch word(s) {
	case "true", "1":
		return "true"
	case "false", "0":
		return "false"
	}
	return ""
}
