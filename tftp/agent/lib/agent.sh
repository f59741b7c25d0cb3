#!/busybox sh
# The agent: the main program of the memory environment. It asks muster for one order at a time and carries it out.
# Without a nonce on the kernel's command line, or without the token that the nonce is exchanged for, it does nothing.
# shellcheck source-path=SCRIPTDIR

MUSTER_LIB=${MUSTER_LIB:-/usr/lib/muster}
for part in console drivers network trust session orders facts lldp disks tests download install layout boot-loader \
  seed ram erase rescue; do
  # shellcheck source=/dev/null
  . "$MUSTER_LIB/$part.sh"
done

# PID 1 must not end: the kernel would panic and say less than we can.
trap 'say "the agent ended unexpectedly"; while :; do sleep 3600; done' EXIT

prepare_system
read_command_line
refuse_without_nonce
load_drivers
start_network
fetch_certificate
open_session
obey_orders
