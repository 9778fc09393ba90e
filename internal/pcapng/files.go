package pcapng

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say how Files spreads a capture.
type Options struct {
	// Path is the file's name. With a rotation a number is put in before its
	// extension: capture.pcapng becomes capture-00001.pcapng and so on. "-" is
	// standard output, which does not rotate.
	Path        string
	Application string
	SnapLen     int // bytes kept of each frame; 0 all
	// A file is finished, and the next begun, before the group that would bring
	// it above MaxSize bytes or that comes MaxAge after its first; 0 never.
	MaxSize int64
	MaxAge  time.Duration
	Keep    int // the newest files that are kept; 0 all
}

// Files is a capture in one file or, one after the other, in several. A file
// grows under its name with ".part" behind it and gets its name when it is
// whole; who finds it can read it.
type Files struct {
	o      Options
	file   *os.File
	buf    *bufio.Writer
	w      *Writer
	ifaces []Interface // of the whole capture; of the file in hand the first w.Interfaces()
	opened time.Time   // by the packets' time
	record int         // of the last record of the file in hand
	number int         // of the file in hand
	names  []string    // of files that are whole, the oldest first
}

// part ends the name of a file that is not whole.
const part = ".part"

// Create begins a capture. The first file is made at once, so that one that
// cannot be made is known before there is anything to lose.
func Create(o Options, now time.Time) (*Files, error) {
	f := &Files{o: o}
	return f, f.open(now)
}

// rotates reports whether there can be several files.
func (f *Files) rotates() bool { return !f.toStdout() && (f.o.MaxSize > 0 || f.o.MaxAge > 0) }

func (f *Files) toStdout() bool { return f.o.Path == "-" }

// name is that of the file in hand.
func (f *Files) name() string {
	if !f.rotates() {
		return f.o.Path
	}
	ext := filepath.Ext(f.o.Path)
	return fmt.Sprintf("%s-%05d%s", strings.TrimSuffix(f.o.Path, ext), f.number, ext)
}

// open begins the next file.
func (f *Files) open(now time.Time) (err error) {
	f.number++
	if f.toStdout() {
		f.file = os.Stdout
	} else if f.file, err = os.OpenFile(f.name()+part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	f.buf = bufio.NewWriterSize(f.file, 64<<10)
	f.opened, f.record = now, 0
	f.w, err = NewWriter(f.buf, f.o.Application, f.o.SnapLen)
	return err
}

// Interface returns the number of the interface of a name, described if it is
// new.
func (f *Files) Interface(name string) int {
	for i := range f.ifaces {
		if f.ifaces[i].Name == name {
			return i
		}
	}
	f.ifaces = append(f.ifaces, Interface{Name: name})
	return len(f.ifaces) - 1
}

// Write appends records that belong together and so get into one file. comment
// is called for each with the numbers that the group's records have there, from
// first on, as Wireshark numbers them.
func (f *Files) Write(group []Packet, comment func(i, first int) string) error {
	if len(group) == 0 {
		return nil
	}
	if f.due(group) {
		if err := f.next(group[0].Time); err != nil {
			return err
		}
	}
	for f.w.Interfaces() < len(f.ifaces) {
		if _, err := f.w.AddInterface(f.ifaces[f.w.Interfaces()]); err != nil {
			return err
		}
	}
	first := f.record + 1
	for i := range group {
		group[i].Comment = comment(i, first)
		if err := f.w.WritePacket(&group[i]); err != nil {
			return err
		}
		f.record++
	}
	return nil
}

// due reports whether the group belongs into the next file.
func (f *Files) due(group []Packet) bool {
	if f.record == 0 || !f.rotates() {
		return false
	}
	if f.o.MaxAge > 0 && group[0].Time.Sub(f.opened) >= f.o.MaxAge {
		return true
	}
	size := f.w.Written()
	for i := range group {
		size += int64(f.kept(len(group[i].Data)) + overhead)
	}
	return f.o.MaxSize > 0 && size > f.o.MaxSize
}

// overhead is a record's size beside its data and the most of its comment.
const overhead = 512

// kept is how many bytes of a frame are written.
func (f *Files) kept(size int) int {
	if f.o.SnapLen > 0 {
		return min(size, f.o.SnapLen)
	}
	return size
}

// next finishes the file in hand, begins another and removes the oldest.
func (f *Files) next(now time.Time) error {
	if err := f.finish(); err != nil {
		return err
	}
	if err := f.open(now); err != nil {
		return err
	}
	for f.o.Keep > 0 && len(f.names) >= f.o.Keep {
		if err := os.Remove(f.names[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		f.names = f.names[1:]
	}
	return nil
}

// finish completes the file in hand and gives it its name.
func (f *Files) finish() error {
	if f.file == nil {
		return nil
	}
	err := f.buf.Flush()
	if f.toStdout() {
		f.file = nil
		return err
	}
	err = errors.Join(err, f.file.Close())
	f.file = nil
	if err != nil {
		return err
	}
	if err := os.Rename(f.name()+part, f.name()); err != nil {
		return err
	}
	f.names = append(f.names, f.name())
	return nil
}

// Flush hands what is buffered to the kernel.
func (f *Files) Flush() error { return f.buf.Flush() }

// Names returns the files that are whole and kept, the oldest first.
func (f *Files) Names() []string { return f.names }

// Close completes the last file.
func (f *Files) Close() error { return f.finish() }
