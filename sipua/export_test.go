package sipua

// WantsFlow tells whether subscriptions, notifiers or publications want the flow
// kept up.
func (ua *UserAgent) WantsFlow() (active bool) {
	done := make(chan struct{})
	ua.owner.post(func() { active = ua.subscriptions.active(); close(done) })
	<-done
	return active
}
