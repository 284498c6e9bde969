package sipua

// Description is a session description on its way between the media and the network,
// for [Config.SDP].
type Description struct {
	Call  *Call
	Local bool // ours, about to be sent; otherwise the other side's, about to be applied
	Kind  DescriptionKind
	SDP   string
}

// DescriptionKind is what a session description is for (RFC 3264).
type DescriptionKind string

// The kinds of a description.
const (
	DescriptionOffer       DescriptionKind = "offer"
	DescriptionAnswer      DescriptionKind = "answer"
	DescriptionProvisional DescriptionKind = "pranswer" // an answer that another one may follow: early media
)

// Codecs say which codecs are used, and which are preferred. A pattern is the
// encoding name of RFC 4855, in any case, with "*" for any text and "?" for any one
// letter, and may have a clock rate: "opus", "G722", "PC*", "telephone-event/8000".
type Codecs struct {
	// Order puts the codecs of these patterns first, in this order.
	Order []string
	// Remove takes codecs out of offers and answers of both sides. An offer of the
	// other side of which nothing is left is answered 488.
	Remove []string
}

// Bandwidth bounds what each stream may take, in kbit/s (RFC 8866 section 5.8): of
// what is sent and of what the other side is asked to send. 0 means no bound.
type Bandwidth struct{ Audio, Video int }

// Stream is one stream of a session, as it was agreed last (RFC 3264 section 5.1).
type Stream struct {
	Kind      string          // "audio", "video", "application"
	Direction StreamDirection // as seen from here
	Refused   bool            // by one of the two sides
}

// StreamDirection says who sends.
type StreamDirection string

// The directions of a stream.
const (
	SendRecv StreamDirection = "sendrecv"
	SendOnly StreamDirection = "sendonly"
	RecvOnly StreamDirection = "recvonly"
	Inactive StreamDirection = "inactive"
)

// CallMediaChanged: what is sent and received has changed: hold, video, or what the
// other side makes of them. It comes after CallAnswered too.
type CallMediaChanged struct {
	Call    *Call
	Streams []Stream
}

func (CallMediaChanged) event() {}
