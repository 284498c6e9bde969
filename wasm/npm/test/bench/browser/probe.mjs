/**
 * Runs in each page before its own scripts, the same for all libraries, and notes when things happen for the first time: in
 * milliseconds since the navigation began (performance.timeOrigin). ">INVITE" went out, "<200 REGISTER" came in, and so on.
 */
export function probe() {
  const first = {};
  const mark = (name) => { first[name] ??= performance.now(); };
  window.bench = {
    first,
    /** Begins anew. Times stay those since the navigation. */
    clear: () => { for (const name of Object.keys(first)) delete first[name]; },
    /** Memory of the Go program, if there is one. */
    memory: undefined,
  };

  const note = (direction, text) => {
    const method = /^CSeq: *\d+ +(\w+)/im.exec(text)?.[1];
    if (!method) return; // a keep-alive
    const status = /^SIP\/2\.0 (\d+)/.exec(text)?.[1];
    mark(`${direction}${status ? `${status} ` : ""}${method}`);
  };

  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      mark("WebSocket made");
      super(...args);
      this.addEventListener("open", () => mark("WebSocket open"));
      this.addEventListener("message", ({ data }) => note("<", data));
    }

    send(data) {
      note(">", data);
      super.send(data);
    }
  };

  /** Notes when a method is called and when its promise is fulfilled. */
  const watch = (object, method, called, done, then = () => {}) => {
    const original = object[method];
    object[method] = async function (...args) {
      if (called) mark(called);
      const result = await original.apply(this, args);
      mark(done);
      then(result);
      return result;
    };
  };
  watch(WebAssembly, "compileStreaming", "wasm response", "wasm compiled");
  watch(WebAssembly, "instantiate", undefined, "wasm instantiated", ({ exports }) => { window.bench.memory = exports?.mem; });
  watch(navigator.mediaDevices, "getUserMedia", "microphone asked", "microphone open");
  watch(RTCPeerConnection.prototype, "createOffer", "offer asked", "offer made");
  watch(RTCPeerConnection.prototype, "setLocalDescription", undefined, "description applied");
}
