// Package daemon joins the parts into the running ulvs: ports on every
// interface, workers, the kernel's routes and neighbours, the guard that keeps
// the host's stack out, and the API. It owns their lifetimes and nothing of
// their logic.
//
// Threading: each worker has a goroutine on a thread of its own. One manager
// goroutine reacts to everything that changes around them (interfaces,
// addresses, routes, configuration). The API's goroutines change the
// configuration through the Director and wake the manager.
package daemon
