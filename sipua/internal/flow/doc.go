// Package flow keeps one connection to one of several servers: it chooses the
// server (RFC 2782, RFC 3263), waits between attempts (RFC 5626 section 4.5),
// proves that the connection lives (RFC 5626 section 4.4) and goes back to the
// server that is preferred when that one has returned.
//
// A [Flow] belongs to one goroutine, which calls all its methods and runs all
// its callbacks. Dialling and reading happen beside it and come back through
// Config.Post.
package flow
