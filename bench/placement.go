package bench

// Placement says which processors the parts of a measurement run on. It decides
// more than code does, so every row of every table names it.
type Placement struct {
	Name string
	Text string // explains the name

	Client, Director, Server int // processors, or anyCPU
	// Threaded moves the reception at the director from the sender's softirq
	// to a kernel thread on the director's processor (threaded NAPI).
	Threaded bool
	// Steered moves it there by RPS instead.
	Steered bool
}

// Processors of a measurement. The generator's also pays for the delivery to
// the director's ring, the director's for that to the sink.
const (
	GeneratorCPU = 0
	DirectorCPU  = 1
	anyCPU       = -1
)

// The placements in use.
var (
	OwnCore = Placement{
		Name: "own core", Text: "generator and the softirq that receives from it on processor 0; the forwarder, its transmission and the sink on 1",
		Client: GeneratorCPU, Director: DirectorCPU, Server: DirectorCPU,
	}
	OneCore = Placement{
		Name: "one core", Text: "generator on processor 0; all of the director, its reception by threaded NAPI too, and the sink on 1",
		Client: GeneratorCPU, Director: DirectorCPU, Server: DirectorCPU, Threaded: true,
	}
	SenderCore = Placement{
		Name: "sender's core", Text: "the kernel forwards in the softirq that receives, on the generator's processor 0",
		Client: GeneratorCPU, Director: GeneratorCPU, Server: GeneratorCPU,
	}
	SteeredCore = Placement{
		Name: "RPS", Text: "generator on processor 0; reception and forwarding steered to processor 1 by RPS",
		Client: GeneratorCPU, Director: DirectorCPU, Server: DirectorCPU, Steered: true,
	}
	Free = Placement{
		Name: "all cores", Text: "client, director and server on any processor, as the kernel schedules them",
		Client: anyCPU, Director: anyCPU, Server: anyCPU,
	}
	Across = Placement{
		Name: "director across", Text: "client and server on processor 0, the director on 1: every hop crosses",
		Client: 0, Director: 1, Server: 0,
	}
	EndsAcross = Placement{
		Name: "server across", Text: "client on processor 0, server on 1, a director's process with the server",
		Client: 0, Director: 1, Server: 1,
	}
	SameCore = Placement{
		Name: "same core", Text: "client, director and server on processor 0",
		Client: 0, Director: 0, Server: 0,
	}
	Alone = Placement{
		Name: "alone", Text: "one thread on processor 1, nothing else",
		Client: anyCPU, Director: anyCPU, Server: anyCPU,
	}
	InProcess = Placement{
		Name: "in process", Text: "the pipeline on ports in memory, one thread, no kernel",
		Client: anyCPU, Director: anyCPU, Server: anyCPU,
	}
)

// placements are all of them, for the legend of a report.
func placements() []Placement {
	return []Placement{OwnCore, OneCore, SenderCore, SteeredCore, Free, Across, EndsAcross, SameCore, Alone, InProcess}
}
