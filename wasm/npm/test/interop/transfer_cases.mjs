// Transfers (RFC 3515, RFC 3891, RFC 5589), with sipwasm in each of the three roles and `peer` in the two others.

import { answer, audio, hangUp, hold, ring } from "./cases.mjs";
import { LIMIT_MS } from "./remote_phone.mjs";

export const ROLES = ["transferor", "transferee", "target"];

async function three(ours, { serve, phone, peer }, library = () => peer) {
  const server = await serve();
  const phones = {};
  for (const [index, role] of ROLES.entries()) phones[role] = await phone(String(1001 + index), role === ours ? "sipwasm" : library(role));
  await Promise.all(ROLES.map((role) => phones[role].register(role === ours ? server.ws : server.wss)));
  return phones;
}

/** The transferor has nothing left, and the two others talk. */
async function transferred({ transferor, transferee, target }, lines) {
  for (const _ of lines) await transferor.until("ended");
  for (const line of lines) await transferor.do.released(LIMIT_MS, line);
  await transferee.until("ended");
  await transferee.do.released(LIMIT_MS, 0);
  await audio({ caller: transferee, callee: target });
  await hangUp(transferee, target);
}

/** The transferor sends the transferee to somebody who knows of nothing. */
export async function blind(ours, bench) {
  const phones = await three(ours, bench);
  const { transferor, transferee, target } = phones;
  await ring({ caller: transferor, callee: transferee });
  await answer({ caller: transferor, callee: transferee });
  await audio({ caller: transferor, callee: transferee });

  const told = transferor.do.transfer(target.user);
  await Promise.race([target.until("incoming"), told]); // only a transfer that fails settles first
  await target.do.accept();
  await Promise.all([told, transferee.until("answered"), target.until("answered")]);
  await transferred(phones, [0]);
}

/** The transferor asks the target first, and connects the two then. */
export async function attended(ours, bench) {
  // SIP.js refers to the Contact of the target, which Kamailio can find only if it is a GRUU: that of SIP.js is none.
  const phones = await three(ours, bench, (role) => role === "target" && bench.peer === "sipjs" ? "jssip" : bench.peer);
  const { transferor, transferee, target } = phones;
  await ring({ caller: transferee, callee: transferor });
  await answer({ caller: transferee, callee: transferor });
  await hold(transferor, transferee);
  await transferee.do.forget();
  await transferor.do.forget();
  await ring({ caller: transferor, callee: target });
  await answer({ caller: transferor, callee: target });
  await audio({ caller: transferor, callee: target });

  await transferor.do.select(0);
  await transferor.do.transferTo(1);
  await Promise.all([transferee.until("answered"), target.until("answered")]);
  await target.until("ended");
  await target.do.released(LIMIT_MS, 0);
  await transferred(phones, [0, 1]);
}
