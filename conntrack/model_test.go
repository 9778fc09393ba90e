package conntrack

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/wire"
)

// model is the obvious connection table: a map, searched from end to end. The
// entries are named by Spec.Server.
type model struct {
	t     *Table
	now   time.Duration
	next  uint32
	live  map[uint32]*entry
	ended []uint32 // by the table, since last looked at
	limit int
}

type entry struct {
	key      Key
	real     wire.Addr
	realPort uint16
	flags    Flags
	state    State
	class    class
	deadline time.Duration
	holders  int
	control  uint32
	assured  bool
	hidden   bool
	replies  bool // found by its replies
	units    int
}

const modelCapacity = 12

func newModel(t *rapid.T) *model {
	m := &model{live: map[uint32]*entry{}, limit: modelCapacity}
	var err error
	m.t, err = New(Config{Capacity: modelCapacity, Seed: rapid.Uint64Min(1).Draw(t, "seed"), Expired: func(c *Conn) {
		m.ended = append(m.ended, c.Server())
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *model) used() (n int) {
	for _, e := range m.live {
		n += e.units
	}
	return n
}

// drop removes an entry as the table says it did.
func (m *model) drop(id uint32) {
	e := m.live[id]
	delete(m.live, id)
	if c := m.live[e.control]; c != nil {
		c.holders--
	}
}

func (m *model) find(k *Key) (uint32, *entry) {
	for id, e := range m.live {
		if !e.hidden && e.key == *k {
			return id, e
		}
	}
	return 0, nil
}

// reply is the key of e's replies.
func (e *entry) reply() Key {
	k := e.key
	k.Virtual, k.VirtualPort = e.real, e.realPort
	return k
}

// regain makes e, which the client has used, the one that its replies find if
// they find none.
func (m *model) regain(e *entry) {
	if e != nil {
		if k := e.reply(); m.findReply(&k) == 0 {
			m.use(e)
		}
	}
}

// use makes e the one of those with the same replies that these find.
func (m *model) use(e *entry) {
	if e == nil || e.flags&(NoOutput|Template) != 0 || e.replies {
		return
	}
	for _, o := range m.live {
		if o.reply() == e.reply() {
			o.replies = false
		}
	}
	e.replies = true
}

func (m *model) findReply(k *Key) uint32 {
	for id, e := range m.live {
		if !e.hidden && e.replies && e.reply() == *k {
			return id
		}
	}
	return 0
}

// TestModel drives a small table of both address families and the model with
// the same random calls.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"":         m.check,
			"insert":   m.insert,
			"insert2":  m.insert,
			"lookup":   m.lookup,
			"touch":    m.touch,
			"setState": m.setState,
			"remove":   m.remove,
			"expire":   m.expire,
			"tick":     m.tick,
		})
	})
}
