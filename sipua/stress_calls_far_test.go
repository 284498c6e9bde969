package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// rough is the other side of all calls of the stress test, as a Transport: it does what
// it likes, and keeps account of what the user agent may not do.
type rough struct {
	t     *testing.T
	rules *sipuatest.Peer // makes messages

	mu       sync.Mutex
	rnd      *rand.Rand
	kind     bool // everything is answered at once, and well
	refuses  bool // dials
	conns    []*roughConn
	faults   []string
	story    []string
	second   int64
	sent     int                 // by the user agent in that second
	asked    []*farAsked         // requests of the user agent without a final response
	rang     map[string]bool     // branches that have had a provisional response
	seqs     map[string]uint32   // of the user agent's last request, by dialog
	owed     map[string]*owedAck // 2xx without their ACK
	restored map[string]bool     // Call-IDs of calls that were gone on with
	unacked  []*sip.Request      // ACKs of ours that are late
	dialogs  []*farDialog
	mine     map[string]*sip.Request // our requests, by branch
}

// farAsked is a request of the user agent that waits for an answer.
type farAsked struct {
	req  *sip.Request
	conn *roughConn
	rseq int
	end  time.Time // of the user agent's wait for an answer, zero: it has none
	done bool      // the end does not move any more: canceled, or answered with 2xx
}

// late: the user agent does not wait for an answer any more (timers B and M, and 64*T1
// after a CANCEL).
func (a *farAsked) late() bool { return !a.end.IsZero() && time.Now().After(a.end) }

func (a *farAsked) ends() {
	if !a.done {
		a.end, a.done = time.Now().Add(25*time.Second), true
	}
}

// owedAck is a 2xx that the user agent has to acknowledge.
type owedAck struct {
	conn *roughConn
	at   time.Time
	line string
	res  *sip.Response
}

// farDialog is one dialog, seen from the far side.
type farDialog struct {
	invite *sip.Request
	res    *sip.Response
	tag    string // of the far side
	media  *sipuatest.Media
	over   bool
}

func (r *rough) fault(format string, a ...any) {
	if len(r.faults) < 5 {
		r.faults = append(r.faults, fmt.Sprintf(format, a...))
	}
}

func (r *rough) Dial(context.Context, string) (sipua.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses {
		return nil, errors.New("refused")
	}
	k := &roughConn{r: r, in: make(chan []byte, 10000), end: make(chan struct{})}
	r.conns = append(r.conns, k)
	return k, nil
}

type roughConn struct {
	r        *rough
	in       chan []byte
	end      chan struct{}
	reason   *sipua.CloseError
	halfOpen bool
}

func (k *roughConn) Read() ([]byte, error) {
	select {
	case m := <-k.in:
		return m, nil
	default:
	}
	select {
	case m := <-k.in:
		return m, nil
	case <-k.end:
		return nil, k.reason
	}
}

func (k *roughConn) Close(code int, reason string) {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	k.drop(code, reason)
}

func (k *roughConn) drop(code int, reason string) {
	r := k.r
	if k.reason != nil {
		return
	}
	k.reason = &sipua.CloseError{Code: code, Reason: reason}
	r.conns = slices.DeleteFunc(r.conns, func(other *roughConn) bool { return other == k })
	close(k.end)
}

func (k *roughConn) alive() bool { return k.reason == nil && !k.halfOpen }

func (k *roughConn) send(m sip.Message) {
	if !k.alive() {
		return
	}
	first, _, _ := strings.Cut(m.String(), "\r\n")
	k.r.tell("< " + first + " " + m.CSeq().Value() + " " + tag(value(m, "To")))
	select {
	case k.in <- []byte(m.String()):
	default:
		k.r.fault("10000 messages wait to be read")
	}
}

func (r *rough) tell(s string) {
	r.story = append(r.story, time.Now().Format("15:04:05.000 ")+s)
	if len(r.story) > 400 {
		r.story = r.story[200:]
	}
}

// send over whatever connection there is.
func (r *rough) send(m sip.Message) {
	if len(r.conns) > 0 {
		r.conns[r.rnd.IntN(len(r.conns))].send(m)
	}
}

