package ipvsadm

import "strings"

// argument says whether an option takes one.
type argument uint8

const (
	noArgument argument = iota
	needsArgument
	mayHaveArgument
)

// definition is one option as it can be typed.
type definition struct {
	long    string
	short   byte // 0: none
	arg     argument
	command Command // of the command options, which can only come first
	option  option  // what the others count as
}

// definitions are all options. --sort and -6 are of no option: they can be
// repeated and are never illegal.
var definitions = []definition{
	{long: "add-service", short: 'A', command: AddService},
	{long: "edit-service", short: 'E', command: EditService},
	{long: "delete-service", short: 'D', command: DeleteService},
	{long: "clear", short: 'C', command: Flush},
	{long: "list", short: 'L', command: List},
	{long: "list", short: 'l', command: List},
	{long: "restore", short: 'R', command: Restore},
	{long: "save", short: 'S', command: Save},
	{long: "add-server", short: 'a', command: AddServer},
	{long: "edit-server", short: 'e', command: EditServer},
	{long: "delete-server", short: 'd', command: DeleteServer},
	{long: "zero", short: 'Z', command: Zero},
	{long: "set", command: Set},
	{long: "start-daemon", arg: needsArgument, command: StartDaemon},
	{long: "stop-daemon", arg: needsArgument, command: StopDaemon},
	{long: "help", short: 'h', command: Help},
	{long: "version", short: 'v', command: Version},

	{long: "tcp-service", short: 't', arg: needsArgument, option: optService},
	{long: "udp-service", short: 'u', arg: needsArgument, option: optService},
	{long: "sctp-service", arg: needsArgument, option: optService},
	{long: "fwmark-service", short: 'f', arg: needsArgument, option: optService},
	{long: "ipv6", short: '6', option: noOption},
	{long: "scheduler", short: 's', arg: needsArgument, option: optScheduler},
	{long: "pe", arg: needsArgument, option: optEngine},
	{long: "persistent", short: 'p', arg: mayHaveArgument, option: optPersistent},
	{long: "netmask", short: 'M', arg: needsArgument, option: optNetmask},
	{long: "ops", short: 'o', option: optOps},
	{long: "sched-flags", short: 'b', arg: needsArgument, option: optSchedFlags},

	{long: "real-server", short: 'r', arg: needsArgument, option: optServer},
	{long: "gatewaying", short: 'g', option: optForward},
	{long: "ipip", short: 'i', option: optForward},
	{long: "masquerading", short: 'm', option: optForward},
	{long: "tun-type", arg: needsArgument, option: optTunType},
	{long: "tun-port", arg: needsArgument, option: optTunPort},
	{long: "tun-nocsum", option: optTunNoCsum},
	{long: "tun-csum", option: optTunCsum},
	{long: "tun-remcsum", option: optTunRemCsum},
	{long: "weight", short: 'w', arg: needsArgument, option: optWeight},
	{long: "u-threshold", short: 'x', arg: needsArgument, option: optUpper},
	{long: "l-threshold", short: 'y', arg: needsArgument, option: optLower},

	{long: "numeric", short: 'n', option: optNumeric},
	{long: "connection", short: 'c', option: optConnection},
	{long: "timeout", option: optTimeout},
	{long: "daemon", option: optDaemon},
	{long: "stats", option: optStats},
	{long: "rate", option: optRate},
	{long: "exact", short: 'X', option: optExact},
	{long: "thresholds", option: optThresholds},
	{long: "persistent-conn", option: optPersistentConn},
	{long: "tun-info", option: optTunInfo},
	{long: "nosort", option: optNoSort},
	{long: "sort", option: noOption},

	{long: "syncid", arg: needsArgument, option: optSyncID},
	{long: "sync-maxlen", arg: needsArgument, option: optSyncMaxLen},
	{long: "mcast-interface", arg: needsArgument, option: optMcastInterface},
	{long: "mcast-group", arg: needsArgument, option: optMcastGroup},
	{long: "mcast-port", arg: needsArgument, option: optMcastPort},
	{long: "mcast-ttl", arg: needsArgument, option: optMcastTTL},
}

// scanner takes a command line apart as popt does, with which ipvsadm was
// recorded: short options combine, an argument may be attached with or
// without "=", words that are no option are kept for the end.
type scanner struct {
	args    []string // not looked at yet
	word    string   // that the last option was in
	cluster string   // short options of word still to come
	words   []string // that are no options
}

// found is one option with its argument; hasArg is false if an argument that
// may be left out was.
type found struct {
	*definition
	text   string
	hasArg bool
}

// next returns the next option, nil at the end. Its errors end the scan.
func (s *scanner) next() (*found, error) {
	for s.cluster == "" {
		if len(s.args) == 0 {
			return nil, nil
		}
		s.word, s.args = s.args[0], s.args[1:]
		switch {
		case s.word == "--":
			s.words, s.args = append(s.words, s.args...), nil
		case strings.HasPrefix(s.word, "--"):
			return s.long(s.word[2:])
		case len(s.word) > 1 && s.word[0] == '-':
			s.cluster = s.word[1:]
		default:
			s.words = append(s.words, s.word)
		}
	}
	return s.shortOption()
}

// long reads the option --text.
func (s *scanner) long(text string) (*found, error) {
	name, value, attached := strings.Cut(text, "=")
	for i := range definitions {
		if d := &definitions[i]; d.long == name {
			return s.withArgument(d, value, attached, attached)
		}
	}
	return nil, s.fault("unknown option")
}

// shortOption reads the first option of the cluster.
func (s *scanner) shortOption() (*found, error) {
	letter, rest := s.cluster[0], s.cluster[1:]
	value, equals := strings.CutPrefix(rest, "=")
	for i := range definitions {
		d := &definitions[i]
		if d.short != letter {
			continue
		}
		s.cluster = ""
		if d.arg == noArgument && !equals {
			s.cluster = rest
		}
		return s.withArgument(d, value, rest != "", equals)
	}
	return nil, s.fault("unknown option")
}

// withArgument completes d with its argument: value if it was attached to the
// option, else the next word. An argument that may be left out is left out if
// the next word looks like an option.
func (s *scanner) withArgument(d *definition, value string, attached, equals bool) (*found, error) {
	switch {
	case d.arg == noArgument && equals:
		return nil, s.fault("option does not take an argument")
	case d.arg == noArgument:
		return &found{definition: d}, nil
	case attached:
		return &found{d, value, true}, nil
	case d.arg == mayHaveArgument && (len(s.args) == 0 || strings.HasPrefix(s.args[0], "-")):
		return &found{definition: d}, nil
	case len(s.args) == 0:
		return nil, s.fault("missing argument")
	}
	value, s.args = s.args[0], s.args[1:]
	return &found{d, value, true}, nil
}

// fault is an error of the scan: it names the whole word, and within a
// restore it does not end the restore.
func (s *scanner) fault(text string) error {
	return &ExitError{Text: s.word + ": " + text, Code: 255, LineOnly: true}
}
