package control

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Listener is the API's socket. Close it once.
type Listener struct {
	*net.UnixListener
	lock *os.File
}

// Listen removes the socket of a daemon that has died and listens at path with
// mode 0660. The folder is made if need be. Which daemon runs is Lock's
// business; but daemons of several namespaces see one file system, so the file
// beside path is locked, lest one takes another's living socket for a dead one.
func Listen(path string) (*Listener, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("listen on control socket: %w", err)
	}
	return &Listener{UnixListener: l, lock: lock}, nil
}

// listenUnix binds path. The lock is held, so a socket there is a dead one.
func listenUnix(path string) (*net.UnixListener, error) {
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// removeSocket removes a stale socket, but nothing that is not a socket: the
// path may come from the user.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	return os.Remove(path)
}

// Close stops listening and removes the socket. The lock file stays: removing
// it would let two daemons lock two files of one name.
func (l *Listener) Close() error {
	return errors.Join(l.UnixListener.Close(), l.lock.Close())
}

// lockFile locks the file beside the socket and writes our pid into it.
func lockFile(socket string) (*os.File, error) {
	f, err := openLock(lockPath(socket))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("listen on control socket: %s is the socket of another daemon, pid %d", socket, readPID(f))
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err := writePID(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("write pid to %s: %w", f.Name(), err)
	}
	return f, nil
}

// openLock opens a lock file, which no link may redirect.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	return f, nil
}

// lockPath, logPath and startPath lie beside the socket.
func lockPath(socket string) string  { return strings.TrimSuffix(socket, ".sock") + ".lock" }
func logPath(socket string) string   { return strings.TrimSuffix(socket, ".sock") + ".log" }
func startPath(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".start" }

func readPID(f *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
