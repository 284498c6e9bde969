// SUBSCRIBE, NOTIFY and MESSAGE with JsSIP in both roles; Kamailio is only the proxy between them.

import assert from "node:assert/strict";

const EVENT = "presence";
const TYPE = "application/pidf+xml";
const pidf = (status) => `<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1002@sipwasm.test">
  <tuple id="t1"><status><basic>${status}</basic></status></tuple>
</presence>`;
const TEXT = "Grüße, 😀 & <b>tags</b>";

export async function subscriptions({ serve, phone }) {
  const server = await serve();
  const [ours, theirs] = await Promise.all([phone("1001"), phone("1002", "jssip")]);
  await Promise.all([ours.register(server.ws, { options: { eventPackages: [EVENT] } }), theirs.register(server.wss)]);

  for (const [subscriber, notifier] of [[ours, theirs], [theirs, ours]]) {
    const began = `${subscriber.library} subscribes, `;
    await subscribe(subscriber, notifier, began);
    await subscriber.do.unsubscribe();
    await Promise.all([notifier.until("subscriberGone"), subscriber.until("unsubscribed")]);
    await subscriber.do.forget(); // the last NOTIFY may have brought the state once more

    await subscribe(subscriber, notifier, began);
    await notifier.do.terminate("noresource");
    assert.equal((await subscriber.until("unsubscribed")).reason, "noresource", `${began}and ${notifier.library} ends it`);
    await notifier.until("subscriberGone");
  }

  for (const [sender, receiver] of [[ours, theirs], [theirs, ours]]) {
    await sender.do.message(receiver.user, TEXT);
    const { from, contentType, body } = await receiver.until("message");
    assert.deepEqual({ from, body }, { from: sender.user, body: TEXT }, `the message that ${sender.library} sent`);
    assert.match(contentType, /^text\/plain\b/);
  }
}

async function subscribe(subscriber, notifier, began) {
  await subscriber.do.subscribe(notifier.user, EVENT, TYPE);
  const { from, event } = await notifier.until("subscriber");
  assert.deepEqual({ from, event }, { from: subscriber.user, event: EVENT }, `${began}as the notifier sees it`);
  await notifier.do.admit(TYPE, pidf("open"));
  assert.deepEqual(await notification(subscriber), { contentType: TYPE, body: pidf("open") }, `${began}and the first NOTIFY comes`);
  await notifier.do.notify(TYPE, pidf("closed"));
  assert.deepEqual(await notification(subscriber), { contentType: TYPE, body: pidf("closed") }, `${began}and the next one`);
}

async function notification(subscriber) {
  const { contentType, body } = await subscriber.until("notify");
  return { contentType, body };
}
