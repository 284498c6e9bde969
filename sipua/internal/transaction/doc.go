// Package transaction implements the four transaction state machines of
// RFC 3261 section 17 with the corrections of RFC 6026, for one reliable flow.
//
// The flow is a WebSocket (RFC 7118), so the retransmission timers A, E and G
// never run and the wait times D, I, J and K are zero (RFC 3261 table 4). What
// remains of time is B and F (no answer), H (no ACK), and L and M of RFC 6026.
//
// A Layer belongs to one goroutine. Everything but the timers' own goroutines
// happens there: Receive, the methods of transactions and the handlers. A timer
// enters through Config.Post.
//
//	 TU (user agent)
//	   │  Request / Respond              handlers
//	   ▼                                    ▲
//	┌──────────── Layer ───────────────────────┐
//	│ client: INVITE (17.1.1), others (17.1.2) │   table: state × input → step
//	│ server: INVITE (17.2.1), others (17.2.2) │
//	└──────────────────────────────────────────┘
//	   │ Config.Send                    Receive ▲
//	   ▼                                        │
//	 the flow
package transaction
