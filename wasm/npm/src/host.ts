/**
 * What the user agent takes from the page. Give your own objects to run in a sandbox, in another window or in a test;
 * what you leave out comes from the page.
 */
export interface Host {
  /** Carries SIP (RFC 7118). */
  readonly WebSocket: typeof WebSocket;
  /** Makes the media of a call. Without it registration works and calls fail. */
  readonly RTCPeerConnection: typeof RTCPeerConnection | undefined;
  /** Opens the microphone, the camera and the screen. Browsers have it in secure contexts only (https, localhost). */
  readonly mediaDevices: (Pick<MediaDevices, "getUserMedia"> &
    Partial<Pick<MediaDevices, "getDisplayMedia" | "enumerateDevices" | "addEventListener" | "removeEventListener">>) | undefined;
  /** Mixes the sound of a conference, with MediaStream; makes the signals, the levels and the recordings. Without it calls work, and these
   *  do not. */
  readonly AudioContext: typeof AudioContext | undefined;
  /** Holds the sound that is mixed. */
  readonly MediaStream: typeof MediaStream | undefined;
  /** Writes recordings. */
  readonly MediaRecorder: typeof MediaRecorder | undefined;
  /** Fires online, offline and pageshow, and its document visibilitychange and resume. Without it a change of the network is noticed
   *  later. */
  readonly window: NetworkEvents | undefined;
  /** Hears what the Go program prints, which it does only when it crashes. */
  readonly console: Pick<Console, "error">;
}

/** The part of a window that tells of its network and its sleep. */
export interface NetworkEvents extends Pick<EventTarget, "addEventListener" | "removeEventListener"> {
  readonly document?: Pick<EventTarget, "addEventListener" | "removeEventListener"> & { readonly visibilityState: string };
}

/** The page's own objects, read when they are needed, so that importing this package touches nothing. */
export const pageHost: Host = {
  get WebSocket() { return globalThis.WebSocket; },
  get RTCPeerConnection() { return globalThis.RTCPeerConnection as typeof RTCPeerConnection | undefined; },
  get mediaDevices() { return globalThis.navigator?.mediaDevices as MediaDevices | undefined; },
  get AudioContext() { return globalThis.AudioContext as typeof AudioContext | undefined; },
  get MediaStream() { return globalThis.MediaStream as typeof MediaStream | undefined; },
  get MediaRecorder() { return globalThis.MediaRecorder as typeof MediaRecorder | undefined; },
  get window() { return globalThis.window as NetworkEvents | undefined; },
  get console() { return globalThis.console; },
};

/** Fills in what a partial host leaves out. */
export function completeHost(host: Partial<Host>): Host {
  return {
    WebSocket: host.WebSocket ?? pageHost.WebSocket,
    RTCPeerConnection: host.RTCPeerConnection ?? pageHost.RTCPeerConnection,
    mediaDevices: host.mediaDevices ?? pageHost.mediaDevices,
    AudioContext: host.AudioContext ?? pageHost.AudioContext,
    MediaStream: host.MediaStream ?? pageHost.MediaStream,
    MediaRecorder: host.MediaRecorder ?? pageHost.MediaRecorder,
    window: host.window ?? pageHost.window,
    console: host.console ?? pageHost.console,
  };
}
