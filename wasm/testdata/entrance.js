// Go is entered by one at a time: see fake_js_test.go. The body of a function of `running`: the program runs already.
const prototype = Go.prototype;
const { _makeFuncWrapper: make, _resume: resume, run } = prototype;
let inside = running;
let waiting = [];
globalThis.entered = null; // the last function of the program that was called

/** Runs what goes into Go. */
const enter = (f) => {
  if (inside) throw new Error("Go was entered while it ran");
  inside = true;
  try {
    return f();
  } finally {
    inside = false;
  }
};
prototype.run = function (instance) { return enter(() => run.call(this, instance)); };
prototype._resume = function () { enter(() => resume.call(this)); };
if (running) queueMicrotask(() => { inside = false; }); // when run gives the thread back the first time

const drain = () => {
  for (const call of waiting) call(); // and what comes meanwhile
  waiting = [];
};
prototype._makeFuncWrapper = function (id) {
  const call = make.call(this, id);
  return function f(...args) {
    const pass = () => {
      globalThis.entered = f;
      return call.apply(this, args);
    };
    if (!inside && waiting.length === 0) return pass();
    if (waiting.push(pass) === 1) queueMicrotask(drain);
  };
};
