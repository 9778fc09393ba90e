package conformance

import "fmt"

// kernelDefaults are the values that change nothing.
var kernelDefaults = map[string]int{
	"conn_reuse_mode": 1, "expire_nodest_conn": 0, "sloppy_tcp": 0, "schedule_icmp": 0,
	"lblc_expiration": 86400, "lblcr_expiration": 86400,
}

// set sets one of ip_vs's sysctls.
func (b *bench) set(name string, value int) error {
	if v, known := kernelDefaults[name]; known && v == value {
		return nil
	}
	return fmt.Errorf("setting %s=%d: %w", name, value, errNotYet)
}
