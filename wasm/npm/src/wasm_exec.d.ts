// The module itself is made at build time out of the Go toolchain's wasm_exec.js.

export interface Go {
  readonly importObject: WebAssembly.Imports;
  /** Settles when main has returned; the program goes on in callbacks. */
  run(instance: WebAssembly.Instance): Promise<void>;
  /** Called by the program when it ends. */
  exit: (code: number) => void;
  /** Every entry into the program after run: callbacks of js.FuncOf and timers. */
  _resume: () => void;
  /** Makes the JavaScript function of a js.FuncOf. */
  _makeFuncWrapper: (id: number) => (...args: unknown[]) => unknown;
  readonly _scheduledTimeouts: Map<number, ReturnType<typeof setTimeout>>;
}

export function createGo(host: { readonly console: Pick<Console, "log" | "warn"> }): Go;
