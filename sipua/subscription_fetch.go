package sipua

// fetchTable is the machine of a fetch (RFC 6665 section 4.4.3): one SUBSCRIBE with
// Expires 0 brings one NOTIFY, which ends it.
//
//	            2xx       refused     gone        deferred    lost        pending   active    over        again       silence     unsubscribe
//	trying      accepted  terminated  terminated  terminated  terminated  accepted  accepted  terminated  terminated  terminated  terminated
//	accepted    –         –           –           –           –           accepted  accepted  terminated  terminated  terminated  terminated
//
// A notifier that calls the subscription active instead of terminated has told its
// state all the same; what else it sends is taken until Timer N.
var fetchTable = subscriptionSteps{
	{SubscriptionTrying, onAccepted, SubscriptionAccepted, nil},
	{SubscriptionTrying, onRefused, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionTrying, onGone, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionTrying, onDeferred, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionTrying, onLost, SubscriptionTerminated, (*Subscription).over},
	{SubscriptionTrying, onPending, SubscriptionAccepted, nil},
	{SubscriptionTrying, onActive, SubscriptionAccepted, nil},
	{SubscriptionTrying, onOver, SubscriptionTerminated, (*Subscription).fetched},
	{SubscriptionTrying, onAgain, SubscriptionTerminated, (*Subscription).fetched},
	{SubscriptionTrying, onSilence, SubscriptionTerminated, (*Subscription).waitedLongEnough},
	{SubscriptionTrying, onUnsubscribe, SubscriptionTerminated, (*Subscription).forgo},

	{SubscriptionAccepted, onPending, SubscriptionAccepted, nil},
	{SubscriptionAccepted, onActive, SubscriptionAccepted, nil},
	{SubscriptionAccepted, onOver, SubscriptionTerminated, (*Subscription).fetched},
	{SubscriptionAccepted, onAgain, SubscriptionTerminated, (*Subscription).fetched},
	{SubscriptionAccepted, onSilence, SubscriptionTerminated, (*Subscription).waitedLongEnough},
	{SubscriptionAccepted, onUnsubscribe, SubscriptionTerminated, (*Subscription).forgo},
}

// fetched: the state was told, unless the reason is that there is none for us.
func (s *Subscription) fetched(e *subscriptionEvent) {
	switch e.reason {
	case "rejected", "noresource", "invariant":
		s.over(e)
	default:
		s.hold() // also when the NOTIFY has come before the 2xx
		s.finish(e.reason, e.after, nil)
	}
}

func (s *Subscription) waitedLongEnough(e *subscriptionEvent) {
	if s.notified {
		s.finish("", 0, nil)
		return
	}
	s.unheard(e)
}

// forgo gives it up. Nothing has to be ended at the other side.
func (s *Subscription) forgo(e *subscriptionEvent) {
	if e.done != nil {
		s.leavers = append(s.leavers, e.done)
	}
	if s.busy && s.request != nil {
		s.request.giveUp() // nobody waits for a password any more
	}
	s.finish("", 0, nil)
}
