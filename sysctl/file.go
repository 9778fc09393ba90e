package sysctl

import (
	"fmt"
	"strings"
)

// ParseFile reads the text of a file in the form of sysctl.conf(5): a line
// "name = value", with or without net.ipv4.vs. before the name; lines that are
// blank or begin with # or ; say nothing. It does not look at names and values.
func ParseFile(text string) (all []Assignment, err error) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		a, err := ParseAssignment(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// ParseAssignment reads "name=value".
func ParseAssignment(text string) (Assignment, error) {
	name, value, ok := strings.Cut(text, "=")
	a := Assignment{strings.TrimSpace(name), strings.TrimSpace(value)}
	if !ok || a.Name == "" || a.Value == "" {
		return Assignment{}, fmt.Errorf("%q is not NAME=VALUE", text)
	}
	return a, nil
}
