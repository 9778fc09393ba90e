package ipvsadm

// Command is what a command line asks for.
type Command uint8

// Commands. Those with a name are checked for the options they take.
const (
	None Command = iota
	AddService
	EditService
	DeleteService
	Flush
	List
	Restore
	Save
	AddServer
	EditServer
	DeleteServer
	Zero
	Set
	StartDaemon
	StopDaemon
	Help
	Version
)

// option is an option in the order in which ipvsadm checks them, which decides
// what of several mistakes is reported.
type option uint8

const (
	optNumeric option = iota
	optConnection
	optService
	optScheduler
	optPersistent
	optNetmask
	optServer
	optForward
	optWeight
	optUpper
	optLower
	optMcastInterface
	optTimeout
	optDaemon
	optStats
	optRate
	optThresholds
	optPersistentConn
	optNoSort
	optSyncID
	optExact
	optOps
	optEngine
	optSchedFlags
	optMcastGroup
	optMcastPort
	optMcastTTL
	optSyncMaxLen
	optTunInfo
	optTunType
	optTunPort
	optTunNoCsum
	optTunCsum
	optTunRemCsum
	numOptions
	noOption = numOptions // of --sort and -6, which are not checked
)

// optionNames are the names in messages.
var optionNames = [numOptions]string{
	"numeric", "connection", "service-address", "scheduler", "persistent", "netmask", "real-server",
	"forwarding-method", "weight", "u-threshold", "l-threshold", "mcast-interface", "timeout", "daemon",
	"stats", "rate", "thresholds", "persistent-conn", "nosort", "syncid", "exact", "ops", "pe",
	"sched-flags", "mcast-group", "mcast-port", "mcast-ttl", "sync-maxlen", "tun-info", "tun-type",
	"tun-port", "tun-nocsum", "tun-csum", "tun-remcsum",
}

func (o option) String() string { return optionNames[o] }

// optionSet is a set of options as bits.
type optionSet uint64

func setOf(options ...option) (s optionSet) {
	for _, o := range options {
		s |= 1 << o
	}
	return s
}

func (s optionSet) has(o option) bool           { return s>>o&1 == 1 }
func (s optionSet) hasAny(other optionSet) bool { return s&other != 0 }

// rule says which options something takes: those it needs, those it may have,
// and of those at most one of each of the alternatives.
type rule struct {
	what         string // "'list' command"
	needs        optionSet
	may          optionSet
	alternatives optionSet
}

// check returns the first mistake in the order of options.
func (r *rule) check(given optionSet) error {
	chosen := noOption
	for o := range numOptions {
		switch {
		case !given.has(o):
			if r.needs.has(o) {
				return usage("You need to supply the '%s' option for the %s", o, r.what)
			}
		case !(r.needs | r.may | r.alternatives).has(o):
			return usage("Illegal '%s' option with the %s", o, r.what)
		case r.alternatives.has(o) && chosen != noOption:
			return usage("The option '%s' conflicts with the '%s' option in the %s", o, chosen, r.what)
		case r.alternatives.has(o):
			chosen = o
		}
	}
	return nil
}

// Sets of options that go together.
var (
	tunnelOptions = setOf(optTunType, optTunPort, optTunNoCsum, optTunCsum, optTunRemCsum)
	serverOptions = setOf(optForward, optWeight, optUpper, optLower) | tunnelOptions
	virtualOption = setOf(optScheduler, optPersistent, optNetmask, optOps, optEngine, optSchedFlags)
	listKinds     = setOf(optConnection, optService, optTimeout, optDaemon)
	listOptions   = setOf(optNumeric, optStats, optRate, optThresholds, optPersistentConn, optNoSort, optExact, optTunInfo)
	syncOptions   = setOf(optMcastInterface, optSyncID, optMcastGroup, optMcastPort, optMcastTTL, optSyncMaxLen)
)

// commandRules say which options each command takes.
var commandRules = map[Command]rule{
	AddService:    {what: "'add-service' command", needs: setOf(optService), may: virtualOption},
	EditService:   {what: "'edit-service' command", needs: setOf(optService), may: virtualOption},
	DeleteService: {what: "'delete-service' command", needs: setOf(optService)},
	Flush:         {what: "'flush' command"},
	List:          {what: "'list' command", may: listOptions | setOf(optSyncID), alternatives: listKinds},
	Restore:       {what: "'restore' command"},
	Save:          {what: "'save' command", may: setOf(optNumeric)},
	AddServer:     {what: "'add-server' command", needs: setOf(optService, optServer), may: serverOptions},
	EditServer:    {what: "'edit-server' command", needs: setOf(optService, optServer), may: serverOptions},
	DeleteServer:  {what: "'delete-server' command", needs: setOf(optService, optServer)},
	Zero:          {what: "'zero' command", may: setOf(optService)},
	Set:           {what: "'set' command"},
	StartDaemon:   {what: "'start-daemon' command", may: syncOptions},
	StopDaemon:    {what: "'stop-daemon' command", may: setOf(optSyncID)},
}

// tunnelRules say which tunnel options each --tun-type takes.
var tunnelRules = map[string]rule{
	"ipip": {what: "'ipip' tunnel type"},
	"gue": {what: "'gue' tunnel type", needs: setOf(optTunPort),
		alternatives: setOf(optTunNoCsum, optTunCsum, optTunRemCsum)},
	"gre": {what: "'gre' tunnel type", alternatives: setOf(optTunNoCsum, optTunCsum)},
}
