package netns

import "os/exec"

// Cmd is an exec.Cmd whose process starts inside a network namespace. Only the
// network namespace differs; files and process ids are the caller's.
type Cmd struct {
	*exec.Cmd
	ns *NS
}

// Command is exec.Command in the namespace.
func (n *NS) Command(name string, args ...string) *Cmd {
	return &Cmd{Cmd: exec.Command(name, args...), ns: n}
}

// Start is exec.Cmd.Start: a child inherits the namespace of the thread that
// forks it.
func (c *Cmd) Start() error { return c.inside(c.Cmd.Start) }

// Run is exec.Cmd.Run.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output is exec.Cmd.Output.
func (c *Cmd) Output() (out []byte, err error) {
	err = c.inside(func() (err error) { out, err = c.Cmd.Output(); return })
	return out, err
}

// CombinedOutput is exec.Cmd.CombinedOutput.
func (c *Cmd) CombinedOutput() (out []byte, err error) {
	err = c.inside(func() (err error) { out, err = c.Cmd.CombinedOutput(); return })
	return out, err
}

// inside runs f in the namespace and returns its error or that of entering.
func (c *Cmd) inside(f func() error) (err error) {
	if entering := c.ns.Do(func() { err = f() }); entering != nil {
		return entering
	}
	return err
}
