package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ulvs/explain"
	"ulvs/internal/pcapng"
)

// captureRate is the default of ulvs capture --rate.
const captureRate = 1000

// capturer is ulvs capture with its flags.
type capturer struct {
	watching
	to   pcapng.Options
	size string
}

// captureCommand writes packets with what became of them.
func captureCommand() *cobra.Command {
	var x capturer
	c := &cobra.Command{
		Use:   "capture -o FILE [FILTER ...]",
		Short: "write packets of the running daemon to a pcapng file, each with what became of it",
		Long: `Writes each packet that matches FILTER as it came and as it was sent, in records
whose comments name each other and say what became of the packet: connection,
state, server, verdict and reason. Wireshark and tshark show them.

FILTER is of tcpdump's kind and matches packets as they arrive. A file gets its
name when it is whole; until then ".part" is behind it.

  ulvs capture -o web.pcapng -n 1000 tcp port 80
  ulvs capture -o all.pcapng --rotate-size 10MB --rotate-time 1m --files 5
  ulvs capture -o - udp | wireshark -k -i -`,
		RunE: func(c *cobra.Command, filter []string) error { return x.run(c.Context(), c.Flags(), filter) },
	}
	f := c.Flags()
	f.StringVarP(&x.to.Path, "output", "o", "", "file to write; - is standard output")
	f.IntVar(&x.SnapLen, "snaplen", 0, "bytes to keep of each frame (default all)")
	f.StringVar(&x.size, "rotate-size", "", "begin another file before one is larger than this, such as 10MB or 10MiB")
	f.DurationVar(&x.to.MaxAge, "rotate-time", 0, "begin another file when one is as old as this")
	f.IntVar(&x.to.Keep, "files", 0, "how many files to keep, the newest (default all)")
	x.flags(f, captureRate)
	return c
}

// run captures until the end, which may be a signal.
func (x *capturer) run(ctx context.Context, f *pflag.FlagSet, filter []string) error {
	if err := x.check(f, filter); err != nil {
		return err
	}
	if err := x.checkFiles(f); err != nil {
		return err
	}
	x.to.Application, x.to.SnapLen = "ulvs "+version, x.SnapLen
	files := &captureFiles{}
	began := func(interfaces []string) (err error) {
		if files.Files, err = pcapng.Create(x.to, time.Now()); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		for _, name := range interfaces {
			files.Interface(name)
		}
		x.announce("capturing", interfaces)
		return nil
	}
	err := x.watch(ctx, began, files.write)
	if files.Files == nil {
		return err
	}
	if closeErr := files.Close(); err == nil {
		err = closeErr
	}
	for _, name := range files.Names() {
		fmt.Fprintln(os.Stderr, name)
	}
	return err
}

// checkFiles refuses what cannot be meant.
func (x *capturer) checkFiles(f *pflag.FlagSet) (err error) {
	rotates := f.Changed("rotate-size") || f.Changed("rotate-time")
	if x.size != "" {
		x.to.MaxSize, err = parseSize(x.size)
	}
	switch {
	case x.to.Path == "":
		return usageError{errors.New("--output: the name of a file is needed")}
	case f.Changed("snaplen") && x.SnapLen < 1:
		return usageError{fmt.Errorf("--snaplen: %d is not a positive number", x.SnapLen)}
	case err != nil:
		return usageError{fmt.Errorf("--rotate-size: %w", err)}
	case f.Changed("rotate-time") && x.to.MaxAge <= 0:
		return usageError{fmt.Errorf("--rotate-time: %v is not positive", x.to.MaxAge)}
	case f.Changed("files") && x.to.Keep < 1:
		return usageError{fmt.Errorf("--files: %d is not a positive number", x.to.Keep)}
	case f.Changed("files") && !rotates:
		return usageError{errors.New("--files: only with --rotate-size or --rotate-time")}
	case rotates && x.to.Path == "-":
		return usageError{errors.New("--output: standard output cannot be rotated")}
	}
	return nil
}

// sizeUnits are what a size may end with.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// parseSize reads a number of bytes.
func parseSize(text string) (int64, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 40)
		if err != nil || n < 1 {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size such as 500000, 10MB or 10MiB", text)
}

// captureFiles writes Records.
type captureFiles struct{ *pcapng.Files }

// write writes a packet as it came and what was sent because of it.
func (c *captureFiles) write(r *explain.Record) error {
	at := time.Now()
	if r.At != nil {
		at = *r.At
	}
	group := []pcapng.Packet{c.record(&r.Packet, r.In, at, pcapng.Inbound, r)}
	for i := range r.Sent {
		group = append(group, c.record(&r.Sent[i].View, r.Sent[i].Port, at, pcapng.Outbound, r))
	}
	err := c.Write(group, func(i, first int) string { return link(r, i, first) + "; " + r.Comment() })
	return errors.Join(err, c.Flush())
}

// record is one frame of a packet.
func (c *captureFiles) record(v *explain.View, port string, at time.Time, d pcapng.Direction, r *explain.Record) pcapng.Packet {
	return pcapng.Packet{Interface: c.Interface(port), Time: at, Data: v.Bytes(), Length: v.Length, Direction: d, ID: uint64(r.Number)}
}

// link names the other records of record i of a packet, whose first is the frame
// as it came.
func link(r *explain.Record, i, first int) string {
	became, came := "sent as", "came as"
	if r.Verdict == "answered" {
		became, came = "answered by", "answers"
	}
	if i > 0 {
		return fmt.Sprintf("packet %d, out: %s record %d", r.Number, came, first)
	}
	switch n := len(r.Sent); n {
	case 0:
		return fmt.Sprintf("packet %d, in: nothing is sent", r.Number)
	case 1:
		return fmt.Sprintf("packet %d, in: %s record %d", r.Number, became, first+1)
	default:
		return fmt.Sprintf("packet %d, in: %s records %d to %d", r.Number, became, first+1, first+n)
	}
}
