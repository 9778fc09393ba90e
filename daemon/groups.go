package daemon

// setGroups makes every device take all multicast frames, as IPv6 virtual
// addresses need, or no more than the host asks for. One ring of each is enough.
func (s *portSet) setGroups(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == on {
		return
	}
	s.groups = on
	for _, n := range s.nics {
		s.listen(n)
	}
}

// listen tells an interface's device what groups says.
func (s *portSet) listen(n *nic) {
	if len(n.rings) == 0 {
		return
	}
	if err := n.rings[0].ListenToGroups(s.groups); err != nil && !n.rings[0].Gone() {
		s.d.log.Warn("neighbours may not find IPv6 virtual addresses", "interface", n.name, "err", err)
	}
}
