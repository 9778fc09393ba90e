package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// accepted words what the types of flags take.
var accepted = map[string]string{
	"int":      "a whole number",
	"int64":    "a whole number",
	"intSlice": "a list of whole numbers, 1,2,3",
	"duration": "a duration, such as 1.5s",
	"bool":     "true or false",
}

// flagError is cobra's error about a flag, in words that say what is accepted
// instead of which function of Go's library has refused it.
func flagError(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return usageError{err}
	}
	f := invalid.GetFlag()
	what, known := accepted[f.Value.Type()]
	if !known {
		return usageError{err}
	}
	return usageError{fmt.Errorf("--%s: %q is not %s", f.Name, invalid.GetValue(), what)}
}
