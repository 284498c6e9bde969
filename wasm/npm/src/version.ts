/** Version of this package. load() compares it with the one compiled into sipwasm.wasm. */
export const VERSION = "0.1.0";
