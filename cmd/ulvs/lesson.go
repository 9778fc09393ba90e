package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ulvs/lab/lesson"
)

// lessonCommand is the course.
func lessonCommand() *cobra.Command {
	o := lesson.Options{Out: os.Stdout}
	c := &cobra.Command{
		Use:   "lesson list|NAME",
		Short: "take a lesson of the course: packets at every hop, predictions, something broken, an exercise",
		Long: `Builds the lesson's own network in namespaces, explains what it does, shows the
packets at every machine they pass, and asks you to predict before it looks.
At the end a shell opens for an exercise, which is then marked. "list" names the
lessons; docs/course has them as pages.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("lab lesson takes list or the name of one lesson")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "list" {
				return lesson.List(o.Out, o.Markdown)
			}
			if o.Markdown && !o.Auto {
				return usageError{errors.New("--markdown: only with --auto")}
			}
			o.Name = args[0]
			code, err := lesson.Run(c.Context(), o)
			if err == nil && code != 0 {
				return exitedError(code)
			}
			return err
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Auto, "auto", false, "do not stop for the reader, and do the exercise too")
	f.BoolVar(&o.Markdown, "markdown", false, "print the lesson, or the list, as a page of docs/course")
	return c
}

// exitedError is the exit code of another process of ours, which has said why.
type exitedError int

func (e exitedError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
