package sipua

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// Trickle says which candidates may follow their description, in INFO inside the
// dialog (RFC 8838, RFC 8840).
type Trickle string

// What Trickle may be. The first offer of a call goes to somebody of whom nothing is
// known: with half trickle it has its candidates, and everything after it goes at once
// where the other side has said that it trickles. An INVITE without an offer is always
// answered with one that has its candidates.
const (
	TrickleOff  Trickle = "off"  // none
	TrickleHalf Trickle = "half" // those of answers, and of offers within a dialog
	TrickleFull Trickle = "full" // those of the first offer too: every other side is known to trickle (RFC 8840 section 5.1)
)

func (t Trickle) check() error {
	switch t {
	case "", TrickleOff, TrickleHalf, TrickleFull:
		return nil
	}
	return fmt.Errorf("Trickle %q is none of off, half and full", clean(string(t), 20))
}

func (t Trickle) on() bool { return t == TrickleHalf || t == TrickleFull }

// The option tag, and the info package of the same name (RFC 8840 section 10).
const (
	trickleICE   = "trickle-ice"
	fragmentType = "application/trickle-ice-sdpfrag"
)

// trickle is what a call has told of its own candidates.
type trickle struct {
	local string // our description as it stands
	told  string // the fragment that the other side has, in a description or an INFO
	ufrag string // of the description that it was given last
	busy  bool   // an INFO is on its way
	deaf  bool   // it does not take them, whatever it has said
}

// heard are candidates of the other side. Each fragment has all of its generation (RFC
// 8840 section 4.4), so that the last one is enough.
type heard struct {
	last  offer.Candidates
	media *mediaWorker    // that has got
	ufrag string          // of this generation
	given map[string]bool // these
}

// trickleMode is that of the call.
func (c *Call) trickleMode() Trickle {
	if c.direction == Outgoing && c.outgoing.options.Trickle != "" {
		return c.outgoing.options.Trickle
	}
	return c.ua.cfg.Trickle
}

// trickles tells whether the side that this description is of takes candidates in
// INFO: it has to say so in both (RFC 8840 section 4.3, RFC 6086 section 4.2.1).
func (c *Call) trickles(remote string) bool {
	return c.trickleMode().on() && !c.trickling.deaf && slices.Contains(c.infoPackages, trickleICE) && offer.Trickles(remote)
}

// described notes the description that the other side is given.
func (c *Call) described(sdp string) {
	own := offer.CandidatesOf(sdp)
	c.trickling.told, c.trickling.ufrag = own.Fragment(), own.Ufrag
}

// candidatesFound takes our description with what it has gained.
func (c *Call) candidatesFound(w *mediaWorker, sdp string) {
	if w == c.media && c.state != Ended {
		c.trickling.local = sdp
		c.tellCandidates()
	}
}

// tellable is the leg in which an INFO with our candidates may go now, nil when it has
// to wait: for the end of the exchange that they belong to, and until it is certain
// that the other side has the dialog, by its ACK or PRACK or by ours (RFC 8840 section
// 4.3). One is on its way at a time.
func (c *Call) tellable() *leg {
	l := c.voice
	switch {
	case l == nil, c.trickling.busy, c.over(l), c.survival.flowless, l.exchange.State() != offer.Stable, !c.trickles(l.remote):
		return nil
	case l.early() && c.direction == Incoming:
		if !c.incoming.sent || c.incoming.progress.pending != nil {
			return nil
		}
	case l.early():
		if !l.answered || l.pracks > 0 || l.fork.Ended {
			return nil
		}
	case c.unacked.waits(), c.direction == Outgoing && c.outgoing.request != nil && l.ack == nil:
		return nil
	}
	return l
}

