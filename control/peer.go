package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"

	"ulvs/control/api"
)

// peer is who has opened a connection, as the kernel recorded it at connect
// time (SO_PEERCRED), and the group of the socket it came in on.
type peer struct {
	uid, gid    uint32
	socketGroup uint32
	known       bool
}

type peerKey struct{}

// rememberPeer stores the peer's credentials with the connection.
func rememberPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, peerOf(c))
}

// peerOf asks the kernel who is at the other end of c. The peer stays unknown
// if c is no unix socket or the kernel will not say.
func peerOf(c net.Conn) (p peer) {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return p
	}
	cred, err := credentials(uc)
	if err != nil {
		return p
	}
	return peer{uid: cred.Uid, gid: cred.Gid, socketGroup: groupOf(c.LocalAddr().String()), known: true}
}

// credentials asks the kernel for the other end's (unix(7), SO_PEERCRED): of
// who has connected, or of who listens.
func credentials(c *net.UnixConn) (cred *syscall.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	return cred, errors.Join(err, credErr)
}

// groupOf returns the group that owns the socket file, root's if it is gone.
func groupOf(path string) uint32 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Gid
}

// allowed reports whether p may use the API: root, the daemon's own user, and
// members of the socket's group. The socket's mode says the same already; this
// holds even if somebody loosened the mode.
func (p peer) allowed() bool {
	if !p.known {
		return false
	}
	if p.uid == 0 || p.uid == uint32(os.Geteuid()) || p.gid == p.socketGroup {
		return true
	}
	return inGroup(p.uid, p.socketGroup)
}

// inGroup looks the user's supplementary groups up by name service.
func inGroup(uid, gid uint32) bool {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return false
	}
	groups, err := u.GroupIds()
	return err == nil && slices.Contains(groups, strconv.FormatUint(uint64(gid), 10))
}

// authorized lets only requests of allowed peers through to next.
func authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := r.Context().Value(peerKey{}).(peer)
		if !p.allowed() {
			fail(w, api.Errorf(api.Forbidden, "user %d may not control this daemon: be root or in the socket's group", p.uid))
			return
		}
		next.ServeHTTP(w, r)
	})
}
