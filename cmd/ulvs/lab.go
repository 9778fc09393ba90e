package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/lab"
	"ulvs/lab/decap"
)

// labCommand shows a forwarding method with real traffic.
func labCommand() *cobra.Command {
	o := lab.Options{Out: os.Stdout}
	c := &cobra.Command{
		Use:   "lab " + strings.Join(lab.Modes(), "|"),
		Short: "show a forwarding method: a client, a director and real servers in network namespaces, with real traffic",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("lab takes one of %s", strings.Join(lab.Modes(), ", "))}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range []string{"servers", "requests"} { // whose zero is lab's word for the default
				if f := c.Flags().Lookup(name); f.Changed && f.Value.String() == "0" {
					return usageError{fmt.Errorf("--%s: 0 is not a positive number", name)}
				}
			}
			o.Mode = args[0]
			return lab.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Tunnel, "tun-type", "", "type of tun's tunnel: "+strings.Join(decap.Types(), ", ")+" (default ipip)")
	f.StringVar(&o.Scheduler, "scheduler", "wrr", "scheduler of the virtual service")
	f.IntVar(&o.Servers, "servers", 0, "number of real servers (default as many as --weights, else 3)")
	f.IntSliceVar(&o.Weights, "weights", nil, "weight of each real server (default 1,2,3,...)")
	f.IntVar(&o.Requests, "requests", 300, "number of HTTP requests, each on a connection of its own")
	f.BoolVar(&o.Keep, "keep", false, "leave the lab up and say how to enter and remove it")
	f.BoolVar(&o.JSON, "json", false, "print the result as JSON")
	c.AddCommand(lessonCommand())
	return c
}

// labHostCommand is a process inside a lab.
func labHostCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lab-host", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return lab.HostMain(args) },
	}
}

// decapCommand is the real server's end of a tunnel.
func decapCommand() *cobra.Command {
	var o decap.Options
	var directors, vips []string
	var kind string
	c := &cobra.Command{
		Use:   "decap --director ADDRESS --vip ADDRESS",
		Short: "be the real server's end of TUN where the kernel has no tunnel device",
		Long: `Takes IPIP, GRE or GUE packets from the directors named, for the virtual
addresses named, and gives their inner packets to this host through a device of
its own. All other tunnel packets are dropped and counted. --tun-type and
--tun-port are those that ipvsadm was given for this server.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Directors, err = addresses("--director", directors); err != nil {
				return err
			}
			if o.VIPs, err = addresses("--vip", vips); err != nil {
				return err
			}
			if err := tunnelType(&o, kind); err != nil {
				return err
			}
			ready := func(device string) { fmt.Printf("ready on %s\n", device) }
			return decap.Run(c.Context(), o, ready, os.Stdout)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&directors, "director", nil, "outer source address to accept; repeatable")
	f.StringSliceVar(&vips, "vip", nil, "inner destination address to accept; repeatable")
	f.StringVar(&kind, "tun-type", "ipip", "type of the tunnel: "+strings.Join(decap.Types(), ", "))
	f.Uint16Var(&o.Port, "tun-port", 0, "UDP port of a gue tunnel")
	f.StringVar(&o.Device, "device", decap.DefaultDevice, "name of the device to make")
	return c
}

// tunnelType parses the type and compares it with the port.
func tunnelType(o *decap.Options, name string) (err error) {
	if o.Type, err = decap.ParseType(name); err != nil {
		return usageError{fmt.Errorf("--tun-type: %w", err)}
	}
	switch {
	case o.Type == decap.GUE && o.Port == 0:
		return usageError{errors.New("--tun-port: gue needs the UDP port of the tunnel")}
	case o.Type != decap.GUE && o.Port != 0:
		return usageError{fmt.Errorf("--tun-port: %s has no port", o.Type)}
	}
	return nil
}

// addresses parses the values of an option that takes addresses.
func addresses(option string, texts []string) (out []netip.Addr, err error) {
	for _, t := range texts {
		a, err := netip.ParseAddr(t)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %q is not an IP address", option, t)}
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, usageError{fmt.Errorf("%s: at least one address is needed", option)}
	}
	return out, nil
}
