package service

import (
	"fmt"
	"slices"
)

// Op is a kind of change to a table.
type Op string

// Kinds of change, named by what ipvsadm calls them.
const (
	AddService    Op = "add-service"
	EditService   Op = "edit-service"
	DeleteService Op = "delete-service"
	AddServer     Op = "add-server"
	EditServer    Op = "edit-server"
	DeleteServer  Op = "delete-server"
	Flush         Op = "flush"
	SetMarks      Op = "set-marks" // not ipvsadm's: iptables' part in ip_vs
)

// A Change is one step from a table to the next.
type Change struct {
	Op Op `json:"op"`
	// Service is what to add or edit; for the other kinds only its Key counts,
	// for Flush nothing.
	Service VirtualService `json:"service,omitzero"`
	// Server is what to add or edit; for DeleteServer only Addr and Port count.
	Server RealServer `json:"server,omitzero"`
	// Marks are all rules that there shall be, for SetMarks.
	Marks []MarkRule `json:"marks,omitempty"`
}

// Apply returns the table after c, or the error of the method of Table that c
// stands for.
func (t *Table) Apply(c Change) (*Table, error) {
	switch c.Op {
	case AddService:
		return t.AddService(c.Service)
	case EditService:
		return t.EditService(c.Service)
	case DeleteService:
		return t.DeleteService(c.Service.Key)
	case AddServer:
		return t.AddServer(c.Service.Key, c.Server)
	case EditServer:
		return t.EditServer(c.Service.Key, c.Server)
	case DeleteServer:
		return t.DeleteServer(c.Service.Key, c.Server.Endpoint())
	case Flush:
		return t.Flush(), nil
	case SetMarks:
		return t.SetMarks(c.Marks)
	}
	return nil, fmt.Errorf("apply change: %w", invalid("operation", c.Op,
		"add-service, edit-service, delete-service, add-server, edit-server, delete-server, flush, set-marks"))
}

// String returns the change as one line for logs.
func (c Change) String() string {
	switch c.Op {
	case AddServer, EditServer, DeleteServer:
		return fmt.Sprintf("%s %v of %v", c.Op, c.Server.Endpoint(), c.Service.Key)
	case Flush:
		return string(c.Op)
	case SetMarks:
		return fmt.Sprintf("%s, %d rules", c.Op, len(c.Marks))
	}
	return fmt.Sprintf("%s %v", c.Op, c.Service.Key)
}

// Diff returns the changes that make next of t: deletions first, then edits and
// additions service by service. What stays is not touched, so its connections
// and counters live on. For that reason the order of real servers alone is no
// difference: it is only followed among those that are added.
//
// Mark rules come first: a service is reached the moment it is there.
func Diff(t, next *Table) []Change {
	var out []Change
	if !slices.Equal(t.marks, next.marks) {
		out = append(out, Change{Op: SetMarks, Marks: next.marks})
	}
	if len(next.entries) == 0 && len(t.entries) != 0 {
		return append(out, Change{Op: Flush})
	}
	for _, e := range t.entries {
		if next.Find(e.Key) == nil {
			out = append(out, Change{Op: DeleteService, Service: VirtualService{Key: e.Key}})
		}
	}
	// Backwards, because the kernel lists the newest first.
	for _, e := range slices.Backward(next.entries) {
		out = diffService(out, t.Find(e.Key), e)
	}
	return out
}

func diffService(out []Change, old, e *Entry) []Change {
	switch {
	case old == nil:
		out = append(out, Change{Op: AddService, Service: e.VirtualService})
		old = &Entry{}
	case !old.VirtualService.equal(&e.VirtualService):
		out = append(out, Change{Op: EditService, Service: e.VirtualService})
	}
	return diffServers(out, old, e)
}

func diffServers(out []Change, old, e *Entry) []Change {
	key := VirtualService{Key: e.Key}
	for _, r := range old.Servers {
		if e.Server(r.Endpoint()) == nil {
			out = append(out, Change{Op: DeleteServer, Service: key, Server: r})
		}
	}
	for _, r := range slices.Backward(e.Servers) {
		was := old.Server(r.Endpoint())
		switch {
		case was == nil:
			out = append(out, Change{Op: AddServer, Service: key, Server: r})
		case *was != r:
			out = append(out, Change{Op: EditServer, Service: key, Server: r})
		}
	}
	return out
}

func (v *VirtualService) equal(o *VirtualService) bool {
	return v.Key == o.Key && v.Scheduler == o.Scheduler && slices.Equal(v.SchedFlag, o.SchedFlag) &&
		v.Persistent == o.Persistent && v.Netmask == o.Netmask && v.Mask == o.Mask &&
		v.PE == o.PE && v.OnePacket == o.OnePacket
}
