// Shows the call that the person has before the eyes, and passes on what is done with it.

import { byId, duration, el, setIcon, setText } from "./dom.js";
import type { Line } from "./line.js";
import type { Phone } from "./phone.js";
import { fillPad } from "./pad.js";
import { note, sound, standing } from "./words.js";

/** What the middle of the call shows. */
type Panel = "sound" | "tones" | "transfer";

const button = (id: string) => byId<HTMLButtonElement>(id);
const input = (id: string) => byId<HTMLInputElement>(id);
const videos = { remote: byId<HTMLVideoElement>("video-remote"), local: byId<HTMLVideoElement>("video-local") };

export class CallView {
  readonly #phone: Phone;
  #panel: Panel = "sound";
  /** The call that is drawn; another one begins with its own panel. */
  #line: Line | null = null;

  constructor(phone: Phone) {
    this.#phone = phone;
    const { lines } = phone;
    const on = (id: string, act: (line: Line) => unknown) => byId(id).addEventListener("click", () => lines.current && void act(lines.current));
    on("answer", (line) => line.answer());
    on("decline", (line) => line.hangup());
    on("hangup", (line) => line.hangup());
    on("mute", (line) => line.toggleMute());
    on("hold", (line) => line.toggleHold());
    on("video", (line) => line.toggleVideo("camera"));
    on("screen", (line) => line.toggleVideo("screen"));
    on("video-end", (line) => line.removeVideo());
    on("sound", (line) => line.playSound?.());
    on("consult-back", (line) => lines.comeBack(line));
    on("consult-connect", (line) => line.about?.pass(line));
    on("keypad", () => this.#toggle("tones"));
    on("transfer", () => this.#toggle("transfer"));
    on("add", () => lines.dialAnother(true));
    on("join", () => (this.#joined() ? lines.split() : lines.join()));
    byId("video-full").addEventListener("click", () => void videos.remote.requestFullscreen().catch(() => {})); // the browser's to refuse
    byId("deflect-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (input("deflect-to").value.trim()) void lines.current?.deflect(input("deflect-to").value);
    });
    byId("transfer-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const to = input("transfer-to").value;
      if (!to.trim()) return input("transfer-to").focus();
      this.#show("sound");
      if (event.submitter?.id === "transfer-now") void lines.current?.pass(to);
      else lines.consult(to);
    });
    fillPad("tone-pad", "tone", (digit) => void lines.current?.tone(digit));
    // Keys of the keyboard send tones while the keypad is open.
    byId("view-call").addEventListener("keydown", ({ key, repeat, ctrlKey, metaKey, altKey }) => {
      if (this.#panel === "tones" && /^[0-9*#]$/.test(key) && !repeat && !ctrlKey && !metaKey && !altKey) void lines.current?.tone(key);
    });
  }

  render(): void {
    const line = this.#phone.lines.current;
    if (line !== this.#line) {
      this.#line = line;
      for (const id of ["transfer-to", "deflect-to"]) input(id).value = "";
      byId<HTMLDetailsElement>("deflect").open = false;
      this.#show("sound");
    }
    this.#renderVideo(line);
    if (line?.rings) this.#renderIncoming(line);
    else if (line) this.#renderCall(line);
  }

  #renderIncoming(line: Line): void {
    const { mark, lines } = line.details;
    setText(byId("incoming-name"), line.who);
    setText(byId("incoming-uri"), line.address);
    setText(byId("incoming-avatar"), initial(line.who));
    setText(byId("incoming-title"), line.doing === "accept" ? "Answering…" : "Incoming call");
    byId("incoming-mark").hidden = !mark;
    byId("incoming-mark").dataset["mark"] = mark ?? "";
    setIcon(byId("incoming-mark"), mark === "failed" ? "warn" : "check");
    setText(byId("incoming-mark-text"), mark === "verified" ? "The network has checked this number" : mark ? "This number may be false" : "");
    setText(byId("incoming-details"), lines.join("\n"));
    for (const id of ["answer", "deflect-send"]) button(id).disabled = line.doing !== null;
  }

  #renderCall(line: Line): void {
    const { call } = line;
    const { lines, connection } = this.#phone;
    const { local, remote } = call.onHold;
    const cut = connection !== "registered";
    setText(byId("call-name"), line.who);
    setText(byId("call-uri"), line.address);
    setText(byId("call-avatar"), initial(line.who));
    const state = byId("call-state");
    setText(state, standing(line));
    state.dataset["tone"] = local || remote ? "held" : "";
    byId("call-timer").hidden = line.since === undefined;
    setText(byId("call-timer"), duration(line.duration));
    setText(byId("call-note"), note(line, !cut));
    this.#renderQuality(line);

    for (const id of ["mute", "hold", "keypad", "video", "screen", "transfer"]) {
      // Without the server there is nobody to agree with.
      const needsServer = id !== "mute" && id !== "keypad";
      button(id).disabled = !line.talks || line.doing !== null || line.passing !== null || (needsServer && cut);
    }
    // The label says what a press does; that the button is pressed as well would say the opposite.
    this.#switch("mute", call.muted, call.muted ? "mic-off" : "mic", call.muted ? "Unmute" : "Mute");
    this.#switch("hold", local, local ? "play" : "pause", local ? "Resume" : "Hold");
    this.#switch("video", line.sending === "camera", line.sending === "camera" ? "cam-off" : "cam", line.sending === "camera" ? "Stop" : "Video");
    this.#switch("screen", line.sending === "screen", "screen", line.sending === "screen" ? "Stop" : "Screen");
    button("video").ariaLabel = line.sending === "camera" ? "Stop the video" : "Video";
    button("screen").ariaLabel = line.sending === "screen" ? "Stop sharing the screen" : "Share the screen";
    button("add").disabled = !line.talks || cut;
    const joined = this.#joined();
    byId("join").hidden = lines.joinable.length < 2;
    button("join").disabled = lines.joining || cut;
    this.#switch("join", joined, joined ? "split" : "join", joined ? "Split" : "Join");
    button("join").ariaLabel = joined ? "Split the calls" : "Join the calls";

    byId("consult").hidden = !line.about || this.#panel !== "sound";
    setText(byId("consult-text"), line.about ? `You ask ${line.who} about ${line.about.who}, who waits.` : "");
    button("consult-connect").disabled = call.state !== "established" || line.about?.doing != null || cut;
    setText(byId("hangup-label"), (line.talks ? "Hang up" : "Cancel") + (lines.all.length > 1 ? ` ${line.who}` : ""));
    setText(byId("tones-sent"), line.tones);
    byId("sound").hidden = !line.playSound;
    this.#renderOthers(line, lines.joinable.filter((other) => other !== line));
  }

  /** How the sound is; nothing while there should be none. */
  #renderQuality({ call, talks }: Line): void {
    const quality = byId("call-quality");
    const sample = talks && !call.onHold.local && !call.onHold.remote ? call.quality : undefined;
    quality.hidden = !sample;
    if (!sample) return;
    const { word, figures } = sound(sample);
    quality.dataset["level"] = sample.level;
    setText(quality, word);
    quality.ariaLabel = `Sound quality: ${word}`;
    quality.title = figures;
  }

