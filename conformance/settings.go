package conformance

import "strconv"

// set sets one of ip_vs's sysctls.
func (b *bench) set(name string, value int) error {
	next, err := b.director.Settings().Set(name, strconv.Itoa(value))
	if err == nil {
		b.director.SetSettings(next)
	}
	return err
}
