package lesson

import (
	"fmt"
	"io"
	"strings"

	"ulvs/lab"
)

// markdown is a page of the course's book. Commands that follow each other
// share a block.
type markdown struct {
	w      io.Writer
	fenced bool // in a block of commands
}

func (m *markdown) print(format string, args ...any) {
	m.unfence()
	fmt.Fprintf(m.w, format, args...)
}

// unfence ends a block of commands.
func (m *markdown) unfence() {
	if m.fenced {
		fmt.Fprint(m.w, "```\n\n")
		m.fenced = false
	}
}

// fence writes a block.
func (m *markdown) fence(text string) { m.print("```text\n%s```\n\n", text) }

func (m *markdown) head(l *Lesson, hosts []*lab.Host) {
	m.print("# %s\n\n<!-- written by make course-doc from a run of: ulvs lab lesson %s --auto -->\n\n", l.Title, l.Name)
	m.print("**Goal.** %s\n", strings.TrimPrefix(wrap("**Goal.** "+l.Goal, ""), "**Goal.** "))
	m.fence(table(hostRows(hosts)))
}

func (m *markdown) part(title string) { m.print("## %s\n\n", title) }

func (m *markdown) say(text string) { m.print("%s\n", wrap(text, "")) }

func (m *markdown) command(host, line, output string) {
	if !m.fenced {
		fmt.Fprint(m.w, "```console\n")
		m.fenced = true
	}
	fmt.Fprintf(m.w, "%s# %s\n%s", host, line, safe(output))
}

func (m *markdown) packets(hops []Hop) { m.fence(table(hopRows(hops))) }

func (m *markdown) predict(n int, text string) {
	m.print("%s\n", wrap(fmt.Sprintf("**Prediction %d.** %s", n, text), "> "))
}

func (m *markdown) checked(n int, ok bool, seen string) {
	word := "OK"
	if !ok {
		word = "WRONG"
	}
	m.print("%s\n", wrap(fmt.Sprintf("**%d %s:** %s", n, word, seen), ""))
}

func (m *markdown) task(e *Exercise) {
	m.part("Exercise")
	m.say(e.Task)
	m.say("A solution, on " + e.Host + ":")
}

func (m *markdown) foot(checks, wrong int) { m.print("%s\n", summary(checks, wrong)) }
