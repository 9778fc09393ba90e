package forward

import (
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func TestEncapIPIPHeader(t *testing.T) {
	for _, c := range []struct {
		name     string
		opts     []wiretest.Option
		pmtuDisc bool
		tos      uint8
		id       uint16
		df       bool
	}{
		{"df", []wiretest.Option{wiretest.WithDF()}, true, 0, 0, true},
		{"df ignored", []wiretest.Option{wiretest.WithDF()}, false, 0, 77, false},
		{"no df", nil, true, 0, 77, false},
		{"ect1", []wiretest.Option{wiretest.WithTOS(0xb9)}, true, 0xb9, 77, false},
		{"ect0", []wiretest.Option{wiretest.WithTOS(0xba)}, true, 0xba, 77, false},
		{"ce", []wiretest.Option{wiretest.WithTOS(0xbb)}, true, 0xba, 77, false},
		{"padded", []wiretest.Option{wiretest.WithPad(60)}, true, 0, 77, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := wiretest.TCP(inboundFlow, wire.SYN, nil, append(c.opts, wiretest.WithTTL(9), wiretest.WithHeadroom(wire.Headroom))...)
			inner := p.IPv4().TOS()
			if !EncapIPIP(p, directorAddr, realAddr, 77, c.pmtuDisc) {
				t.Fatal("refused")
			}
			forwardtest.Consistent(t, p)
			wiretest.CheckPacket(t, p, wiretest.MACs(wiretest.ClientMAC, wiretest.DirectorMAC),
				wiretest.Src("203.0.113.126"), wiretest.Dst("203.0.113.1"), wiretest.Proto(wire.ProtoIPIP),
				wiretest.TTL(9), wiretest.TOS(c.tos), wiretest.ID(c.id), wiretest.DF(c.df), wiretest.IPLen(60), wiretest.ValidChecksums(),
				wiretest.Inner(wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual), wiretest.TOS(inner), wiretest.ValidChecksums()))
			if want := wire.EthernetLen + 60; len(p.Frame()) != want {
				t.Errorf("frame of %d bytes, want %d: padding must go", len(p.Frame()), want)
			}
		})
	}
}

func TestEncapIPIPRefuses(t *testing.T) {
	for name, p := range map[string]*wire.Packet{
		"super-frame": wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(3000), wiretest.WithGSO(1000)),
		"too long":    wiretest.UDP(inboundFlow, wiretest.Payload(0xffff-20-8-19)),
	} {
		before := wiretest.Clone(p)
		if EncapIPIP(p, directorAddr, realAddr, 1, true) {
			t.Errorf("%s: encapsulated", name)
		}
		if p.Start != before.Start || p.Proto != before.Proto || p.Offload != before.Offload {
			t.Errorf("%s: changed", name)
		}
	}
	longest := wiretest.UDP(inboundFlow, wiretest.Payload(0xffff-20-8-20))
	if !EncapIPIP(longest, directorAddr, realAddr, 1, true) || longest.IPLen() != 0xffff {
		t.Errorf("the longest packet that fits was refused")
	}
}
