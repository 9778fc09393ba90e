package ipvsadm

import (
	"io"
	"slices"

	"ulvs/control/api"
	"ulvs/service"
)

// SaveAll writes the table as the commands that make it again, for ipvsadm -R or
// ipvsadm-restore, ours or the real one. Other than -S, whose text is the
// recorded one, it loses nothing: thresholds are there, marks over 2^31 are no
// negative numbers, the mask of a service that is not persistent stays, and
// what was added first comes first, so that lists get their old order, by which
// schedulers decide.
func SaveAll(w io.Writer, s *api.State) error {
	p := newPrinter(w, nil, Format{Numeric: true})
	for _, v := range slices.Backward(s.Services) { // listed newest first
		name := p.fullName(&v.VirtualService)
		p.printf("-A %s%s%s\n", name, serviceOptions(&v.VirtualService), idleMask(&v.VirtualService))
		for _, r := range slices.Backward(v.Servers) {
			p.printf("-a %s -r %s%s%s\n", name, p.endpoint(r.Addr, r.Port, v.Protocol),
				serverOptionsText(&r.RealServer), thresholds(&r.RealServer))
		}
	}
	return p.Flush()
}

// fullName words the option that names a service.
func (p *printer) fullName(v *service.VirtualService) string {
	if v.Mark == 0 || v.Mark < 1<<31 {
		return p.serviceOption(v)
	}
	name := "-f " + decimal(int64(v.Mark))
	if v.IPv6 {
		name += " -6"
	}
	return name
}

// idleMask words the mask of a service that is not persistent, where it has no
// effect.
func idleMask(v *service.VirtualService) string {
	if mask := maskText(v); v.Persistent == 0 && mask != "" {
		return " -M " + mask
	}
	return ""
}

// thresholds words those of a real server, if it has any.
func thresholds(r *service.RealServer) (text string) {
	if r.Upper > 0 {
		text += " -x " + decimal(int64(r.Upper))
	}
	if r.Lower > 0 {
		text += " -y " + decimal(int64(r.Lower))
	}
	return text
}
