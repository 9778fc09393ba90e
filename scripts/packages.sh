#!/bin/sh
# Installs every Debian package that the tests and the demo use beside Go.
# The Makefile and .ci/run both call it, so this list is the only one.
set -eu

# What each package is for:
#   ca-certificates  Go modules over TLS
#   netbase          /etc/services, for names of ports
#   curl nginx       real clients and real servers of the end-to-end tests
#   ldirectord prometheus-node-exporter  programs that expect LVS: they drive and watch ours
#   iperf3 wrk       bulk TCP and short connections through the director
#   haproxy libnginx-mod-stream  balancers that ulvs is measured against
#   tcpdump tshark   independent witnesses of what is on the wire
#   tmux             a real terminal for ulvs top
#   nftables iproute2 ethtool  looking at and changing test hosts from outside
#   procps util-linux         sysctl and setpriv: breaking what ulvs doctor finds, and what the lessons type
#   net-tools                 ifconfig and route, as the classic guides type them
packages="ca-certificates netbase curl nginx-light libnginx-mod-stream haproxy ldirectord prometheus-node-exporter iperf3 wrk tcpdump tshark tmux nftables iproute2 ethtool procps util-linux net-tools"

missing=""
for p in $packages; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "missing Debian packages:$missing" >&2
	echo "install them with: sudo apt-get install$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Debian starts servers when they are installed; the tests start their own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -q
# shellcheck disable=SC2086 # the list is meant to be split
apt-get install -q -y --no-install-recommends $missing
