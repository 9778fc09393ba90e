package conformance

import (
	"fmt"
	"strconv"
	"strings"
)

// set sets one of ip_vs's sysctls.
func (b *bench) set(name string, value int) error {
	next, err := b.director.Settings().Set(name, strconv.Itoa(value))
	if err == nil {
		b.director.SetSettings(next)
	}
	return err
}

// sysctl does "sysctl -w net.ipv4.vs.NAME=VALUE", of which words is the last
// word, and answers as sysctl does.
func (b *bench) sysctl(word string) Answer {
	name, text, _ := strings.Cut(word, "=")
	short, ok := strings.CutPrefix(name, "net.ipv4.vs.")
	if !ok {
		return Answer{RC: 255, Stderr: word + ": only net.ipv4.vs.NAME=VALUE is understood\n"}
	}
	value, err := strconv.Atoi(text)
	if err == nil {
		err = b.set(short, value)
	}
	if err != nil {
		return Answer{RC: 1, Stderr: err.Error() + "\n"}
	}
	return Answer{Stdout: fmt.Sprintf("%s = %d\n", name, value)}
}
