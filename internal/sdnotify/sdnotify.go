// Package sdnotify tells systemd about the state of a service (sd_notify(3)):
// one datagram to the socket named by NOTIFY_SOCKET. Without that variable
// every call does nothing. It never reads from the socket and keeps nothing
// open; calls may come from any goroutine.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Ready, Stopping and Watchdog are states of sd_notify(3).
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1" // still alive
)

// Status is the line that systemctl status shows.
func Status(text string) string {
	return "STATUS=" + strings.ReplaceAll(text, "\n", " ")
}

// Notify sends states in one datagram. It returns false without an error if
// no service manager asked for notifications.
func Notify(states ...string) (bool, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" || len(states) == 0 {
		return false, nil
	}
	if err := send(name, strings.Join(states, "\n")); err != nil {
		return false, fmt.Errorf("notify service manager: %w", err)
	}
	return true, nil
}

// send writes one datagram to the socket of the given name; a leading @ names
// the abstract namespace, as package net understands it too.
func send(name, message string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(message))
	return err
}

// WatchdogInterval returns how often Watchdog has to be sent: half the time
// that the service manager allows. It is 0 if none is wanted of this process.
func WatchdogInterval() time.Duration {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return 0
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}
