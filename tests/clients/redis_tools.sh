#!/usr/bin/env bash
# redis-cli and redis-benchmark of Debian's packages: cluster mode on the cluster door, standalone on a gateway.
set -euo pipefail
cluster_host=${1%:*} cluster_port=${1##*:} gateway_host=${2%:*} gateway_port=${2##*:}

fail() { echo "FAILED redis-tools: $*" >&2; exit 1; }
expect() { # what wanted got
  [ "$2" = "$3" ] || fail "$1: wanted [$2], got [$3]"
}

for mode in cluster gateway; do
  if [ $mode = cluster ]; then cli=(redis-cli -c -h "$cluster_host" -p "$cluster_port"); else cli=(redis-cli -h "$gateway_host" -p "$gateway_port"); fi
  for protocol in -2 -3; do
    expect "$mode SET" OK "$("${cli[@]}" $protocol set "cli:$mode" "value $protocol")"
    expect "$mode GET" "value $protocol" "$("${cli[@]}" $protocol get "cli:$mode")"
  done
  expect "$mode EXPIRE" 1 "$("${cli[@]}" expire "cli:$mode" 100)"
  ttl=$("${cli[@]}" ttl "cli:$mode")
  [ "$ttl" -gt 90 ] && [ "$ttl" -le 100 ] || fail "$mode TTL $ttl"
done

# 10,000 keys by mass insertion through the gateway, read back byte by byte.
awk 'BEGIN { for (n = 0; n < 10000; n++) printf "SET cli:mass:%d value-%d-%d\r\n", n, n, n * 7919 }' |
  redis-cli -h "$gateway_host" -p "$gateway_port" --pipe | grep -q 'errors: 0, replies: 10000' || fail "mass insertion"
awk 'BEGIN { for (n = 0; n < 10000; n++) printf "GET cli:mass:%d\n", n }' |
  redis-cli -h "$gateway_host" -p "$gateway_port" | awk '{ if ($0 != "value-" NR-1 "-" (NR-1) * 7919) exit 1 } END { if (NR != 10000) exit 1 }' ||
  fail "reading 10,000 keys back"
expect "SCAN" 10000 "$(redis-cli -h "$gateway_host" -p "$gateway_port" --scan --pattern 'cli:mass:*' | sort -u | wc -l)"
expect "MGET" "value-1-7919 value-2-15838" \
  "$(redis-cli -h "$gateway_host" -p "$gateway_port" mget cli:mass:1 cli:mass:2 | tr '\n' ' ' | sed 's/ $//')"

redis-benchmark -h "$gateway_host" -p "$gateway_port" -n 20000 -c 20 -P 16 -q -t set,get,incr,mset || fail "redis-benchmark on the gateway"
redis-benchmark --cluster -h "$cluster_host" -p "$cluster_port" -n 20000 -c 21 -P 16 -q -t set,get,incr || fail "redis-benchmark on the cluster door"
echo "ok redis-cli and redis-benchmark"