func (k *roughConn) Write(data []byte) error {
	r := k.r
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case k.reason != nil:
		return errors.New("closed")
	case k.halfOpen:
		return nil
	case string(data) == "\r\n\r\n":
		k.in <- []byte("\r\n")
		return nil
	case string(data) == "\r\n":
		return nil
	}
	msg, err := sip.ParseMessage(data)
	if err != nil {
		r.fault("the user agent sent what does not parse: %q", data)
		return nil
	}
	line, _, _ := strings.Cut(string(data), "\r\n")
	r.tell("> " + line + " " + msg.CSeq().Value() + " " + tag(value(msg, "To")))
	if now := time.Now().Unix(); now != r.second {
		r.second, r.sent = now, 0
	}
	if r.sent++; r.sent == mostSent {
		r.fault("%d messages in a second: %v", mostSent, r.story[max(0, len(r.story)-20):])
	}
	switch m := msg.(type) {
	case *sip.Request:
		k.asks(m)
	case *sip.Response:
		k.answers(m)
	}
	return nil
}

// asks takes a request of the user agent.
func (k *roughConn) asks(req *sip.Request) {
	r := k.r
	branch := value(req, "Via")
	inside := tag(value(req, "To")) != ""
	key := value(req, "Call-ID") + " " + tag(value(req, "From")) + " " + tag(value(req, "To"))
	switch req.Method {
	case "ACK":
		delete(r.owed, ackKey(req))
		if d := r.dialogOf(req); d != nil && len(req.Body()) > 0 && d.media.State() == sipuatest.HaveLocalOffer {
			_ = d.media.ApplyAnswer(context.Background(), string(req.Body()), false) // or it is broken now
		}
		return
	case "CANCEL":
		if !r.rang[branch] {
			r.fault("a CANCEL without a provisional response (section 9.1): %s", req.StartLine())
		}
		k.send(r.rules.NewResponse(req, 200, "OK"))
		for _, a := range r.asked {
			if value(a.req, "Via") == branch && a.req.Method == "INVITE" {
				a.ends()
				if r.kind || r.rnd.IntN(3) > 0 {
					r.finally(a, 487)
				}
				return
			}
		}
		return
	case "REGISTER":
		k.send(r.rules.NewResponse(req, 200, "OK", h("Contact", value(req, "Contact")), h("Require", "outbound")))
		return
	}
	if before, ok := r.seqs[key]; ok && !r.restored[value(req, "Call-ID")] && req.CSeq().SeqNo <= before {
		r.fault("section 12.2.1.1: CSeq %d after %d in %s", req.CSeq().SeqNo, before, req.StartLine())
	}
	if inside || req.Method == "INVITE" {
		r.seqs[key] = req.CSeq().SeqNo
	}
	if req.Method == "INVITE" && inside && !r.restored[value(req, "Call-ID")] {
		for _, a := range r.asked {
			if a.conn == k && k.alive() && a.req.Method == "INVITE" && tag(value(a.req, "To")) == tag(value(req, "To")) && value(a.req, "Call-ID") == value(req, "Call-ID") {
				r.fault("section 14.1: an INVITE while the one before is not answered")
			}
		}
	}
	a := &farAsked{req: req, conn: k, end: time.Now().Add(25 * time.Second)}
	r.asked = append(r.asked, a)
	switch {
	case r.kind && req.Method == "INVITE" && !inside:
		r.finally(a, 486)
	case r.kind && r.dialogOf(req) == nil && inside:
		r.finally(a, 481)
	case r.kind:
		r.finally(a, 200)
	case r.rnd.IntN(3) > 0:
		r.respond(a)
	}
}

func ackKey(m sip.Message) string {
	return value(m, "Call-ID") + " " + tag(value(m, "To")) + " " + fmt.Sprint(m.CSeq().SeqNo)
}

// dialogOf finds the dialog of a request of the user agent.
func (r *rough) dialogOf(req *sip.Request) *farDialog {
	for _, d := range r.dialogs {
		if d.invite.CallID().Value() == req.CallID().Value() && d.tag == tag(value(req, "To")) {
			return d
		}
	}
	return nil
}

// respond answers in some way.
func (r *rough) respond(a *farAsked) {
	inside := tag(value(a.req, "To")) != ""
	switch n := r.rnd.IntN(20); {
	case a.req.Method == "INVITE" && n < 10 && !inside:
		r.provisional(a)
	case a.req.Method == "INVITE" && n < 3:
		r.provisional(a)
	case n < 16:
		r.finally(a, 200)
	case a.req.Method == "INVITE" && !inside:
		r.finally(a, []int{302, 401, 404, 422, 486, 487, 503, 603}[r.rnd.IntN(8)])
	default:
		r.finally(a, []int{401, 408, 481, 488, 491, 491, 500, 503, 603, 422}[r.rnd.IntN(10)])
	}
}

var farForks = []string{"a", "b", "c"}

