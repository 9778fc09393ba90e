package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// SocketEnv names the environment variable that overrides SocketPath.
const SocketEnv = "ULVS_SOCKET"

// maxSocketPath is the room in sockaddr_un (unix(7)) less the closing NUL.
const maxSocketPath = 107

// systemDir holds the sockets of daemons that root has started. Everybody may
// look in, so that an ordinary user is told "permission denied" instead of
// "no daemon"; the sockets themselves are 0660.
const systemDir = "/run/ulvs"

// SocketPath returns where the daemon of this network namespace listens. The
// file is named by the inode of the namespace, so that each namespace has its
// own daemon and two names of one namespace share it.
//
// The folder is /run/ulvs for root, and for others too if a daemon is there;
// else $XDG_RUNTIME_DIR/ulvs or /tmp/ulvs-UID. Root of a user namespace that
// sees the host's /run counts as the user who made the namespace.
func SocketPath() (string, error) {
	if path := os.Getenv(SocketEnv); path != "" {
		return checkSocketPath(path)
	}
	inode, err := namespaceInode()
	if err != nil {
		return "", err
	}
	name := strconv.FormatUint(inode, 10) + ".sock"
	system := filepath.Join(systemDir, name)
	if isSystem() || ownerOf(system) >= 0 {
		return system, nil
	}
	return checkSocketPath(filepath.Join(userDir(), name))
}

// checkSocketPath refuses what cannot be the address of a unix socket.
func checkSocketPath(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("socket path %q: not absolute", path)
	}
	if len(path) > maxSocketPath {
		return "", fmt.Errorf("socket path %q: %d bytes long, at most %d are possible; set %s to a shorter one",
			path, len(path), maxSocketPath, SocketEnv)
	}
	return path, nil
}

// namespaceInode identifies the network namespace of the calling thread.
func namespaceInode() (uint64, error) {
	info, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return 0, fmt.Errorf("identify network namespace: %w", err)
	}
	return info.Sys().(*syscall.Stat_t).Ino, nil
}

// isSystem reports whether we are the root that /run belongs to.
func isSystem() bool { return os.Geteuid() == 0 && ownerOf("/run") == 0 }

// userDir chooses an ordinary user's folder; it does not make it.
func userDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && ownerOf(dir) == os.Geteuid() {
		return filepath.Join(dir, "ulvs")
	}
	return filepath.Join(os.TempDir(), "ulvs-"+strconv.Itoa(outerUID()))
}

// ownerOf returns the user that owns path as seen from here, -1 if there is
// no such file.
func ownerOf(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// outerUID returns our user as the parent user namespace knows it, so that
// root of two people's namespaces does not meet in one folder.
func outerUID() int {
	uid := os.Geteuid()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	return mapUID(string(text), uid)
}

// mapUID applies a uid_map (user_namespaces(7): inside, outside, count).
func mapUID(table string, uid int) int {
	for line := range strings.Lines(table) {
		var inside, outside, count int
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil {
			continue
		}
		if uid >= inside && uid < inside+count {
			return outside + uid - inside
		}
	}
	return uid
}

// makeDir makes the socket's folder if it is missing, for its owner alone
// unless it is the system's. A folder of another user's is refused: in /tmp
// anybody could have made it first.
func makeDir(dir string) error {
	mode := fs.FileMode(0o700)
	if dir == systemDir {
		mode = 0o755
	}
	err := os.Mkdir(dir, mode)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make socket folder: %w", err)
	}
	return checkDir(dir)
}

// checkDir accepts a folder that only we or root can change, and the shared
// folders with the sticky bit, such as /tmp, where nobody else can remove our
// files.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("check socket folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("socket folder %s: not a folder", dir)
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner != 0 && owner != os.Geteuid() && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("socket folder %s: belongs to user %d; remove it or set %s", dir, owner, SocketEnv)
	}
	return nil
}
