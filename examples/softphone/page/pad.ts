// The twelve keys of a telephone.

import { byId, el } from "./dom.js";

const keys: [string, string][] = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", ""], ["#", ""],
];
const spoken: Record<string, string> = { "*": "star", "#": "hash" };

/** Puts the keys into an element. `testId` begins the name of each. */
export function fillPad(id: string, testId: string, press: (digit: string) => void): void {
  byId(id).append(...keys.map(([digit, letters]) => {
    const button = el(
      "button",
      { type: "button", "aria-label": spoken[digit] ?? digit, "data-testid": `${testId}-${spoken[digit] ?? digit}` },
      digit, el("small", { "aria-hidden": "true" }, letters),
    );
    button.addEventListener("click", () => press(digit));
    return button;
  }));
}

/** A long press of the key 0 types "+", as on telephones. */
export function plusKey(id: string, type: (digit: string) => void): void {
  const key = byId(id).querySelector<HTMLButtonElement>("[data-testid$='-0']")!;
  let timer = 0;
  let typed = false;
  key.querySelector("small")!.textContent = "+";
  key.setAttribute("aria-description", "hold for plus");
  key.addEventListener("pointerdown", ({ button }) => {
    typed = false;
    if (button !== 0) return;
    timer = window.setTimeout(() => {
      typed = true;
      type("+");
    }, 500);
  });
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) key.addEventListener(end, () => window.clearTimeout(timer));
  key.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch asks for one
  // Before the listener of the pad, which types the digit.
  key.addEventListener("click", (event) => {
    if (typed && event.detail > 0) event.stopImmediatePropagation(); // 0: by the keyboard
    typed = false;
  }, { capture: true });
}