// provisional sends a 1xx.
func (r *rough) provisional(a *farAsked) {
	if a.late() {
		return
	}
	if !a.done {
		a.end = time.Time{}
	}
	status := []int{100, 180, 180, 183, 183, 183, 182, 199}[r.rnd.IntN(8)]
	if status == 100 {
		r.rang[value(a.req, "Via")] = true
		a.conn.send(r.rules.NewResponse(a.req, 100, "Trying"))
		return
	}
	var headers []sip.Header
	if r.rnd.IntN(2) == 0 && status != 199 {
		a.rseq++
		if r.rnd.IntN(6) == 0 {
			a.rseq++ // one is lost
		}
		headers = []sip.Header{h("Require", "100rel"), h("RSeq", itoa(a.rseq))}
	}
	if r.rnd.IntN(4) > 0 {
		headers = append(headers, farAllow)
	}
	if r.rnd.IntN(4) == 0 {
		headers = append(headers, h("P-Asserted-Identity", "<sip:"+itoa(r.rnd.IntN(100))+"@example.com>"))
	}
	r.rang[value(a.req, "Via")] = true
	r.answer(a, status, status != 199 && r.rnd.IntN(2) == 0, headers...)
}

var farAllow = h("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, INFO")

// finally sends a final response.
func (r *rough) finally(a *farAsked, status int) {
	if a.late() && a.req.Method == "INVITE" {
		r.asked = slices.DeleteFunc(r.asked, func(other *farAsked) bool { return other == a })
		return
	}
	more := status == 200 && a.req.Method == "INVITE" && tag(value(a.req, "To")) == "" && !r.kind && r.rnd.IntN(3) == 0
	if !more { // else another fork answers too
		r.asked = slices.DeleteFunc(r.asked, func(other *farAsked) bool { return other == a })
	}
	if more {
		a.ends()
	}
	var headers []sip.Header
	switch status {
	case 200:
		headers = append(headers, farAllow)
		if r.rnd.IntN(3) == 0 {
			headers = append(headers, h("Session-Expires", itoa(90+r.rnd.IntN(200))+";refresher="+[]string{"uac", "uas"}[r.rnd.IntN(2)]))
		}
		if a.req.Method == "REFER" && r.rnd.IntN(4) == 0 {
			headers = append(headers, h("Refer-Sub", "false"))
		}
		if r.rnd.IntN(8) == 0 {
			headers = append(headers, h("P-Asserted-Identity", "<sip:"+itoa(r.rnd.IntN(100))+"@example.com>"))
		}
	case 302:
		headers = append(headers, h("Contact", "<sip:"+itoa(r.rnd.IntN(5))+"@example.com>"))
	case 401:
		headers = append(headers, h("WWW-Authenticate", fmt.Sprintf(`Digest realm="example.com", nonce="%d", qop="auth"`, r.rnd.IntN(1000))))
	case 422:
		headers = append(headers, h("Min-SE", itoa(100+r.rnd.IntN(9000))))
	case 500, 503:
		headers = append(headers, h("Retry-After", itoa(r.rnd.IntN(20))))
	}
	wants := a.req.Method == "INVITE" || len(a.req.Body()) > 0 && (a.req.Method == "UPDATE" || a.req.Method == "PRACK")
	r.answer(a, status, status == 200 && wants && r.rnd.IntN(12) > 0, headers...)
	if a.req.Method == "BYE" && status == 200 {
		if d := r.dialogOf(a.req); d != nil {
			d.over = true
		}
	}
}

// answer sends a response, of some fork where the INVITE makes dialogs.
func (r *rough) answer(a *farAsked, status int, sdp bool, headers ...sip.Header) {
	res := r.rules.NewResponse(a.req, status, "Reason", headers...)
	d := r.dialogOf(a.req)
	if a.req.Method == "INVITE" && tag(value(a.req, "To")) == "" && status < 300 {
		name := farForks[r.rnd.IntN(len(farForks))]
		res.To().Params.Remove("tag")
		res.To().Params.Add("tag", name+itoa(int(a.req.CSeq().SeqNo)))
		res.ReplaceHeader(h("Contact", "<sip:"+name+"@"+name+".invalid;transport=ws>"))
		d = nil
		for _, other := range r.dialogs {
			if other.invite == a.req && other.tag == tag(value(res, "To")) {
				d = other
			}
		}
		if d == nil {
			d = &farDialog{invite: a.req, tag: tag(value(res, "To")), media: newFar()}
			r.dialogs = append(r.dialogs, d)
		}
		d.res = res
	}
	if sdp && d != nil {
		if text := r.describe(d, string(a.req.Body())); text != "" {
			sipuatest.SetSDP(res, text)
		}
	}
	if status >= 200 && status < 300 && a.req.Method == "INVITE" && a.conn.alive() && !a.late() {
		if _, owed := r.owed[ackKey(res)]; !owed {
			r.owed[ackKey(res)] = &owedAck{a.conn, time.Now(), res.StartLine() + " " + ackKey(res), res}
		}
	}
	a.conn.send(res)
}

