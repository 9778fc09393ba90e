package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"ulvs/internal/testns"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// open opens a guard in n, which the test closes.
func open(t *testing.T, n *testns.NS, interfaces ...string) (g *Guard) {
	t.Helper()
	n.Do(func() {
		var err error
		if g, err = Open(interfaces); err != nil {
			t.Fatal(err)
		}
	})
	return g
}

func apply(t *testing.T, n *testns.NS, g *Guard, r Rules) {
	t.Helper()
	n.Do(func() {
		if err := g.Sync(r); err != nil {
			t.Fatal(err)
		}
	})
}

// tables lists the nftables tables of n.
func tables(t *testing.T, n *testns.NS) (names []string) {
	t.Helper()
	n.Do(func() {
		all, err := (&nftables.Conn{}).ListTables()
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			names = append(names, x.Name)
		}
	})
	return names
}

// elements lists a set of our table.
func elements(t *testing.T, n *testns.NS, set string) (all []nftables.SetElement) {
	t.Helper()
	n.Do(func() {
		c := &nftables.Conn{}
		s, err := c.GetSetByName(tableOf(), set)
		if err == nil {
			all, err = c.GetSetElements(s)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return all
}

func TestTableComesAndGoes(t *testing.T) {
	n := testns.New(t)
	testns.Veth(t, n, "eth0", n, "eth1")
	g := open(t, n, "eth0", "eth1")
	if got := tables(t, n); !slices.Equal(got, []string{tableName}) {
		t.Errorf("tables %v", got)
	}
	n.Do(func() {
		for range 2 { // twice does no harm
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	if got := tables(t, n); len(got) != 0 {
		t.Errorf("tables %v after Close", got)
	}
}

func TestStaleTableIsReplaced(t *testing.T) {
	n := testns.New(t)
	testns.Veth(t, n, "eth0", n, "eth1")
	crashed := open(t, n, "eth0", "eth1")
	apply(t, n, crashed, Rules{Services: []Endpoint{endpoint(6, "192.0.2.100", 80)}})
	open(t, n, "eth1")
	if got := elements(t, n, "services4"); len(got) != 0 {
		t.Errorf("elements of a killed process are left: %v", got)
	}
	if got := chains(t, n); !slices.Equal(got, []string{"ingress-eth1"}) {
		t.Errorf("chains %v", got)
	}
	if got := tables(t, n); len(got) != 1 {
		t.Errorf("tables %v", got)
	}
	n.Do(func() {
		if err := Remove(); err != nil {
			t.Error(err)
		}
	})
	if got := tables(t, n); len(got) != 0 {
		t.Errorf("tables %v after Remove", got)
	}
}

// chains lists the base chains of our table.
func chains(t *testing.T, n *testns.NS) (names []string) {
	t.Helper()
	n.Do(func() {
		all, err := (&nftables.Conn{}).ListChains()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if strings.HasPrefix(c.Name, ingressPrefix) {
				names = append(names, c.Name)
			}
		}
	})
	slices.Sort(names)
	return names
}

func TestOtherTablesStay(t *testing.T) {
	n := testns.New(t)
	n.Do(func() {
		c := &nftables.Conn{}
		c.AddTable(&nftables.Table{Name: "filter", Family: nftables.TableFamilyNetdev})
		c.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyIPv4}) // same name, another family
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		g, err := Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	})
	got := tables(t, n)
	slices.Sort(got)
	if !slices.Equal(got, []string{"filter", tableName}) {
		t.Errorf("tables %v", got)
	}
}

func TestInterfacesComeAndGo(t *testing.T) {
	n := testns.New(t)
	testns.Veth(t, n, "eth0", n, "eth1")
	testns.Veth(t, n, "eth2", n, "eth3")
	g := open(t, n, "eth0")
	set := func(names ...string) (err error) {
		n.Do(func() { err = g.SetInterfaces(names) })
		return err
	}
	for _, names := range [][]string{{"eth0", "eth2"}, {"eth2"}, {"eth2"}, {"eth0", "eth1", "eth2", "eth3"}, {"eth0", "eth1"}} {
		if err := set(names...); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, name := range names {
			want = append(want, ingressPrefix+name)
		}
		if got := chains(t, n); !slices.Equal(got, want) {
			t.Errorf("chains %v, want %v", got, want)
		}
	}
	// Since Linux 6.16 the kernel waits for an interface of that name.
	err := set("eth0", "eth9")
	if err != nil && (!errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "eth9")) {
		t.Errorf("unknown interface: %v", err)
	}
	if got := len(chains(t, n)); got != 2 {
		t.Errorf("%d chains", got)
	}
	n.Delete("eth0")
	if err := set(); err != nil {
		t.Errorf("after the interface was deleted: %v", err)
	}
}

func TestManyElements(t *testing.T) {
	n := testns.New(t)
	g := open(t, n)
	var r Rules
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{198, 51, byte(100 + i>>8), byte(i)})
		r.Services = append(r.Services, Endpoint{Addr: a, Port: 80, Proto: 6}, Endpoint{Addr: a, Port: 80, Proto: 6}, Endpoint{Addr: a, Proto: 17})
		r.Locals = append(r.Locals, a)
	}
	for range 2 {
		apply(t, n, g, r)
		for _, set := range []string{"services4", "anyport4", "locals4"} {
			if got := elements(t, n, set); len(got) != 5000 {
				t.Errorf("%s has %d elements, want 5000", set, len(got))
			}
		}
	}
	apply(t, n, g, Rules{})
	if got := elements(t, n, "services4"); len(got) != 0 {
		t.Errorf("%d elements left", len(got))
	}
}

func TestMissingRightIsNamed(t *testing.T) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends without its rights
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			done <- err
			return
		}
		_, err := Open(nil)
		done <- err
	}()
	if err := <-done; !errors.Is(err, ErrNotPermitted) {
		t.Errorf("without rights: %v", err)
	}
}

func TestErrorsSayWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want error
	}{
		{nil, nil},
		{syscall.EPERM, ErrNotPermitted},
		{syscall.EOPNOTSUPP, ErrNoNftables},
		{syscall.EPROTONOSUPPORT, ErrNoNftables},
		{syscall.ENOENT, syscall.ENOENT},
	} {
		err := tt.err
		if err != nil {
			err = fmt.Errorf("conn.Receive: %w", err)
		}
		if got := explain("do it", err); !errors.Is(got, tt.want) {
			t.Errorf("%v becomes %v", tt.err, got)
		}
	}
}
