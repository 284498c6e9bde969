package main

// fakePeer is the media side of the page: mediaDevices, MediaStream and an
// RTCPeerConnection that takes descriptions only in the signalling states of W3C
// WebRTC section 4.4.1. Candidates and connection states come when the test says
// so, gathering is over at once unless page.slowGathering is set.
//
//	page.microphone   undefined: allowed; { reject }: refused; "ask": waits in page.prompts
//	page.screen       the same for getDisplayMedia, without "ask"
//	page.failing      { method: name of the exception }, once
//	page.noProvisional  provisional answers are refused, as Firefox does
//	page.hanging      the method whose promise never settles: as when the page
//	                  closes the peer connection meanwhile
const fakePeer = `
class Track extends Target {
	enabled = true; readyState = "live"; stops = 0; clones = [];
	constructor(kind) { super(); this.kind = kind; }
	stop() { this.stops++; this.readyState = "ended"; }
	clone() { const c = Object.assign(new Track(this.kind), { enabled: this.enabled, readyState: this.readyState }); this.clones.push(c); return c; }
	end() { this.readyState = "ended"; this.fire("ended"); }
}
page.MediaStream = class MediaStream { // of kinds, for tests, or of a list of tracks
	#tracks;
	constructor(...of) {
		this.#tracks = Array.isArray(of[0]) ? of[0] : of.map((k) => new Track(k));
		if (!Array.isArray(of[0])) page.streams.push(this);
	}
	getTracks() { return [...this.#tracks]; }
	getAudioTracks() { return this.#tracks.filter((t) => t.kind === "audio"); }
	getVideoTracks() { return this.#tracks.filter((t) => t.kind === "video"); }
	addTrack(t) { if (!this.#tracks.includes(t)) this.#tracks.push(t); }
	removeTrack(t) { this.#tracks = this.#tracks.filter((other) => other !== t); }
};
page.mediaDevices = {
	getUserMedia(constraints) {
		page.asked.push(constraints);
		if (!constraints?.audio && !constraints?.video) return Promise.reject(new TypeError("audio or video must be asked for"));
		const stream = () => new page.MediaStream(...["video", "audio"].filter((k) => constraints[k]));
		if (page.microphone === "ask") return new Promise((resolve, reject) => page.prompts.push({ allow: () => resolve(stream()), deny: reject }));
		return page.microphone ? Promise.reject(page.microphone.reject) : Promise.resolve(stream());
	},
	getDisplayMedia(constraints) {
		page.asked.push(constraints);
		return page.screen ? Promise.reject(page.screen.reject) : Promise.resolve(new page.MediaStream("video"));
	},
};

const reverse = { sendrecv: "sendrecv", sendonly: "recvonly", recvonly: "sendonly", inactive: "inactive" };
const both = (a, b) => { // RFC 3264 section 6.1
	const sends = /^send/.test(a) && /^send/.test(b), receives = /recv/.test(a) && /recv/.test(b);
	return sends ? receives ? "sendrecv" : "sendonly" : receives ? "recvonly" : "inactive";
};
const sections = (sdp) => {
	if (!/^v=0\r\n/.test(sdp)) throw new DOMException("no session description", "OperationError");
	return sdp.split(/^m=/m).slice(1).map((s) => ({ kind: /^\w+/.exec(s)[0], direction: /^a=(sendrecv|sendonly|recvonly|inactive)\r$/m.exec(s)?.[1] ?? "sendrecv" }));
};
const wrong = (what) => new DOMException(what, "InvalidStateError");

class DTMFSender extends Target {
	inserted = [];
	constructor(transceiver) { super(); this.transceiver = transceiver; }
	get canInsertDTMF() { return !page.noTelephoneEvents && /^send/.test(this.transceiver.currentDirection ?? ""); }
	insertDTMF(tones, duration = 100, gap = 70) {
		if (!this.canInsertDTMF) throw wrong("no telephone events were negotiated");
		if (/[^0-9A-D#*,]/i.test(tones)) throw new DOMException("no such tone", "InvalidCharacterError");
		this.inserted.push({ tones, duration, gap });
	}
}
class Sender {
	streams = []; everSent = false; #transceiver;
	constructor(transceiver, track) {
		this.#transceiver = transceiver;
		this.track = track;
		this.dtmf = transceiver.kind === "audio" ? new DTMFSender(transceiver) : null;
	}
	get unused() { return !this.track && !this.everSent; }
	setStreams(...streams) { this.streams = streams; }
	async replaceTrack(track) {
		if (track && !(track instanceof Track)) throw new TypeError("not a MediaStreamTrack");
		if (track && track.kind !== this.#transceiver.kind) throw new TypeError("of another kind");
		if (this.#transceiver.stopped) throw wrong("the transceiver is stopped");
		const name = page.failing.replaceTrack;
		delete page.failing.replaceTrack;
		if (name) throw new DOMException("replaceTrack fails", name);
		await null; // in the operations chain
		this.track = track;
	}
}
class Transceiver {
	stopped = false; mid = null; currentDirection = null;
	#direction;
	constructor(kind, track, direction) {
		this.kind = kind;
		this.#direction = direction;
		this.sender = new Sender(this, track);
		this.receiver = { track: new Track(kind) };
	}
	get direction() { return this.stopped ? "stopped" : this.#direction; }
	set direction(d) {
		if (this.stopped) throw wrong("the transceiver is stopped");
		if (reverse[d]) this.#direction = d; // an enumeration: other values do nothing
	}
	stop() { this.stopped = true; this.currentDirection = "stopped"; this.receiver.track.readyState = "ended"; }
}

page.RTCPeerConnection = class RTCPeerConnection extends Target {
	signalingState = "stable"; iceGatheringState = "new"; connectionState = "new"; iceConnectionState = "new"; log = []; applied = []; candidates = []; restarts = 0;
	#transceivers = []; #made = {}; #current = null; #pending = null; #remote = null; #generation = 0;
	constructor(configuration) {
		if (page.failing.RTCPeerConnection) throw new DOMException("an ICE server without a URL", page.failing.RTCPeerConnection);
		super();
		this.configuration = configuration;
		page.peers.push(this);
	}
	#in(...states) { if (!states.includes(this.signalingState)) throw wrong(this.log.at(-1) + " in " + this.signalingState); }
	#begin(what) {
		this.log.push(what);
		if (this.signalingState === "closed") throw wrong("the peer connection is closed");
		const name = page.failing[what];
		delete page.failing[what];
		if (name) throw new DOMException(what + " fails", name);
	}
	addTrack(track) {
		this.#begin("addTrack");
		if (!(track instanceof Track)) throw new TypeError("not a MediaStreamTrack");
		if (this.#transceivers.some((t) => t.sender.track === track)) throw new DOMException("added already", "InvalidAccessError");
		const unused = this.#transceivers.find((t) => t.kind === track.kind && (!t.stopped || t.mid === null) && t.sender.unused);
		if (unused) {
			if (unused.stopped) throw wrong("the existing transceiver is stopping"); // as Chromium has it
			unused.sender.track = track;
			unused.direction = /recv/.test(unused.direction) ? "sendrecv" : "sendonly";
			return unused.sender;
		}
		const added = new Transceiver(track.kind, track, "sendrecv");
		this.#transceivers.push(added);
		return added.sender;
	}
	addTransceiver(track, { direction = "sendrecv", streams = [] } = {}) {
		this.#begin("addTransceiver");
		const added = new Transceiver(track.kind, track, direction);
		added.sender.setStreams(...streams);
		this.#transceivers.push(added);
		return added;
	}
	getReceivers() { return this.#transceivers.map((t) => t.receiver); }
	getTransceivers() { return [...this.#transceivers]; }
	getSenders() { return this.#transceivers.map((t) => t.sender); }
	#describe(direction) {
		return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + this.#transceivers.filter((t) => !t.stopped).map((t, i) => {
			return "m=" + t.kind + " 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:" + i + "\r\na=ice-ufrag:" + this.restarts + "\r\na=" + direction(t, i) + "\r\n";
		}).join("");
	}
	async createOffer() {
		this.#begin("createOffer");
		if (page.hanging === "createOffer") await new Promise(() => {});
		this.#in("stable", "have-local-offer");
		return (this.#made.offer = { type: "offer", sdp: this.#describe((t) => t.direction) });
	}
	async createAnswer() {
		this.#begin("createAnswer");
		this.#in("have-remote-offer");
		const remote = sections(this.#remote);
		return (this.#made.answer = { type: "answer", sdp: this.#describe((t, i) => both(t.direction, reverse[remote[i]?.direction ?? "inactive"])) });
	}
	get localDescription() {
		const d = this.#pending ?? this.#current;
		return d && { type: d.type, sdp: d.sdp + this.candidates.map((c) => "a=" + c + "\r\n").join("") };
	}
	async setLocalDescription({ type, sdp }) {
		this.#begin("setLocalDescription " + type);
		if (type === "rollback") return this.#rollback();
		if (type === "offer") this.#in("stable", "have-local-offer");
		else this.#in("have-remote-offer");
		if (sdp !== this.#made[type]?.sdp) throw new DOMException("not the description made last", "InvalidModificationError");
		this.#pending = { type, sdp };
		if (type === "offer") {
			this.signalingState = "have-local-offer";
			this.#transceivers.filter((t) => !t.stopped).forEach((t, i) => {
				// As Chromium has it: what was stopped after a rollback takes its old place.
				const heir = this.#transceivers.find((other) => other.stopped && other.mid === null && other.place === i) ?? t;
				heir.fresh ||= heir.mid === null;
				heir.mid = String(heir.place = i);
			});
		} else this.#agree(sections(sdp).map((s) => s.direction));
		if (this.iceGatheringState === "complete") {
			if (this.#generation === this.restarts) return;
			this.#generation = this.restarts;
			this.candidates = [];
			setTimeout(() => this.gathering()); // the browser is late to say so
			return;
		}
		this.#generation = this.restarts;
		this.gathering();
	}
	gathering() {
		this.iceGatheringState = "gathering";
		this.fire("icegatheringstatechange");
		if (!page.slowGathering) queueMicrotask(() => this.gathered());
	}
	async setRemoteDescription({ type, sdp }) {
		this.#begin("setRemoteDescription " + type);
		if (type === "pranswer" && page.noProvisional) throw new DOMException("pranswer not yet implemented", "NotSupportedError");
		this.applied.push({ type, sdp });
		if (page.hanging === "setRemoteDescription") await new Promise(() => {});
		if (type === "rollback") return this.#rollback();
		if (type === "offer") this.#in("stable", "have-remote-offer");
		else this.#in("have-local-offer", "have-remote-pranswer");
		const remote = sections(sdp);
		this.#remote = sdp;
		if (type === "pranswer") this.signalingState = "have-remote-pranswer";
		if (type === "answer") this.#agree(sections(this.#pending.sdp).map((s, i) => both(s.direction, reverse[remote[i]?.direction ?? "inactive"])));
		if (type !== "offer") return;
		this.signalingState = "have-remote-offer";
		remote.forEach((s, i) => {
			const t = this.#transceivers.find((t) => t.mid === String(i)) ?? this.#transceivers.find((t) => t.mid === null && t.kind === s.kind);
			if (t) { t.mid = String(i); return; }
			const added = new Transceiver(s.kind, null, "recvonly");
			Object.assign(added, { mid: String(i), offered: true });
			this.#transceivers.push(added);
		});
	}
	#agree(directions) {
		this.#current = this.#pending;
		this.#pending = null;
		this.signalingState = "stable";
		this.#transceivers = this.#transceivers.filter((t) => !t.stopped || t.mid === null);
		this.#transceivers.filter((t) => !t.stopped).forEach((t, i) => { t.offered = t.fresh = false; if (!t.stopped) { t.currentDirection = directions[i] ?? "inactive"; t.sender.everSent ||= /^send/.test(t.currentDirection); } });
	}
	#rollback() { // the directions that the page wants stay
		this.#in("have-local-offer", "have-remote-offer");
		this.#pending = null;
		this.#transceivers = this.#transceivers.filter((t) => !t.offered);
		for (const t of this.#transceivers) if (t.fresh) { t.fresh = false; t.mid = null; }
		this.signalingState = "stable";
	}
	async addIceCandidate(c) {
		this.#begin("addIceCandidate");
		if (!this.#remote) throw wrong("no remote description");
		if (c.candidate && c.sdpMid == null && c.sdpMLineIndex == null) throw new TypeError("sdpMid or sdpMLineIndex is wanted");
		this.remoteCandidate = c;
	}
	restartIce() { this.restarts++; }
	close() {
		this.log.push("close");
		this.signalingState = this.connectionState = "closed"; // without events
		this.#transceivers.forEach((t) => t.stop());
	}
	candidate(type = "host") {
		const candidate = "candidate:" + (this.candidates.length + 1) + " 1 udp 1 192.0.2.1 9 typ " + type;
		this.candidates.push(candidate);
		this.fire("icecandidate", { candidate: { candidate, sdpMid: "0", sdpMLineIndex: 0 } });
	}
	gathered() { if (this.iceGatheringState === "gathering") { this.iceGatheringState = "complete"; this.fire("icegatheringstatechange"); } }
	connect(state) { this.connectionState = state; this.fire("connectionstatechange"); }
	ice(state) { this.iceConnectionState = state; this.fire("iceconnectionstatechange"); }
};
`