// describe makes an answer to an offer, or an offer where there is none; now and then
// something else.
func (r *rough) describe(d *farDialog, offer string) (sdp string) {
	ctx := context.Background()
	if !r.kind && r.rnd.IntN(20) == 0 {
		return []string{"v=0\r\nnonsense\r\n", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", plainOffer}[r.rnd.IntN(3)]
	}
	if offer == "" {
		if d.media.State() == sipuatest.HaveLocalOffer {
			return d.media.LocalSDP()
		}
		sdp, _ = d.media.CreateOffer(ctx, sipua.OfferOptions{Hold: r.rnd.IntN(3) == 0}) // "" from one that is closed
		return sdp
	}
	if d.res != nil && offer == string(d.invite.Body()) && d.media.LocalSDP() != "" {
		return d.media.LocalSDP() // again
	}
	if d.media.State() == sipuatest.HaveLocalOffer {
		_ = d.media.Rollback(ctx) // its state allows it
	}
	sdp, err := d.media.CreateAnswer(ctx, offer, sipua.OfferOptions{})
	if err != nil { // out of step: a new one
		d.media = newFar()
		sdp, _ = d.media.CreateAnswer(ctx, offer, sipua.OfferOptions{})
	}
	return sdp
}

const plainOffer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

// answers takes a response of the user agent.
func (k *roughConn) answers(res *sip.Response) {
	r := k.r
	req := r.mine[value(res, "Via")]
	if req == nil {
		if res.StatusCode/100 != 2 || res.CSeq().MethodName != "INVITE" {
			return // to something that was made up
		}
		r.fault("a 2xx to nothing: %s", res.StartLine())
		return
	}
	if req.Method != "INVITE" {
		if req.Method == "BYE" {
			for _, d := range r.dialogs {
				d.over = d.over || d.invite.CallID().Value() == req.CallID().Value()
			}
		}
		return
	}
	outside := tag(value(req, "To")) == ""
	switch {
	case res.StatusCode >= 300:
		k.send(r.rules.NewInDialogRequest("ACK", req, res))
	case res.StatusCode == 100:
	case res.StatusCode < 200:
		if outside {
			r.talked(req, res)
		}
		if value(res, "RSeq") != "" && (r.kind || r.rnd.IntN(4) > 0) {
			r.ask("PRACK", r.talked(req, res), h("RAck", value(res, "RSeq")+" "+req.CSeq().Value()))
		}
	default:
		var d *farDialog
		if outside {
			d = r.talked(req, res)
		} else {
			for _, other := range r.dialogs {
				if other.invite.CallID().Value() == req.CallID().Value() {
					d = other
				}
			}
		}
		if d == nil {
			return
		}
		ack := r.rules.NewInDialogRequest("ACK", req, res)
		if len(req.Body()) == 0 && len(res.Body()) > 0 {
			sdp := r.describe(d, string(res.Body()))
			if sdp != "" && (r.kind || r.rnd.IntN(10) > 0) {
				sipuatest.SetSDP(ack, sdp)
			}
		} else if len(res.Body()) > 0 && d.media.State() == sipuatest.HaveLocalOffer {
			_ = d.media.ApplyAnswer(context.Background(), string(res.Body()), false) // or it is broken now
		}
		if r.kind || r.rnd.IntN(3) > 0 {
			k.send(ack)
		} else if r.rnd.IntN(2) == 0 {
			r.unacked = append(r.unacked, ack)
		}
	}
}

// talked is the dialog that our INVITE and its response make.
func (r *rough) talked(req *sip.Request, res *sip.Response) *farDialog {
	for _, d := range r.dialogs {
		if d.invite.CallID().Value() == req.CallID().Value() {
			d.res = res
			return d
		}
	}
	d := &farDialog{invite: req, res: res, tag: tag(value(req, "From")), media: newFar()}
	r.dialogs = append(r.dialogs, d)
	return d
}

// ask sends a request of ours in a dialog.
func (r *rough) ask(method string, d *farDialog, headers ...sip.Header) {
	if d.invite == nil || d.res == nil {
		return
	}
	req := r.rules.NewInDialogRequest(method, d.invite, d.res, headers...)
	if (method == "INVITE" || method == "UPDATE") && r.rnd.IntN(4) > 0 {
		if sdp := r.describe(d, ""); sdp != "" {
			sipuatest.SetSDP(req, sdp)
		}
	}
	if method == "PRACK" && r.rnd.IntN(2) == 0 && d.res != nil {
		offer := ""
		if len(d.invite.Body()) == 0 {
			offer = string(d.res.Body())
		}
		if sdp := r.describe(d, offer); sdp != "" {
			sipuatest.SetSDP(req, sdp)
		}
	}
	r.mine[value(req, "Via")] = req
	r.send(req)
}

// step is one thing that the far side does.
func (r *rough) step() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var open []*farDialog
	for _, d := range r.dialogs {
		if !d.over && d.res != nil {
			open = append(open, d)
		}
	}
	switch n := r.rnd.IntN(20); {
	case n < 8 && len(r.asked) > 0:
		r.respond(r.asked[r.rnd.IntN(len(r.asked))])
	case n < 10 && len(r.unacked) > 0:
		r.send(r.unacked[0])
		r.unacked = r.unacked[1:]
	case n == 10:
		r.invite(open)
	case n == 11:
		for branch, req := range r.mine {
			if req.Method == "INVITE" && r.rnd.IntN(2) == 0 {
				cancel := r.rules.NewInDialogRequest("CANCEL", req, nil)
				r.mine[branch] = req
				r.send(cancel)
				break
			}
		}
	case n == 12: // retransmissions of 2xx
		for _, o := range r.owed {
			if o.conn.alive() {
				o.conn.send(o.res)
			}
		}
	case len(open) > 0:
		d := open[r.rnd.IntN(len(open))]
		method := []string{"BYE", "INVITE", "INVITE", "INVITE", "UPDATE", "UPDATE", "UPDATE", "INFO", "OPTIONS", "REFER", "NOTIFY", "NOTIFY", "PRACK", "MESSAGE", "ACK"}[r.rnd.IntN(15)]
		var headers []sip.Header
		switch method {
		case "REFER":
			headers = append(headers, h("Refer-To", "<sip:"+itoa(r.rnd.IntN(5))+"@example.com>"))
		case "NOTIFY":
			state := []string{"active;expires=60", "terminated;reason=noresource", "pending"}[r.rnd.IntN(3)]
			headers = append(headers, h("Event", "refer"), h("Subscription-State", state), h("Content-Type", "message/sipfrag"))
		case "PRACK":
			headers = append(headers, h("RAck", itoa(r.rnd.IntN(5))+" 1 INVITE"))
		}
		req := method
		if method == "NOTIFY" {
			n := r.rules.NewInDialogRequest("NOTIFY", d.invite, d.res, headers...)
			n.SetBody([]byte("SIP/2.0 " + []string{"100 Trying", "180 Ringing", "200 OK", "486 Busy Here"}[r.rnd.IntN(4)] + "\r\n"))
			r.send(n)
			return
		}
		r.ask(req, d, headers...)
	}
}

