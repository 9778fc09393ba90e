package ipvsadm

import (
	"net/netip"

	"ulvs/control/api"
	"ulvs/service"
)

// Request is a command line understood and checked.
type Request struct {
	Command Command
	// Service and Server are those named on the line. For List and Zero,
	// HasService tells whether one was named at all.
	Service    service.VirtualService
	Server     service.RealServer
	HasService bool
	Timeouts   api.Timeouts // of Set
	Format     Format       // of List and Save
	Sync       SyncDaemon   // of StartDaemon and StopDaemon
}

// Change returns what a changing command asks of the configuration.
func (r *Request) Change() (service.Change, bool) {
	op, ok := map[Command]service.Op{
		AddService:    service.AddService,
		EditService:   service.EditService,
		DeleteService: service.DeleteService,
		AddServer:     service.AddServer,
		EditServer:    service.EditServer,
		DeleteServer:  service.DeleteServer,
		Flush:         service.Flush,
	}[r.Command]
	return service.Change{Op: op, Service: r.Service, Server: r.Server}, ok
}

// Format is how a listing is wanted.
type Format struct {
	Numeric        bool
	Connections    bool
	Timeouts       bool
	Daemon         bool
	Stats          bool
	Rate           bool
	Exact          bool
	Thresholds     bool
	PersistentConn bool
	TunnelInfo     bool
	NoSort         bool
}

// parser holds what is known of a line while it is read from left to right:
// the meaning of an option can depend on those before it.
type parser struct {
	Request
	names     Names
	given     optionSet
	inet6     bool   // the service named last is of IPv6
	schedFlag string // -b, understood at the end with the scheduler
	mask4     netip.Addr
	prefix6   int
}

// Parse reads a command line: args without the program's name, which program
// gives for messages. Its errors are *ExitError.
func Parse(program string, args []string, names Names) (*Request, error) {
	scan := &scanner{args: args}
	first, err := scan.next()
	if err != nil || first == nil || first.command == None {
		return nil, tryHelp(program)
	}
	p := &parser{names: names}
	p.Server.Method, p.Server.Weight = service.DR, 1
	if err := p.command(first); err != nil {
		return nil, err
	}
	if p.Command == Help || p.Command == Version {
		return &p.Request, nil
	}
	if err := p.options(scan); err != nil {
		return nil, err
	}
	if err := p.rest(scan.words); err != nil {
		return nil, err
	}
	return &p.Request, p.finish()
}

// command takes the first option, which is the command.
func (p *parser) command(f *found) error {
	p.Command = f.command
	switch f.command {
	case StartDaemon:
		return p.Sync.role(f.text, "illegal start-daemon parameter specified")
	case StopDaemon:
		return p.Sync.role(f.text, "illegal start_daemon specified")
	}
	return nil
}

// options reads all options after the command.
func (p *parser) options(scan *scanner) error {
	for {
		f, err := scan.next()
		if f == nil || err != nil {
			return err
		}
		if f.command != None {
			return usage("invalid option `%s'", scan.word)
		}
		if err := p.once(f.option); err != nil {
			return err
		}
		if err := p.option(f); err != nil {
			return err
		}
	}
}

// once notes that an option was given; none may come twice.
func (p *parser) once(o option) error {
	if o == noOption {
		return nil
	}
	if p.given.has(o) {
		return usage("multiple '%s' options specified", o)
	}
	p.given |= setOf(o)
	return nil
}

// option takes one option in.
func (p *parser) option(f *found) error {
	switch {
	case setOf(f.option).hasAny(listOptions | listKinds&^setOf(optService)):
		p.format(f.option)
		return nil
	case setOf(f.option).hasAny(syncOptions):
		return p.Sync.option(f.option, f.text)
	case setOf(f.option).hasAny(serverOptions | setOf(optServer)):
		return p.serverOption(f)
	}
	return p.serviceOption(f)
}

// format takes an option of listings in.
func (p *parser) format(o option) {
	flag := map[option]*bool{
		optNumeric:        &p.Format.Numeric,
		optConnection:     &p.Format.Connections,
		optTimeout:        &p.Format.Timeouts,
		optDaemon:         &p.Format.Daemon,
		optStats:          &p.Format.Stats,
		optRate:           &p.Format.Rate,
		optExact:          &p.Format.Exact,
		optThresholds:     &p.Format.Thresholds,
		optPersistentConn: &p.Format.PersistentConn,
		optTunInfo:        &p.Format.TunnelInfo,
		optNoSort:         &p.Format.NoSort,
	}[o]
	*flag = true
}

// serviceOption takes an option of a virtual service in.
func (p *parser) serviceOption(f *found) (err error) {
	switch f.option {
	case optService:
		return p.service(f)
	case optScheduler:
		p.Service.Scheduler = f.text
	case optEngine:
		p.Service.PE = f.text
	case optPersistent:
		if !f.hasArg {
			f.text = defaultPersistence
		}
		p.Service.Persistent, err = timeout(f.text, 1)
	case optNetmask:
		return p.netmask(f.text)
	case optOps:
		p.Service.OnePacket = true
	case optSchedFlags:
		p.schedFlag = f.text
	case noOption:
		if f.short == '6' {
			return p.ipv6()
		}
	}
	return err
}

// service reads the service that -t, -u, --sctp-service or -f names.
func (p *parser) service(f *found) error {
	p.HasService = true
	if f.short == 'f' {
		m, err := mark(f.text)
		p.Service.Mark, p.inet6 = m, false
		return err
	}
	p.Service.Protocol = map[byte]service.Protocol{'t': service.TCP, 'u': service.UDP, 0: service.SCTP}[f.short]
	t, ok := parseTarget(f.text, p.Service.Protocol, p.names)
	if !ok {
		return usage("illegal virtual server address[:port] specified")
	}
	p.Service.Addr, p.Service.Port = t.addr, t.port
	if p.inet6 = t.addr.Is6(); p.inet6 {
		p.prefix6 = 128
	}
	return nil
}

// ipv6 makes a firewall-mark service one of IPv6.
func (p *parser) ipv6() error {
	if p.Service.Mark == 0 {
		return usage("-6 used before -f\n")
	}
	p.Service.IPv6, p.inet6, p.prefix6 = true, true, 128
	return nil
}

// netmask reads -M: a prefix length if the service is already known to be of
// IPv6, else a mask in the form of an IPv4 address.
func (p *parser) netmask(text string) error {
	if p.inet6 {
		n := leadingNumber(text)
		if n < 1 || n > 128 {
			return usage("illegal ipv6 netmask specified")
		}
		p.prefix6 = int(n)
		return nil
	}
	mask, ok := legacyIPv4(text)
	if !ok {
		return usage("illegal virtual server persistent mask specified")
	}
	p.mask4 = mask
	return nil
}

// rest deals with the words that are no options.
func (p *parser) rest(words []string) error {
	if p.Command == Set {
		if len(words) < 3 {
			return usage("--set option requires 3 timeout values")
		}
		if err := p.timeouts(words[:3]); err != nil {
			return err
		}
		words = words[3:]
	}
	if len(words) > 0 {
		return usage("unexpected argument %s", words[0])
	}
	return nil
}

// timeouts reads the three values of --set; 0 leaves one as it is.
func (p *parser) timeouts(words []string) (err error) {
	t := &p.Timeouts
	if t.TCP, err = timeout(words[0], 0); err != nil {
		return err
	}
	if t.TCPFin, err = timeout(words[1], 0); err != nil {
		return err
	}
	t.UDP, err = timeout(words[2], 0)
	return err
}
