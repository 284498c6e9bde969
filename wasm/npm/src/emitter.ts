/** A small event source with typed events. `M` maps an event's name to what its listeners get. */
export class Emitter<M extends object> {
  readonly #listeners = new Map<keyof M, Set<(event: never) => unknown>>();

  /** Adds a listener and returns the function that removes it. The same function may be added more than once. */
  on<K extends keyof M>(type: K, listener: (event: M[K]) => unknown): () => void {
    if (typeof listener !== "function") throw new TypeError(`the listener for "${String(type)}" is not a function`);
    const entry = (event: M[K]) => listener(event);
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set.add(entry));
    return () => void set.delete(entry);
  }

  /** How many listeners there are for an event. */
  count(type: keyof M): number {
    return this.#listeners.get(type)?.size ?? 0;
  }

  /** Calls the listeners in the order in which they were added. One that throws or rejects is reported, and the rest run. */
  emit<K extends keyof M>(type: K, event: M[K]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        const result = (listener as (event: M[K]) => unknown)(event) as PromiseLike<unknown> | null | undefined;
        if (typeof result?.then === "function") result.then(undefined, report);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** Shows a listener's error where the page's other errors go, window.onerror included. */
export function report(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error); // Node has no reportError
}
