// Package offer keeps the offer/answer state of one session (RFC 3264) as far as
// a user agent needs it that leaves the descriptions themselves to its media:
// whose turn it is, what a description says about its streams, which codecs it may
// name, and whether a browser can use it.
package offer

import (
	"errors"
	"strings"

	"github.com/pion/sdp/v3"
)

// State of the exchange (RFC 3264 section 4, RFC 6337 section 2.1): at most one
// offer is open at a time.
//
//	                offer out     offer in     answer in   answer out   withdraw
//	Stable          LocalOffer    RemoteOffer  –           –            –
//	LocalOffer      –             –  (491)     Stable      –            Stable
//	RemoteOffer     –  (wait)     –  (500)     –           Stable       Stable
type State uint8

// The states.
const (
	Stable State = iota
	LocalOffer
	RemoteOffer
	numStates
)

func (s State) String() string { return [...]string{"stable", "local-offer", "remote-offer"}[s] }

// Input of the table above.
type Input uint8

// The inputs. Withdraw is a refused, failed or rolled back offer of either side.
const (
	OfferOut Input = iota
	OfferIn
	AnswerIn
	AnswerOut
	Withdraw
	numInputs
)

func (i Input) String() string {
	return [...]string{"offer out", "offer in", "answer in", "answer out", "withdraw"}[i]
}

var table = [numStates]map[Input]State{
	Stable:      {OfferOut: LocalOffer, OfferIn: RemoteOffer},
	LocalOffer:  {AnswerIn: Stable, Withdraw: Stable},
	RemoteOffer: {AnswerOut: Stable, Withdraw: Stable},
}

// ErrOrder: RFC 3264 does not allow this now.
var ErrOrder = errors.New("an offer is open already, or there is none to answer")

// Exchange is the state of one session.
type Exchange struct{ state State }

// State of the exchange.
func (e *Exchange) State() State { return e.state }

// Do takes the input, or refuses it with ErrOrder and changes nothing.
func (e *Exchange) Do(in Input) error {
	next, ok := table[e.state][in]
	if !ok {
		return ErrOrder
	}
	e.state = next
	return nil
}

// Valid reports whether text is a session description at all, so that garbage is
// answered before media is troubled with it.
func Valid(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("the session description is empty")
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return err
	}
	if len(d.MediaDescriptions) == 0 {
		return errors.New("the session description has no media")
	}
	return nil
}

// Reject makes the answer that refuses every stream of an offer (RFC 3264 section 6), for
// where SIP wants an answer and there is none to give. It is "" when the offer cannot be
// read.
func Reject(description string) string {
	var d sdp.SessionDescription
	if d.UnmarshalString(description) != nil || len(d.MediaDescriptions) == 0 {
		return ""
	}
	answer := sdp.SessionDescription{
		Origin:           sdp.Origin{Username: "-", SessionID: 1, SessionVersion: 1, NetworkType: "IN", AddressType: "IP4", UnicastAddress: "0.0.0.0"},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
	}
	for _, m := range d.MediaDescriptions {
		refused := &sdp.MediaDescription{MediaName: m.MediaName, ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		}}
		refused.MediaName.Port = sdp.RangedPort{}
		if mid, ok := m.Attribute("mid"); ok {
			refused.Attributes = append(refused.Attributes, sdp.Attribute{Key: "mid", Value: mid})
		}
		answer.MediaDescriptions = append(answer.MediaDescriptions, refused)
	}
	text, err := answer.Marshal()
	if err != nil {
		return ""
	}
	return string(text)
}
