package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ulvs/internal/sdnotify"
	"ulvs/sched"
	"ulvs/wire"
)

// The tests here are of the lab, not of ulvs: the test binary stands in for
// ulvs by a TCP proxy that takes the lab's ipvsadm commands. The end-to-end
// tests run the real one.

func TestMain(m *testing.M) {
	// Under -race each of a lab's many processes would end a second late.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		os.Exit(exitCode(err))
	}
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "run":
			os.Exit(exitCode(standIn(os.Args[2:])))
		case "ipvsadm":
			os.Exit(exitCode(standInCommand(os.Args[2:])))
		}
	}
	os.Exit(Main(m))
}

// standInSocket is an abstract address: each network namespace has its own.
const standInSocket = "@ulvs-lab-stand-in"

// proxy is the stand-in's one virtual service.
type proxy struct {
	mu        sync.Mutex
	scheduler sched.Scheduler
	list      []*sched.Server
	crooked   bool // sends everything to the first server
}

// standIn is "ulvs run". Its argument is fair, crooked or dead.
func standIn(args []string) error {
	if args[0] == "dead" {
		return errors.New("no ring today")
	}
	listener, err := net.Listen("unix", standInSocket)
	if err != nil {
		return err
	}
	p := &proxy{crooked: args[0] == "crooked"}
	if _, err := sdnotify.Notify(sdnotify.Ready); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := p.talk(conn); err != nil {
			fmt.Fprintln(conn, err)
		}
		_ = conn.Close()
	}
}

// standInCommand is "ulvs ipvsadm".
func standInCommand(args []string) error {
	conn, err := net.Dial("unix", standInSocket)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintln(conn, strings.Join(args, " "))
	answer, err := io.ReadAll(conn)
	if len(answer) > 0 && err == nil {
		err = errors.New(strings.TrimSpace(string(answer)))
	}
	return err
}

// talk does one command.
func (p *proxy) talk(conn net.Conn) error {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	words := strings.Fields(line)
	option := func(name string) string { return words[slices.Index(words, name)+1] }
	switch words[0] {
	case "-A":
		return p.create(option("-t"), option("-s"))
	case "-a":
		return p.add(option("-r"), option("-w"))
	}
	return nil
}

func (p *proxy) create(vip, scheduler string) (err error) {
	if p.scheduler, err = sched.New(scheduler, sched.Config{}); err != nil {
		return err
	}
	p.scheduler.Init(nil)
	listener, err := net.Listen("tcp4", vip)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(conn)
		}
	}()
	return nil
}

func (p *proxy) add(real, weight string) error {
	w, err := strconv.Atoi(weight)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(real, ":80"))
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := sched.NewServer(wire.AddrFrom(addr), 80, int32(w))
	p.list = append([]*sched.Server{s}, p.list...)
	p.scheduler.Added(p.list, s)
	return nil
}

func (p *proxy) pick() *sched.Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crooked {
		return p.list[0]
	}
	s := p.scheduler.Pick(&sched.Flow{})
	s.Bind()
	return s
}

func (p *proxy) forward(client net.Conn) {
	defer client.Close()
	s := p.pick()
	server, err := net.Dial("tcp4", netip.AddrPortFrom(s.Addr.Netip(), s.Port).String())
	if err != nil {
		return
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(server, client); cancel() }()
	go func() { _, _ = io.Copy(client, server); cancel() }()
	<-ctx.Done()
}