// invite calls the user agent.
func (r *rough) invite(open []*farDialog) {
	var headers []sip.Header
	switch r.rnd.IntN(4) {
	case 0:
		headers = append(headers, h("Supported", "100rel, timer"))
	case 1:
		headers = append(headers, h("Require", "100rel"))
	}
	if r.rnd.IntN(2) == 0 {
		headers = append(headers, farAllow)
	}
	if r.rnd.IntN(6) == 0 {
		headers = append(headers, h("Answer-Mode", "Auto"))
	}
	if len(open) > 0 && r.rnd.IntN(4) == 0 {
		d := open[r.rnd.IntN(len(open))]
		ours := tag(value(d.invite, "From"))
		if ours == d.tag && d.res != nil {
			ours = tag(value(d.res, "To"))
		}
		headers = append(headers, h("Replaces", d.invite.CallID().Value()+";to-tag="+ours+";from-tag="+d.tag))
	}
	req := r.rules.NewRequest("INVITE", "sip:1001@example.com", headers...)
	d := &farDialog{invite: req, tag: tag(value(req, "From")), media: newFar()}
	r.dialogs = append(r.dialogs, d)
	if r.rnd.IntN(4) > 0 {
		sipuatest.SetSDP(req, r.describe(d, ""))
	}
	r.mine[value(req, "Via")] = req
	r.send(req)
}

// overdue are 2xx that should have been acknowledged by now.
func (r *rough) overdue() (all []string) {
	for key, o := range r.owed {
		switch {
		case !o.conn.alive():
			delete(r.owed, key)
		case time.Since(o.at) > 25*time.Second:
			all = append(all, o.line)
		}
	}
	return all
}
