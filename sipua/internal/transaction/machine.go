package transaction

// State of a transaction. Not every kind has every state.
type State uint8

// The states of RFC 3261 figures 5 to 8 and RFC 6026 figures 1 and 2.
const (
	Calling State = iota
	Trying
	Proceeding
	Accepted // RFC 6026 section 7
	Completed
	Confirmed
	Terminated
	numStates
)

var stateNames = [...]string{"Calling", "Trying", "Proceeding", "Accepted", "Completed", "Confirmed", "Terminated"}

func (s State) String() string { return stateNames[s] }

// input is what can happen to a transaction: a message from the network (…In),
// a message from the transaction user (…Out), a timer, or the end of the flow.
type input uint8

const (
	inProvisional  input = iota // client: 1xx received
	inSuccess                   // client: 2xx received
	inFailure                   // client: 3xx–6xx received
	inRequest                   // server: the request again
	inAck                       // server: ACK received
	outProvisional              // server: the TU sends 1xx
	outSuccess                  // server: the TU sends 2xx
	outFailure                  // server: the TU sends 3xx–6xx
	timeout                     // B, F, H, L or M, whichever the state runs
	flowLost                    // the flow is gone (transport error of the figures)
	numInputs
)

var inputNames = [...]string{"1xx in", "2xx in", "3xx-6xx in", "request in", "ACK in", "1xx out", "2xx out", "3xx-6xx out", "timeout", "flow lost"}

func (i input) String() string { return inputNames[i] }

// action is what a step does besides changing the state. Several may be joined.
type action uint8

const (
	send    action = 1 << iota // put the TU's message on the wire
	resend                     // put the last response on the wire again
	ack                        // send the ACK of section 17.1.1.3
	deliver                    // give the message to the TU
	fail                       // tell the TU: time-out or lost flow
	wait                       // start the timer of the new state
	leave                      // the layer forgets the transaction, which may go on over another flow
	stay                       // the input is expected here and changes nothing
)

// step is one cell: the next state and what is done. The zero step is an input
// that cannot happen or is ignored: the state stays.
type step struct {
	next State
	do   action
}

// table holds the steps of one kind of transaction. A cell that is not listed
// means: ignore the input.
type table map[State]map[input]step

// INVITE client transaction: RFC 3261 figure 5 with RFC 6026 figure 1.
// Timer B (64·T1) runs in Calling, M (64·T1) in Accepted. D is zero on a
// reliable flow, so Completed is passed through at once.
//
//	            1xx in             2xx in              3xx-6xx in              timeout          flow lost
//	Calling     Proceeding,deliver Accepted,deliver    Terminated,ack+deliver  Terminated,fail  Terminated,fail
//	Proceeding  Proceeding,deliver Accepted,deliver    Terminated,ack+deliver  –                Terminated,fail
//	Accepted    –                  Accepted,deliver    –                       Terminated       Terminated
//
// RFC 6026 section 7.1: in Accepted a 2xx goes to the TU, each time, and nothing else does.
var inviteClient = table{
	Calling: {
		inProvisional: {Proceeding, deliver},
		inSuccess:     {Accepted, deliver | wait},
		inFailure:     {Terminated, ack | deliver},
		timeout:       {Terminated, fail},
		flowLost:      {Terminated, fail},
	},
	Proceeding: {
		inProvisional: {Proceeding, deliver},
		inSuccess:     {Accepted, deliver | wait},
		inFailure:     {Terminated, ack | deliver},
		flowLost:      {Terminated, fail},
	},
	Accepted: {
		inSuccess: {Accepted, deliver},
		timeout:   {Terminated, stay},
		flowLost:  {Terminated, stay},
	},
}

// Non-INVITE client transaction: RFC 3261 figure 6. Timer F (64·T1) runs in
// Trying and goes on in Proceeding; K is zero on a reliable flow.
//
//	            1xx in              2xx, 3xx-6xx in      timeout          flow lost
//	Trying      Proceeding,deliver  Terminated,deliver   Terminated,fail  Terminated,fail
//	Proceeding  Proceeding,deliver  Terminated,deliver   Terminated,fail  Terminated,fail
var nonInviteClient = table{
	Trying: {
		inProvisional: {Proceeding, deliver},
		inSuccess:     {Terminated, deliver},
		inFailure:     {Terminated, deliver},
		timeout:       {Terminated, fail},
		flowLost:      {Terminated, fail},
	},
	Proceeding: {
		inProvisional: {Proceeding, deliver},
		inSuccess:     {Terminated, deliver},
		inFailure:     {Terminated, deliver},
		timeout:       {Terminated, fail},
		flowLost:      {Terminated, fail},
	},
}

// INVITE server transaction: RFC 3261 figure 7 with RFC 6026 figure 2. H
// (64·T1) runs in Completed, L (64·T1) in Accepted; G never runs and I is zero
// on a reliable flow, so Confirmed is passed through at once.
//
//	            request in  ACK in               1xx out     2xx out        3xx-6xx out     timeout          flow lost
//	Proceeding  resend      –                    send        Accepted,send  Completed,send  –                leave,fail
//	Accepted    –           deliver              –           Accepted,send  –               Terminated       leave
//	Completed   resend      Terminated           –           –              –               Terminated,fail  Terminated,fail
//
// RFC 6026 section 7.1: in Accepted a request again is absorbed, since the TU
// retransmits the 2xx, and the ACK goes to the TU. Over a long ring a flow may be lost
// and come back: the proxy knows the response by the branch in its own Via, whatever
// connection brings it (section 18.1.2), so that the TU may answer over the next flow: Move.
var inviteServer = table{
	Proceeding: {
		inRequest:      {Proceeding, resend},
		outProvisional: {Proceeding, send},
		outSuccess:     {Accepted, send | wait},
		outFailure:     {Completed, send | wait},
		flowLost:       {Proceeding, leave | fail},
	},
	Accepted: {
		inAck:      {Accepted, deliver},
		outSuccess: {Accepted, send},
		timeout:    {Terminated, stay},
		flowLost:   {Accepted, leave},
	},
	Completed: {
		inRequest: {Completed, resend},
		inAck:     {Terminated, stay},
		timeout:   {Terminated, fail},
		flowLost:  {Terminated, fail},
	},
}

// Non-INVITE server transaction: RFC 3261 figure 8. J is zero on a reliable
// flow, so Completed is passed through at once.
//
//	            request in  1xx out           2xx, 3xx-6xx out  flow lost
//	Trying      –           Proceeding,send   Terminated,send   Terminated,fail
//	Proceeding  resend      Proceeding,send   Terminated,send   Terminated,fail
var nonInviteServer = table{
	Trying: {
		outProvisional: {Proceeding, send},
		outSuccess:     {Terminated, send},
		outFailure:     {Terminated, send},
		flowLost:       {Terminated, fail},
	},
	Proceeding: {
		inRequest:      {Proceeding, resend},
		outProvisional: {Proceeding, send},
		outSuccess:     {Terminated, send},
		outFailure:     {Terminated, send},
		flowLost:       {Terminated, fail},
	},
}
