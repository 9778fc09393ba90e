// Package schedtest holds schedulers to what every one of them must keep (Run),
// to the shares they promise (Shares), and to what a kernel was recorded to do
// (Replay). A new scheduler's test calls all that apply to it. It is for tests
// only and plays the part of the director: lists, counts, and the lock of the
// service.
package schedtest
