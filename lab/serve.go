package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"ulvs/lab/decap"
)

// serve is the HTTP server of a real server: its answers begin with a line
// that names it. Arguments: the name, the address to listen at.
func serve(ctx context.Context, args []string) error {
	network := "tcp4"
	if strings.HasPrefix(args[1], "[") {
		network = "tcp6"
	}
	listener, err := net.Listen(network, args[1])
	if err != nil {
		return fmt.Errorf("listen at %s: %w", args[1], err)
	}
	server := &http.Server{Handler: page(args[0]), ReadHeaderTimeout: requestTimeout}
	ctx = onLeash(ctx)
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println("ready")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// page answers with the server's name and the ends of the connection as the
// server sees them.
func page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		local := r.Context().Value(http.LocalAddrContextKey)
		fmt.Fprintf(w, "%s\nclient %s\nserver %s\n", name, r.RemoteAddr, local)
	}
}

// Serve starts an HTTP server on every real server.
func (l *Lab) Serve() error {
	for _, h := range l.Servers {
		if err := h.Serve(fmt.Sprintf(":%d", httpPort)); err != nil {
			return err
		}
	}
	return nil
}

// Serve starts an HTTP server at addr, "address:port" or ":port", of IPv6
// "[address]:port", on the host.
// The first line of its answers is the host's name.
func (h *Host) Serve(addr string) error {
	_, err := h.helper(roleServe, h.Name, addr)
	return err
}

// Decap starts the tunnel's end on every real server.
func (l *Lab) Decap() error {
	for _, h := range l.Servers {
		if _, err := h.helper(roleDecap, l.Director.Addr().String(), l.VIP.String(), l.Tunnel); err != nil {
			return err
		}
	}
	return nil
}

// unpack is the tunnel's end of a real server. Arguments: the director's address,
// the VIP, the type of the tunnel.
func unpack(ctx context.Context, args []string) error {
	director, err := netip.ParseAddr(args[0])
	if err != nil {
		return err
	}
	vip, err := netip.ParseAddr(args[1])
	if err != nil {
		return err
	}
	o := decap.Options{Directors: []netip.Addr{director}, VIPs: []netip.Addr{vip}}
	if o.Type, err = decap.ParseType(args[2]); err != nil {
		return err
	}
	if o.Type == decap.GUE {
		o.Port = guePort
	}
	d, err := decap.Open(o)
	if err != nil {
		return err
	}
	fmt.Println(d.Device())
	return d.Run(onLeash(ctx))
}