// tellCandidates sends what the other side has not got of our candidates, together with
// what it has (section 4.4).
func (c *Call) tellCandidates() {
	t := &c.trickling
	l := c.tellable()
	if l == nil {
		return
	}
	own := offer.CandidatesOf(t.local)
	fragment := own.Fragment()
	if fragment == "" || fragment == t.told || own.Ufrag != t.ufrag {
		return
	}
	t.busy = true
	c.requestIn(l, func() *sip.Request {
		req := l.dialog.Request(sip.INFO)
		(&InfoOptions{Package: trickleICE, ContentType: fragmentType, Body: []byte(fragment)}).apply(req)
		return req
	}, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		t.busy = false
		switch {
		case err == nil && res.StatusCode < 300:
			if t.ufrag == own.Ufrag {
				t.told = fragment
			}
		case err != nil && lostFlow(err): // what follows over the next flow has them all
			return
		default:
			t.deaf = true
			if err == nil {
				err = rejected(res)
			}
			c.ua.protocolError("the other side does not take candidates: "+err.Error(), c.id)
		}
		c.tellCandidates()
	})
}

// receiveCandidates takes an INFO with candidates of the other side.
func (c *Call) receiveCandidates(l *leg, req *sip.Request, tx *transaction.Server) {
	if kind, _, _ := strings.Cut(contentTypeOf(req), ";"); !strings.EqualFold(strings.TrimSpace(kind), fragmentType) {
		c.ua.respond(tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", fragmentType))
		return
	}
	candidates, err := offer.ParseFragment(string(req.Body()))
	if err != nil {
		c.ua.respond(tx, sip.StatusBadRequest, "Bad Request: the fragment cannot be read")
		c.ua.protocolError("candidates cannot be read: "+err.Error(), req.StartLine())
		return
	}
	l.heard.last = candidates
	c.ua.respond(tx, sip.StatusOK, "OK")
	c.addCandidates(l)
}

// addCandidates gives the media what it has not got of the other side's candidates.
// Those of another generation than the description that it has are left: they are for
// one that has not come, or are of the past.
func (c *Call) addCandidates(l *leg) {
	h := &l.heard
	known := offer.CandidatesOf(l.remote)
	if h.last.Ufrag == "" || c.voice != l || c.over(l) || h.last.Ufrag != known.Ufrag || h.last.Pwd != known.Pwd {
		return
	}
	if h.media != c.media || h.ufrag != h.last.Ufrag {
		h.media, h.ufrag, h.given = c.media, h.last.Ufrag, map[string]bool{}
		for _, s := range known.Streams {
			for _, candidate := range s.Candidates {
				h.given[s.Mid+" "+candidate] = true
			}
		}
	}
	var fresh []Candidate
	add := func(mid, candidate string) {
		key := mid + " " + candidate
		if !h.given[key] && len(h.given) < maxHeard {
			h.given[key] = true
			fresh = append(fresh, Candidate{Candidate: candidate, Mid: mid, Ufrag: h.ufrag})
		}
	}
	for _, s := range h.last.Streams {
		for _, candidate := range s.Candidates {
			add(s.Mid, candidate)
		}
		if s.End {
			add(s.Mid, "")
		}
	}
	if len(fresh) == 0 {
		return
	}
	c.media.run(func(ctx context.Context, m Media) (string, error) {
		var all error
		for _, candidate := range fresh {
			all = errors.Join(all, m.AddCandidate(ctx, candidate))
		}
		return "", all
	}, func(_ string, err error) {
		if err != nil && c.state != Ended {
			c.ua.protocolError("a candidate cannot be used: "+err.Error(), c.id)
		}
	})
}

// maxHeard bounds the candidates of one generation.
const maxHeard = 512

// offerWhole: the first offer went without its candidates, and whoever has answered it
// takes none in INFO. It is offered them in a re-INVITE.
func (c *Call) offerWhole() {
	own := offer.CandidatesOf(c.outgoing.offer)
	ended := slices.ContainsFunc(own.Streams, func(s offer.StreamCandidates) bool { return s.End })
	if c.trickleMode() == TrickleFull && offer.Trickles(c.outgoing.offer) && !ended && own.Ufrag == c.trickling.ufrag && !c.trickles(c.leg.remote) {
		c.queueFirst(&change{end: func(error) {}})
	}
}
