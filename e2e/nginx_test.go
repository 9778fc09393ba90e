package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ulvs/lab"
)

// The files that nginx offers.
const (
	largeFile = "large"
	smallFile = "small"
	largeSize = 200e6
	smallSize = 20e6
)

// filesDir holds the files, once they are made; TestMain removes it.
var filesDir string

// sums are the files' SHA-256.
var sums = map[string]string{}

// files makes the files that nginx offers, once, and returns their folder.
func files(t *testing.T) string {
	t.Helper()
	if filesDir != "" {
		return filesDir
	}
	dir, err := os.MkdirTemp("", "ulvs-files-")
	check(t, err)
	filesDir = dir
	for name, size := range map[string]int64{largeFile: largeSize, smallFile: smallSize} {
		f, err := os.Create(filepath.Join(dir, name))
		check(t, err)
		sum := sha256.New()
		_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8([32]byte{1}), size)
		check(t, err)
		check(t, f.Close())
		sums[name] = hex.EncodeToString(sum.Sum(nil))
	}
	return dir
}

// nginxConf is a server as one finds them: static files, and an upload that
// nginx takes in full and keeps in a file before it asks, without the body,
// what to answer. To be filled in: the folder of this nginx, that of the
// files, the port.
const nginxConf = `
daemon off;
user root;
worker_processes 1;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
	access_log %[1]s/access.log;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	sendfile on;
	client_max_body_size 0;
	keepalive_timeout 600;
	server {
		listen %[3]d;
		root %[2]s;
		location /upload {
			client_body_in_file_only on;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_pass http://127.0.0.1:8081;
		}
	}
	server {
		listen 127.0.0.1:8081;
		access_log off;
		location / { return 201; }
	}
}
`

// web is a running nginx.
type web struct{ dir string }

// nginxAt starts nginx on a port of a host.
func (n *network) nginxAt(t *testing.T, h *lab.Host, port int) *web {
	t.Helper()
	w := &web{dir: t.TempDir()}
	conf := filepath.Join(w.dir, "nginx.conf")
	check(t, os.WriteFile(conf, fmt.Appendf(nil, nginxConf, w.dir, files(t), port), 0o600))
	n.daemonOn(t, h, exec.Command("nginx", "-p", w.dir, "-e", filepath.Join(w.dir, "error.log"), "-c", conf),
		fmt.Sprintf("127.0.0.1:%d", port))
	return w
}

// nginxes starts nginx on every real server.
func (n *network) nginxes(t *testing.T) (all []*web) {
	t.Helper()
	for _, h := range n.Servers {
		all = append(all, n.nginxAt(t, h, 80))
	}
	return all
}

// daemonOn starts a server that ends with the test, and waits until it
// accepts connections at addr.
func (n *network) daemonOn(t testing.TB, h *lab.Host, cmd *exec.Cmd, addr string) *lab.Process {
	t.Helper()
	p, err := h.Daemon(cmd)
	check(t, err)
	t.Cleanup(func() { check(t, p.Stop()) })
	up := eventually(patience, func() (ok bool) {
		check(t, h.Do(func() {
			c, err := net.Dial("tcp4", addr)
			if ok = err == nil; ok {
				_ = c.Close()
			}
		}))
		return ok
	})
	if !up {
		t.Fatalf("%s: %s does not listen at %s: %s", h.Name, cmd.Path, addr, p.Output())
	}
	return p
}

// accessLog waits for n lines of the access log. nginx writes a line when the
// last byte is handed to the kernel, or when the client has gone.
func accessLog(t *testing.T, webs []*web, n int) (lines []string) {
	t.Helper()
	eventually(patience, func() bool {
		lines = nil
		for _, w := range webs {
			text, err := os.ReadFile(filepath.Join(w.dir, "access.log"))
			check(t, err)
			lines = append(lines, strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })...)
		}
		return len(lines) >= n
	})
	if len(lines) != n {
		t.Errorf("%d lines in nginx's access logs, want %d:\n%s", len(lines), n, strings.Join(lines, "\n"))
	}
	return lines
}

// uploads returns the sums of what nginx has been sent.
func (w *web) uploads(t *testing.T) (got []string) {
	t.Helper()
	bodies, err := filepath.Glob(filepath.Join(w.dir, "body", "*"))
	check(t, err)
	for _, path := range bodies {
		f, err := os.Open(path)
		check(t, err)
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		check(t, err)
		check(t, f.Close())
		got = append(got, hex.EncodeToString(sum.Sum(nil)))
	}
	return got
}

// download fetches url with curl on the client and returns the SHA-256 of what
// has come.
func (n *network) download(t *testing.T, url string, options ...string) (string, error) {
	sum := sha256.New()
	var complaint strings.Builder
	cmd := exec.CommandContext(within(t, 4*patience), "curl", append([]string{"-sS", "--fail", url}, options...)...)
	cmd.Stdout, cmd.Stderr = sum, &complaint
	err := n.Client.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return "", fmt.Errorf("curl %s: %w: %s", url, err, complaint.String())
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// post sends a file with curl from the client and returns the HTTP status.
func (n *network) post(t *testing.T, url, file string) (int, error) {
	out, err := n.Client.Run(within(t, 4*patience), "curl", "-sS", "-o", os.DevNull, "-w", "%{http_code}",
		"--data-binary", "@"+filepath.Join(files(t), file), url)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(out)
}
