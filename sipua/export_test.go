package sipua

// RecoverSubscriptions does what the user agent does once the flow is back and a
// registration leads to it.
func (ua *UserAgent) RecoverSubscriptions() {
	ua.owner.post(func() { ua.subscriptions.recovered() })
}

// WantsFlow tells whether subscriptions, notifiers or publications want the flow
// kept up.
func (ua *UserAgent) WantsFlow() (active bool) {
	done := make(chan struct{})
	ua.owner.post(func() { active = ua.subscriptions.active(); close(done) })
	<-done
	return active
}
