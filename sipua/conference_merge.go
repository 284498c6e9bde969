package sipua

// Merge returns the state after the document c, when previous is the result of
// the Merge before, or the zero value at the beginning of a subscription. It
// follows RFC 4575 section 4.6; what it does with which version is written at
// [DocumentUpdate].
//
// Each part of a partial document has a state of its own. A full part, which is
// the default, replaces what was known; a deleted one removes it; a partial one
// is merged: what it tells replaces what was known, what it leaves out stays.
// Users and endpoints are known by their entity, streams by their id. After a
// document with the state deleted the conference is over, and that is all the
// result says.
func (c ConferenceInfo) Merge(previous ConferenceInfo) (ConferenceInfo, DocumentUpdate) {
	update := updateOf(c.State, c.Version, previous.State, previous.Version)
	if update != DocumentApplied {
		return previous, update
	}
	merged := ConferenceInfo{Entity: c.Entity, Version: c.Version, State: c.State}
	merged.Description.MaximumUserCount, merged.Status.UserCount = -1, -1
	switch c.State {
	case DocumentDeleted:
		return merged, update
	case DocumentPartial:
		merged = previous
		merged.Version = c.Version
	}
	merged.Description.merge(c.Description)
	merged.Status.merge(c.Status)
	switch c.UsersState {
	case "": // the document does not speak of them
	case DocumentDeleted:
		merged.UsersState, merged.Users = DocumentFull, nil
	case DocumentPartial:
		merged.UsersState, merged.Users = DocumentFull, mergeUsers(merged.Users, c.Users)
	default:
		merged.UsersState, merged.Users = DocumentFull, mergeUsers(nil, c.Users)
	}
	if merged.rows() > maxRows {
		return previous, DocumentGap
	}
	return merged, update
}

func (c ConferenceInfo) rows() (n int) {
	for i := range c.Users {
		n++
		for j := range c.Users[i].Endpoints {
			n += 1 + len(c.Users[i].Endpoints[j].Media)
		}
	}
	return n
}

func (d *ConferenceDescription) merge(changed ConferenceDescription) {
	switch changed.State {
	case "":
	case DocumentDeleted:
		*d = ConferenceDescription{MaximumUserCount: -1}
	case DocumentPartial:
		replace(&d.DisplayText, changed.DisplayText)
		replace(&d.Subject, changed.Subject)
		if changed.MaximumUserCount >= 0 {
			d.MaximumUserCount = changed.MaximumUserCount
		}
		d.State = DocumentFull
	default:
		*d = changed
		d.State = DocumentFull
	}
}

func (s *ConferenceStatus) merge(changed ConferenceStatus) {
	switch changed.State {
	case "":
	case DocumentDeleted:
		*s = ConferenceStatus{UserCount: -1}
	case DocumentPartial:
		if changed.UserCount >= 0 {
			s.UserCount = changed.UserCount
		}
		replace(&s.Active, changed.Active)
		replace(&s.Locked, changed.Locked)
		s.State = DocumentFull
	default:
		*s = changed
		s.State = DocumentFull
	}
}

// replace takes over what a partial element tells.
func replace(old *string, changed string) {
	if changed != "" {
		*old = changed
	}
}

// rowsOf finds known users, endpoints and streams by their keys. What has no key
// is never found.
type rowsOf map[string]int

func (r rowsOf) find(key string) (i int, ok bool) {
	if key != "" {
		i, ok = r[key]
	}
	return i, ok
}

// mergeUsers applies the users of a document to the known ones, which stay as
// they are: a result that was given away does not change. It goes by pointers
// because a copy of a large struct is a lot of code in WebAssembly.
func mergeUsers(known, changed []ConferenceUser) []ConferenceUser {
	merged := append([]ConferenceUser(nil), known...)
	row, seen := make(rowsOf), make(map[int]bool)
	for i := range merged {
		row[merged[i].Entity] = i
	}
	for j := range changed {
		u := &changed[j]
		i, ok := row.find(u.Entity)
		if u.State == DocumentDeleted {
			if ok {
				merged[i].State = DocumentDeleted
				delete(row, u.Entity)
			}
			continue
		}
		if !ok {
			i = len(merged)
			row[u.Entity] = i
			merged = append(merged, ConferenceUser{Entity: u.Entity})
		}
		one := &merged[i]
		known := one.Endpoints
		switch {
		case seen[i]: // some servers list a user once for each device
			one.Endpoints = append(known, mergeEndpoints(nil, u.Endpoints)...)
		case u.State == DocumentPartial:
			replace(&one.DisplayText, u.DisplayText)
			if u.Roles != nil {
				one.Roles = u.Roles
			}
			one.Endpoints = mergeEndpoints(known, u.Endpoints)
		default:
			*one = *u
			one.Endpoints = mergeEndpoints(nil, u.Endpoints)
		}
		one.State = DocumentFull
		seen[i] = true
	}
	left := merged[:0]
	for i := range merged {
		if merged[i].State != DocumentDeleted {
			left = append(left, merged[i])
		}
	}
	return left
}

// mergeEndpoints is mergeUsers for the endpoints of one user.
func mergeEndpoints(known, changed []ConferenceEndpoint) []ConferenceEndpoint {
	merged := append([]ConferenceEndpoint(nil), known...)
	row, seen := make(rowsOf), make(map[int]bool)
	for i := range merged {
		row[merged[i].Entity] = i
	}
	for j := range changed {
		p := &changed[j]
		i, ok := row.find(p.Entity)
		if p.State == DocumentDeleted {
			if ok {
				merged[i].State = DocumentDeleted
				delete(row, p.Entity)
			}
			continue
		}
		if !ok {
			i = len(merged)
			row[p.Entity] = i
			merged = append(merged, ConferenceEndpoint{Entity: p.Entity})
		}
		one := &merged[i]
		known := one.Media
		switch {
		case seen[i]: // twice in one document, which is not allowed
			one.Media = append(known, p.Media...)
		case p.State == DocumentPartial:
			replace(&one.DisplayText, p.DisplayText)
			replace(&one.Status, p.Status)
			replace(&one.JoiningMethod, p.JoiningMethod)
			replace(&one.DisconnectionMethod, p.DisconnectionMethod)
			one.Media = mergeMedia(known, p.Media)
		default:
			*one = *p
			one.Media = mergeMedia(nil, p.Media)
		}
		one.State = DocumentFull
		seen[i] = true
	}
	left := merged[:0]
	for i := range merged {
		if merged[i].State != DocumentDeleted {
			left = append(left, merged[i])
		}
	}
	return left
}

// mergeMedia puts streams over known ones. They have no state: each comes whole.
func mergeMedia(known, changed []ConferenceMedia) []ConferenceMedia {
	merged := append([]ConferenceMedia(nil), known...)
	row := make(rowsOf)
	for i := range merged {
		row[merged[i].ID] = i
	}
	for j := range changed {
		id := changed[j].ID
		i, ok := row.find(id)
		if !ok {
			row[id] = len(merged)
			merged = append(merged, changed[j])
			continue
		}
		merged[i] = changed[j]
	}
	return merged
}
