package main

import (
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// desk has what the conferences of a page share: one AudioContext, because browsers
// allow few, which exists while somebody mixes.
type desk struct {
	host    js.Value
	context js.Value
	users   int
}

func newDesk(host js.Value) *desk { return &desk{host: host} }

func (d *desk) open() error {
	if d.users == 0 {
		context, err := try(func() js.Value { return d.host.Get("AudioContext").New() })
		if err != nil {
			return &sipua.Error{Code: sipua.CodeUnsupported, Reason: "this page cannot mix sound: it has no AudioContext", Err: err}
		}
		d.context = context
	}
	d.users++
	// A page that nobody has touched yet gets a context that stands still. While the
	// microphone is captured, browsers let it run.
	settleSilently(func() js.Value { return d.context.Call("resume") })
	return nil
}

func (d *desk) close() {
	if d.users--; d.users == 0 {
		settleSilently(func() js.Value { return d.context.Call("close") })
		d.context = js.Undefined()
	}
}

// mix is the sound of a conference as one of its calls sends it:
//
//	microphone ─▶ own gain ─┐
//	sound of the others ────┴─▶ gain of all ─▶ track that is sent
//
// Mute closes the first gain: the others are heard still. Hold closes the second:
// a party on hold hears neither us nor the rest of the conference.
type mix struct {
	desk     *desk
	sent     *sent // whose place the mix has
	own, all js.Value
	voice    js.Value   // source of the own sound
	nodes    []js.Value // sources of the others
	track    js.Value
}

// Mix implements sipua.Mixer.
func (p *peer) Mix(others []sipua.Media) error {
	if len(others) == 0 {
		p.stopMixing()
		return p.gone()
	}
	if err := p.gone(); err != nil {
		return err
	}
	if p.mix == nil {
		m, err := p.startMixing()
		if err != nil {
			return err
		}
		p.mix = m
	}
	p.mix.disconnect()
	_, err := try(func() js.Value {
		p.mix.speak()
		for _, other := range others {
			if o, ok := other.(*peer); ok && o != p && !o.closed && o.gone() == nil {
				p.mix.hear(o)
			}
		}
		return js.Undefined()
	})
	if err != nil {
		p.stopMixing()
		return err
	}
	p.silence()
	p.mix.sent.replace(p.mix.track)
	return nil
}

// startMixing makes the nodes that stay for the whole conference.
func (p *peer) startMixing() (*mix, error) {
	microphone := p.voice()
	if microphone == nil {
		return nil, &sipua.Error{Code: sipua.CodeUnsupported, Reason: "this call sends no sound: there is nothing to mix with"}
	}
	if err := p.desk.open(); err != nil {
		return nil, err
	}
	m := &mix{desk: p.desk, sent: microphone}
	_, err := try(func() js.Value {
		out := m.desk.context.Call("createMediaStreamDestination")
		m.own, m.all = m.desk.context.Call("createGain"), m.desk.context.Call("createGain")
		m.own.Call("connect", m.all)
		m.all.Call("connect", out)
		m.track = out.Get("stream").Call("getAudioTracks").Index(0)
		return js.Undefined()
	})
	if err != nil {
		m.desk.close()
		return nil, err
	}
	return m, nil
}

// stopMixing sends the own track again and frees everything.
func (p *peer) stopMixing() {
	m := p.mix
	if m == nil {
		return
	}
	p.mix = nil
	if p.gone() == nil && m.sent.track.Truthy() {
		m.sent.silence(p.muted || p.wanted.hold, false)
		if !m.sent.blank.Truthy() {
			m.sent.replace(m.sent.track)
		}
	}
	m.disconnect()
	m.own.Call("disconnect")
	m.all.Call("disconnect")
	m.track.Call("stop")
	m.desk.close()
}

// hear adds what another call receives.
func (m *mix) hear(o *peer) {
	receivers := o.pc.Call("getReceivers")
	for i := range receivers.Length() {
		if track := receivers.Index(i).Get("track"); text(track, "kind") == "audio" {
			m.nodes = append(m.nodes, m.source(track, m.all))
		}
	}
}

// speak adds the own sound, in place of what was that before.
func (m *mix) speak() {
	m.hush()
	m.voice = m.source(m.sent.track, m.own)
}

func (m *mix) hush() {
	if m.voice.Truthy() {
		m.voice.Call("disconnect")
		m.voice = js.Undefined()
	}
}

// source feeds a track to a node.
func (m *mix) source(track, to js.Value) js.Value {
	stream := m.desk.host.Get("MediaStream").New(js.ValueOf([]any{track}))
	node := m.desk.context.Call("createMediaStreamSource", stream)
	node.Call("connect", to)
	return node
}

// disconnect takes all sources away.
func (m *mix) disconnect() {
	m.hush()
	for _, node := range m.nodes {
		node.Call("disconnect")
	}
	m.nodes = nil
}

func (m *mix) silence(muted, hold bool) {
	m.own.Get("gain").Set("value", gain(!muted))
	m.all.Get("gain").Set("value", gain(!hold))
}

func gain(on bool) int {
	if on {
		return 1
	}
	return 0
}