  /** The calls that this one can be connected with. */
  #renderOthers(line: Line, others: Line[]): void {
    const list = byId("transfer-calls");
    const labels = others.map(({ who }) => `Connect with ${who}`);
    if (labels.join("\n") === [...list.children].map((item) => item.textContent).join("\n")) return;
    list.replaceChildren(...others.map((other, i) => {
      const connect = el("button", { type: "button", class: "wide", "data-testid": "transfer-call" }, labels[i]!);
      connect.addEventListener("click", () => {
        this.#show("sound");
        if (!line.over && !other.over) void line.pass(other);
      });
      return el("li", {}, connect);
    }));
  }

  #renderVideo(line: Line | null): void {
    const { localStream, remoteStream } = line?.call ?? {};
    const sending = line?.talks ? line.sending : null;
    const receiving = line?.talks === true && line.receivesVideo;
    const shown = sending !== null || receiving;
    byId("video-box").hidden = !shown || this.#panel !== "sound";
    byId("meters").hidden = shown || this.#panel !== "sound";
    byId("phone").toggleAttribute("data-video", shown && this.#panel === "sound");
    show(videos.remote, receiving ? remoteStream?.getVideoTracks() : undefined);
    show(videos.local, sending ? localStream?.getVideoTracks().slice(-1) : undefined);
    byId("video-none").hidden = receiving;
    byId("video-full").hidden = !receiving || !document.fullscreenEnabled;
    videos.local.toggleAttribute("data-screen", sending === "screen"); // a mirror is for faces only
    button("video-end").disabled = line?.doing != null || this.#phone.connection !== "registered";
  }

  /** The call that is shown is joined with others. */
  #joined(): boolean {
    const { joinable } = this.#phone.lines;
    return joinable.length > 1 && joinable.every(({ joined }) => joined);
  }

  #switch(id: string, on: boolean, icon: string, label: string): void {
    button(id).toggleAttribute("data-on", on);
    setIcon(button(id), icon);
    setText(button(id).querySelector("span")!, label);
  }

  #toggle(panel: Panel): void {
    this.#show(this.#panel === panel ? "sound" : panel);
    if (this.#panel === "transfer" && matchMedia("(pointer: fine)").matches) input("transfer-to").focus();
  }

  #show(panel: Panel): void {
    this.#panel = panel;
    byId("tones").hidden = panel !== "tones";
    byId("transfer-form").hidden = panel !== "transfer";
    button("keypad").ariaExpanded = String(panel === "tones");
    button("transfer").ariaExpanded = String(panel === "transfer");
    this.#renderVideo(this.#phone.lines.current);
    byId("consult").hidden = !this.#phone.lines.current?.about || panel !== "sound";
  }
}

/** Shows these tracks, and nothing without them. The sound is played elsewhere. */
function show(video: HTMLVideoElement, tracks: MediaStreamTrack[] | undefined): void {
  video.hidden = !tracks?.length;
  const now = (video.srcObject as MediaStream | null)?.getTracks() ?? [];
  if (!tracks?.length) video.srcObject = null;
  else if (tracks.some((track, i) => track !== now[i]) || now.length !== tracks.length) video.srcObject = new MediaStream(tracks);
}

function initial(name: string): string {
  return (/[\p{L}\p{N}]/u.exec(name)?.[0] ?? "?").toUpperCase();
}
