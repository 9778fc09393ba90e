package egress

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ulvs/internal/testns"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// pair is a veth pair, the ends of a namespace; what is looked at is a0.
func pair(t *testing.T) *testns.NS {
	t.Helper()
	ns := testns.New(t)
	testns.Veth(t, ns, "a0", ns, "b0")
	ns.Up("a0", "b0")
	return ns
}

// of returns what there is at an interface.
func of(t *testing.T, ns *testns.NS, name string, own ...uint64) (found []string) {
	t.Helper()
	index := ns.Index(name)
	ns.Do(func() {
		v, err := Look([]int{index}, own)
		if err != nil {
			t.Error(err)
			return
		}
		found = v.Of(index)
	})
	return found
}

func TestNobody(t *testing.T) {
	ns := pair(t)
	if got := of(t, ns, "a0"); len(got) != 0 {
		t.Errorf("at an interface as it is made: %q", got)
	}
}

func TestQdiscs(t *testing.T) {
	rows := []struct {
		kind   string
		parent uint32
		want   []string
	}{
		{"pfifo", netlink.HANDLE_ROOT, []string{"qdisc pfifo"}},
		{"clsact", netlink.HANDLE_CLSACT, []string{"qdisc clsact"}},
		{"ingress", netlink.HANDLE_INGRESS, nil},
	}
	for _, row := range rows {
		t.Run(row.kind, func(t *testing.T) {
			ns := pair(t)
			err := ns.Handle().QdiscAdd(&netlink.GenericQdisc{QdiscType: row.kind, QdiscAttrs: netlink.QdiscAttrs{
				LinkIndex: ns.Index("a0"), Parent: row.parent, Handle: netlink.MakeHandle(0xffff, 0),
			}})
			if err != nil {
				t.Fatal(err)
			}
			if got := of(t, ns, "a0"); !slices.Equal(got, row.want) {
				t.Errorf("%q, want %q", got, row.want)
			}
			if got := of(t, ns, "b0"); len(got) != 0 {
				t.Errorf("at the other interface: %q", got)
			}
		})
	}
}

func TestPacketSockets(t *testing.T) {
	const other = 0x88b5 // an EtherType for local use
	rows := []struct {
		name      string
		protocol  uint16
		ifname    string // empty: all
		at, other bool   // found there
	}{
		{"one interface", unix.ETH_P_ALL, "a0", true, false},
		{"all interfaces", unix.ETH_P_ALL, "", true, true},
		{"one protocol", other, "a0", false, false},
		{"a sender", 0, "a0", false, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			ns := pair(t)
			inode, _ := ns.Tap(row.protocol, row.ifname)
			if got := of(t, ns, "a0"); len(got) == 1 != row.at {
				t.Errorf("%q, want one: %t", got, row.at)
			}
			if got := of(t, ns, "b0"); len(got) == 1 != row.other {
				t.Errorf("at the other interface: %q, want one: %t", got, row.other)
			}
			if got := of(t, ns, "a0", 1, inode); len(got) != 0 {
				t.Errorf("my own: %q", got)
			}
		})
	}
}

func TestEgressChain(t *testing.T) {
	ns := pair(t)
	var err error
	ns.Do(func() {
		conn := &nftables.Conn{}
		table := conn.AddTable(&nftables.Table{Name: "mine", Family: nftables.TableFamilyNetdev})
		conn.AddChain(&nftables.Chain{
			Name: "out", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookEgress, Priority: nftables.ChainPriorityFilter, Device: "a0",
		})
		conn.AddChain(&nftables.Chain{
			Name: "in", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Device: "a0",
		})
		conn.AddChain(&nftables.Chain{Name: "regular", Table: table})
		err = conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := of(t, ns, "a0"); !slices.Equal(got, []string{"egress chain mine out in this namespace"}) {
		t.Errorf("%q", got)
	}
}

func TestBadSocketList(t *testing.T) {
	v := &View{at: map[int][]string{}}
	err := v.readSockets(strings.NewReader("sk RefCnt\nnonsense\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v, want one that quotes the line", err)
	}
}
