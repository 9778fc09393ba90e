package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ulvs/control/api"
	"ulvs/procfs"
)

// procPeriod is how often the files below Options.ProcDir are made anew: as
// often as the kernel refreshes the counters that they show.
const procPeriod = 2 * time.Second

// procShare bounds the time that a set of files may cost: after a pass there is
// a rest of so many times its length.
const procShare = 20

// procDir keeps ip_vs's files below /proc/net in a folder.
type procDir struct {
	dir  string
	end  context.CancelFunc
	done sync.WaitGroup
}

// openProcDir makes the folder and its files, and keeps them fresh until
// closeProcDir. The small files do not wait for the listings of connections.
func (d *Daemon) openProcDir() (*procDir, error) {
	if d.opts.ProcDir == "" {
		return nil, nil
	}
	p := &procDir{dir: filepath.Join(d.opts.ProcDir, "net")}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, fmt.Errorf("--proc-dir: %w", err)
	}
	if err := procfs.Replace(p.dir, procfs.Names(), (*procSource)(d)); err != nil {
		return nil, fmt.Errorf("--proc-dir: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	p.end = end
	for size, topic := range map[procfs.Size]string{procfs.Small: aboutProc, procfs.Large: aboutProcConns} {
		p.done.Go(func() { p.keep(ctx, d, procfs.NamesOf(size), topic) })
	}
	return p, nil
}

// keep makes the files anew again and again.
func (p *procDir) keep(ctx context.Context, d *Daemon, names []string, about string) {
	pause := time.NewTimer(procPeriod)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		started := time.Now()
		if err := procfs.Replace(p.dir, names, (*procSource)(d)); err != nil {
			d.warn(about, "files for readers of /proc/net are old: "+err.Error())
		} else {
			d.withdraw(about)
		}
		pause.Reset(max(procPeriod, procShare*time.Since(started)))
	}
}

// closeProcDir removes the files: numbers of a daemon that has ended would look
// alive. The folder goes too if nothing else is in it.
func (d *Daemon) closeProcDir(p *procDir) {
	if p == nil {
		return
	}
	p.end()
	p.done.Wait()
	if err := procfs.Remove(p.dir, procfs.Names()); err != nil {
		d.log.Warn("remove files of --proc-dir", "err", err)
	}
	_ = os.Remove(p.dir) // fails if there are other files
}

// procSource makes a Daemon the source of these files.
type procSource Daemon

func (s *procSource) State() (*api.State, error) {
	state := (*Daemon)(s).State()
	return &state, nil
}

func (s *procSource) Connections(yield func(api.Connection) error) (err error) {
	(*Daemon)(s).Connections(func(c api.Connection) bool {
		err = yield(c)
		return err == nil
	})
	return err
}
