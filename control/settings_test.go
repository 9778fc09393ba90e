package control

import (
	"context"
	"slices"
	"strings"
	"testing"

	"ulvs/control/api"
	"ulvs/sysctl"
)

// TestSettings: settings cross the socket, all or none, with their errors.
func TestSettings(t *testing.T) {
	b := newFakeBackend()
	c := client(t, b)
	ctx := context.Background()
	all, err := c.Settings(ctx)
	if err != nil || len(all) != len(sysctl.Names()) {
		t.Fatalf("%d settings, %v", len(all), err)
	}
	if err := c.SetSettings(ctx, []sysctl.Assignment{{Name: "sloppy_tcp", Value: "1"}, {Name: "net.ipv4.vs.drop_entry", Value: "3"}}); err != nil {
		t.Fatal(err)
	}
	all, err = c.Settings(ctx)
	i := slices.IndexFunc(all, func(s api.Setting) bool { return s.Name == "sloppy_tcp" })
	if err != nil || i < 0 || all[i].Value != "1" || all[i].Default != "0" || all[i].Meaning == "" || !b.settings.SloppyTCP || b.settings.DropEntry != 3 {
		t.Errorf("after two assignments: %v, %+v", err, b.settings)
	}
	for _, tt := range []struct {
		name, value string
		code        api.Code
		text        string
	}{
		{"slopy_tcp", "1", api.Invalid, "sloppy_tcp"},
		{"secure_tcp", "4", api.OutOfRange, "secure_tcp"},
		{"conntrack", "1", api.Unsupported, "netfilter"},
	} {
		was := b.settings
		err := c.SetSettings(ctx, []sysctl.Assignment{{Name: "nat_icmp_send", Value: "1"}, {Name: tt.name, Value: tt.value}})
		if api.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.text) || b.settings != was {
			t.Errorf("%s=%s: %v (%s), settings changed: %v", tt.name, tt.value, err, api.CodeOf(err), b.settings != was)
		}
	}
}
