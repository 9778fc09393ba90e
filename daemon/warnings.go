package daemon

import "slices"

// warning is a state of things that the operator should know of, for as long as
// it lasts.
type warning struct{ topic, text string }

// warnings are those that hold now, in the order in which they came up.
type warnings []warning

// set makes text what there is to say about a topic; empty takes it back. It
// reports whether that is news.
func (w *warnings) set(topic, text string) bool {
	i := slices.IndexFunc(*w, func(x warning) bool { return x.topic == topic })
	switch {
	case i < 0 && text == "", i >= 0 && (*w)[i].text == text:
		return false
	case i < 0:
		*w = append(*w, warning{topic, text})
	case text == "":
		*w = slices.Delete(*w, i, i+1)
	default:
		(*w)[i].text = text
	}
	return true
}

// texts lists them.
func (w warnings) texts() (out []string) {
	for _, x := range w {
		out = append(out, x.text)
	}
	return out
}

// Topics of warnings.
const (
	aboutGuard     = "guard"      // there is none, or not in its place
	aboutHooks     = "interfaces" // the guard is not on all of them
	aboutPorts     = "ports"      // rings could not be given to the workers
	aboutPrecision = "precision"  // of the packet filter
	aboutFilter    = "filter"     // the kernel does not take it
	aboutNews      = "news"       // from the kernel
	aboutProc      = "proc"       // the small files of Options.ProcDir
	aboutProcConns = "proc-conns" // the large ones
)

// warn keeps a sentence about a topic for Info, until another takes its place or
// withdraw, and logs it once.
func (d *Daemon) warn(topic, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.warnings.set(topic, text) {
		d.log.Warn(text)
	}
}

// withdraw takes back what was said about a topic.
func (d *Daemon) withdraw(topic string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.warnings.set(topic, "") {
		d.log.Info("good again", "about", topic)
	}
}

// has reports whether there is something about a topic.
func (w warnings) has(topic string) bool {
	return slices.ContainsFunc(w, func(x warning) bool { return x.topic == topic })
}
