package sysctl

import (
	"fmt"
	"strings"
)

// Document returns the table of docs/settings.md.
func Document() string {
	var b strings.Builder
	b.WriteString("| name | default | accepted | meaning |\n| --- | --- | --- | --- |\n")
	for _, i := range List() {
		if i.Refusal == "" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", i.Name, i.Default, i.Range, i.Meaning)
		}
	}
	b.WriteString("\nNot applicable:\n\n| name | fixed at | meaning | why |\n| --- | --- | --- | --- |\n")
	for _, i := range List() {
		if i.Refusal != "" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", i.Name, i.Default, i.Meaning, i.Refusal)
		}
	}
	return b.String()
}
