package main

// fakeAudio is the sound processing of the page (W3C Web Audio). page.heard says
// what the track of a destination carries: the tracks that reach it, and whether
// every gain on the way lets them through.
const fakeAudio = `
class AudioNode {
	to = []; gain = { value: 1 };
	constructor(context) { this.context = context; context.open(); context.nodes.push(this); }
	connect(node) { if (node.context !== this.context) throw new DOMException("of another context", "InvalidAccessError"); this.to.push(node); }
	disconnect() { this.to = []; }
}
page.contexts = [];
page.AudioContext = class AudioContext {
	state = "running"; nodes = [];
	constructor() { page.contexts.push(this); }
	open() { if (this.state === "closed") throw wrong("the context is closed"); }
	async resume() { this.open(); }
	async close() { this.open(); this.state = "closed"; }
	createGain() { return new AudioNode(this); }
	createMediaStreamSource(stream) {
		const track = stream.getAudioTracks()[0];
		if (!track) throw wrong("the stream has no sound");
		return Object.assign(new AudioNode(this), { track });
	}
	createMediaStreamDestination() { return Object.assign(new AudioNode(this), { stream: new page.MediaStream([new Track("audio")]) }); }
};
page.heard = (track) => {
	const reaches = (node) => node.gain.value !== 0 && (node.stream?.getTracks().includes(track) || node.to.some(reaches));
	return page.contexts.flatMap((c) => c.nodes).filter((n) => n.track && n.track.readyState === "live" && n.track.enabled && reaches(n)).map((n) => n.track);
};
`
