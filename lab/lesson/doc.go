// Package lesson is the course: lessons that each build a lab of their own,
// type what the LVS guides have one type, show the packets at every host they
// pass, predict what will be seen and hold the machine to it, break what people
// break, mend it again, and end with an exercise that is marked.
//
// A lesson is one file: its text and its steps in the order in which they are
// read. What is said is either true of any run or checked as a prediction, so
// that a page made from a run is the same each time: addresses, MACs and client
// ports are fixed, and no time is printed. Everything runs for real: the ulvs
// binary as the director, ip, sysctl and ipvsadm in the hosts' namespaces, and
// servers and clients that are sockets of this process inside them.
//
// Run is the way in. A lesson's steps are called on a goroutine that ends where
// a step cannot be done, as a test's does.
package lesson

import (
	"fmt"
	"io"
	"strings"

	"ulvs/lab"
)

// Lesson is one lesson. Texts are paragraphs with an empty line between them.
type Lesson struct {
	Name    string // as typed: "nat-gateway"
	Title   string
	Goal    string // what one knows at the end
	Network lab.Config
	// Finding is the finding of ulvs doctor that names the fault of the part
	// that breaks something; empty if nothing that doctor looks at is broken.
	Finding  string
	Play     func(*Stage)
	Exercise Exercise
}

// Exercise is what is left to the reader. It begins where Play has ended.
type Exercise struct {
	Task     string
	Host     string   // where the shell opens: "director"
	Solution []string // lines that solve it, as --auto types them
	Mark     func(*Stage)
}

// lessons are all there are, in the order of the course.
var lessons = []*Lesson{
	&tutorialDR, &vipOnLo, &tutorialNAT, &natGateway, &portMapping, &tunMTU, &tutorialSave,
	&roundRobin, &weightedRoundRobin, &weightsAndDraining, &leastConnection, &expectedDelay,
	&sourceHash, &persistence, &destinationCaches, &hotDestination, &synFlood, &directorRestart,
}

// Lessons lists the lessons in the order of the course.
func Lessons() []*Lesson { return lessons }

// Find returns the lesson of that name.
func Find(name string) (*Lesson, error) {
	var names []string
	for _, l := range lessons {
		if l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return nil, &lab.UsageError{Option: "lesson", Problem: fmt.Sprintf("%q is not one of %s", name, strings.Join(names, " "))}
}

// List prints names and titles; as Markdown, the index of the pages.
func List(w io.Writer, markdown bool) error {
	var b strings.Builder
	if markdown {
		b.WriteString(indexHead)
		for n, l := range lessons {
			fmt.Fprintf(&b, "%d. [%s](%s.md): %s\n", n+1, l.Name, l.Name, l.Title)
		}
	} else {
		for _, l := range lessons {
			fmt.Fprintf(&b, "%-22s %s\n", l.Name, l.Title)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// indexHead begins the index.
const indexHead = `# The course

Each page is one lesson as it ran: the commands with what they printed, the packets as a listener on the wire saw them,
each prediction with whether it held. To take a lesson yourself, with time to think and a shell for the exercise:

    ulvs lab lesson list
    ulvs lab lesson dr-vip-on-lo
    ulvs lab lesson dr-vip-on-lo --auto       # without stopping; the exercise is done for you

A lesson builds its machines in network namespaces and takes them away again; it needs no root where the kernel allows
user namespaces. ` + "`make course-doc`" + ` writes these pages from new runs, and a test compares them.

`
