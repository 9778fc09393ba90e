package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/sysctl"
)

// setCommand shows and changes the settings of ip_vs.
func setCommand() *cobra.Command {
	var socket, file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "set [NAME | NAME=VALUE ...]",
		Short: "show and change the settings that ip_vs has as sysctls",
		Long: `Without arguments all settings with their values, defaults and meaning; with a
name its value alone; with assignments, from the command line or by -f from a
file in the form of sysctl.conf, it makes all of them or none. Names are those
below /proc/sys/net/ipv4/vs; net.ipv4.vs. before them may stay. A change starts
the daemon if there is none yet.`,
		Example: `  ulvs set sloppy_tcp=1 expire_nodest_conn=1
  ulvs set -f /etc/sysctl.d/ipvs.conf`,
		RunE: func(c *cobra.Command, args []string) error {
			names, all, err := settingWords(args, file)
			if err != nil {
				return usageError{err}
			}
			cl, err := client(socket)
			if err != nil {
				return err
			}
			if len(all) > 0 {
				return changeSettings(c.Context(), cl, all)
			}
			return showSettings(c.Context(), cl, names, asJSON)
		},
	}
	socketFlag(c.Flags(), &socket)
	c.Flags().StringVarP(&file, "file", "f", "", "file of lines NAME = VALUE; - is standard input")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// settingWords sorts arguments and file into names to show and assignments to
// make; there are not both.
func settingWords(args []string, file string) (names []string, all []sysctl.Assignment, err error) {
	if file != "" {
		if all, err = readSettings(file); err != nil {
			return nil, nil, err
		}
		if len(all) == 0 {
			return nil, nil, fmt.Errorf("%s: there is no line NAME = VALUE", file)
		}
	}
	for _, word := range args {
		if !strings.Contains(word, "=") {
			names = append(names, word)
			continue
		}
		a, err := sysctl.ParseAssignment(word)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, a)
	}
	if len(names) > 0 && len(all) > 0 {
		return nil, nil, fmt.Errorf("%q has no value: either names, to show them, or NAME=VALUE", names[0])
	}
	return names, all, nil
}

// readSettings reads a file of settings.
func readSettings(path string) ([]sysctl.Assignment, error) {
	text, err := readInput(path)
	if err != nil {
		return nil, err
	}
	all, err := sysctl.ParseFile(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// changeSettings asks the daemon, and starts it if need be.
func changeSettings(ctx context.Context, cl *control.Client, all []sysctl.Assignment) error {
	err := cl.SetSettings(ctx, all)
	if !errors.Is(err, &api.Error{Code: api.Unreachable}) {
		return err
	}
	if _, wrong := sysctl.Defaults().SetAll(all); wrong != nil {
		return wrong // no reason to start a daemon
	}
	if err := control.EnsureDaemon(ctx, control.StartOptions{Socket: cl.Path()}); err != nil {
		return err
	}
	return cl.SetSettings(ctx, all)
}

// showSettings prints the settings named, or all.
func showSettings(ctx context.Context, cl *control.Client, names []string, asJSON bool) error {
	all, err := cl.Settings(ctx)
	if errors.Is(err, &api.Error{Code: api.Unreachable}) {
		all, err = api.SettingsOf(sysctl.Defaults()), nil
		fmt.Fprintln(os.Stderr, "ulvs: no daemon runs, these are the defaults")
	}
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if all, err = pickSettings(all, names); err != nil {
			return err
		}
	}
	switch {
	case asJSON:
		return printJSON(os.Stdout, all)
	case len(names) > 0:
		printValues(os.Stdout, all)
	default:
		printSettings(os.Stdout, all)
	}
	return nil
}

// pickSettings returns the settings of the names.
func pickSettings(all api.Settings, names []string) (some api.Settings, err error) {
	for _, name := range names {
		if _, err := sysctl.Defaults().Get(name); err != nil {
			return nil, err
		}
		for _, s := range all {
			if s.Name == sysctl.Short(name) {
				some = append(some, s)
			}
		}
	}
	return some, nil
}

// printValues prints the value alone of a single setting, so that a script can
// take it, and of several as assignments.
func printValues(w io.Writer, all api.Settings) {
	if len(all) == 1 {
		fmt.Fprintln(w, all[0].Value)
		return
	}
	for _, s := range all {
		fmt.Fprintf(w, "%s = %s\n", s.Name, s.Value)
	}
}

// printSettings prints the table, what cannot be changed at the end.
func printSettings(w io.Writer, all api.Settings) {
	fmt.Fprintf(w, "%-26s %-7s %-7s %s\n", "NAME", "VALUE", "DEFAULT", "MEANING")
	for _, s := range all {
		if s.Refusal == "" {
			fmt.Fprintf(w, "%-26s %-7s %-7s %s\n", s.Name, s.Value, s.Default, s.Meaning)
		}
	}
	fmt.Fprintln(w, "\nnot applicable:")
	for _, s := range all {
		if s.Refusal != "" {
			fmt.Fprintf(w, "%-26s %-7s %s\n", s.Name, s.Value, s.Refusal)
		}
	}
}
