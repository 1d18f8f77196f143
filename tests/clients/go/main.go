// redigo, the Go client, and redisc, its cluster mode: main CLUSTER GATEWAY
package main

import (
	"bytes"
	"fmt"
	"os"
	"sort"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

const keys = 10000

func value(n int) []byte {
	bytes := make([]byte, 1+(n*7919)%900)
	for i := range bytes {
		bytes[i] = byte(n*31 + i*i)
	}
	return bytes
}

func check(right bool, label, what string, values ...interface{}) {
	if !right {
		fmt.Fprintf(os.Stderr, "FAILED %s: %s\n", label, fmt.Sprintf(what, values...))
		os.Exit(1)
	}
}

func names(label string) []string {
	all := make([]string, keys)
	for n := range all {
		all[n] = fmt.Sprintf("%s:{g%d}:%d", label, n/10, n)
	}
	return all
}

// What one connection of either mode does.
func run(conn redis.Conn, label string) {
	all := names(label)
	for n, name := range all {
		reply, err := redis.String(conn.Do("SET", name, value(n)))
		check(err == nil && reply == "OK", label, "SET %s: %v", name, err)
	}
	for at := 0; at < keys; at += 10 {
		got, err := redis.ByteSlices(conn.Do("MGET", redis.Args{}.AddFlat(all[at:at+10])...))
		check(err == nil && len(got) == 10, label, "MGET at %d: %v", at, err)
		for i := range got {
			check(bytes.Equal(got[i], value(at+i)), label, "the value of %s", all[at+i])
		}
	}
	for n, name := range all[:100] {
		done, err := redis.Int(conn.Do("EXPIRE", name, 1000+n))
		check(err == nil && done == 1, label, "EXPIRE: %v", err)
		ttl, err := redis.Int(conn.Do("TTL", name))
		check(err == nil && ttl > 900 && ttl <= 1000+n, label, "TTL %d: %v", ttl, err)
	}
	_, err := redis.String(conn.Do("GET", label+":none"))
	check(err == redis.ErrNil, label, "GET of nothing: %v", err)
	fields, err := redis.Int(conn.Do("HSET", label+":h", "a", 1, "b", "\x00\xff"))
	check(err == nil && fields == 2, label, "HSET: %v", err)
	hash, err := redis.StringMap(conn.Do("HGETALL", label+":h"))
	check(err == nil && hash["a"] == "1" && hash["b"] == "\x00\xff", label, "HGETALL %v: %v", hash, err)
	_, err = conn.Do("DEL", label+":h")
	check(err == nil, label, "DEL: %v", err)
}

func scan(conn redis.Conn, label string, seen map[string]bool) {
	for cursor := "0"; ; {
		reply, err := redis.Values(conn.Do("SCAN", cursor, "MATCH", label+":*", "COUNT", 500))
		check(err == nil, label, "SCAN: %v", err)
		cursor, _ = redis.String(reply[0], nil)
		found, _ := redis.Strings(reply[1], nil)
		for _, name := range found {
			seen[name] = true
		}
		if cursor == "0" {
			return
		}
	}
}

func saw(seen map[string]bool, label string) {
	all := names(label)
	got := make([]string, 0, len(seen))
	for name := range seen {
		got = append(got, name)
	}
	sort.Strings(all)
	sort.Strings(got)
	check(fmt.Sprint(all) == fmt.Sprint(got), label, "SCAN saw %d keys", len(got))
}

func main() {
	clusterDoor, gateway := os.Args[1], os.Args[2]

	conn, err := redis.Dial("tcp", gateway)
	check(err == nil, "redigo", "dial: %v", err)
	conn.Do("FLUSHALL")
	run(conn, "redigo-gateway")
	seen := map[string]bool{}
	scan(conn, "redigo-gateway", seen)
	saw(seen, "redigo-gateway")
	for _, words := range [][]interface{}{{"SET", "t", 1}, {"INCR", "t"}, {"GET", "t"}} {
		if words[0] == "SET" {
			conn.Send("MULTI")
		}
		conn.Send(words[0].(string), words[1:]...)
	}
	got, err := redis.Values(conn.Do("EXEC"))
	check(err == nil && len(got) == 3 && got[1] == int64(2), "redigo-gateway", "EXEC %v: %v", got, err)
	subscriber, err := redis.Dial("tcp", gateway)
	check(err == nil, "redigo", "dial: %v", err)
	told := redis.PubSubConn{Conn: subscriber}
	check(told.Subscribe("go:news") == nil, "redigo-gateway", "SUBSCRIBE")
	_, isSubscription := told.Receive().(redis.Subscription)
	check(isSubscription, "redigo-gateway", "a subscription")
	conn.Do("PUBLISH", "go:news", "x")
	message, isMessage := told.Receive().(redis.Message)
	check(isMessage && string(message.Data) == "x", "redigo-gateway", "a message")
	fmt.Printf("ok redigo-gateway: %d keys\n", keys)

	cluster := redisc.Cluster{StartupNodes: []string{clusterDoor}}
	check(cluster.Refresh() == nil, "redisc", "CLUSTER SLOTS")
	plain := cluster.Get()
	following, err := redisc.RetryConn(plain, 4, 0)
	check(err == nil, "redisc", "a connection that follows: %v", err)
	conn.Do("FLUSHALL")
	label := "redisc-cluster"
	nodes := 0
	// Every request may go to another node: a connection of redisc is bound to a node by its first, so each key takes a new one.
	for n, name := range names(label) {
		bound := cluster.Get()
		retry, _ := redisc.RetryConn(bound, 4, 0)
		reply, err := redis.String(retry.Do("SET", name, value(n)))
		check(err == nil && reply == "OK", label, "SET %s: %v", name, err)
		back, err := redis.Bytes(retry.Do("GET", name))
		check(err == nil && bytes.Equal(back, value(n)), label, "GET %s: %v", name, err)
		bound.Close()
	}
	following.Close()
	seen = map[string]bool{}
	// This release of redisc has no way to ask every node: their addresses are those of CLUSTER SLOTS.
	door, err := redis.Dial("tcp", clusterDoor)
	check(err == nil, label, "dial: %v", err)
	ranges, err := redis.Values(door.Do("CLUSTER", "SLOTS"))
	check(err == nil, label, "CLUSTER SLOTS: %v", err)
	addresses := map[string]bool{}
	for _, each := range ranges {
		entry, _ := redis.Values(each, nil)
		node, _ := redis.Values(entry[2], nil)
		host, _ := redis.String(node[0], nil)
		port, _ := redis.Int(node[1], nil)
		addresses[fmt.Sprintf("%s:%d", host, port)] = true
	}
	for address := range addresses {
		nodes++
		each, err := redis.Dial("tcp", address)
		check(err == nil, label, "dial: %v", err)
		scan(each, label, seen)
		_, err = each.Do("FLUSHDB")
		check(err == nil, label, "FLUSHDB: %v", err)
	}
	check(nodes == 3, label, "%d nodes", nodes)
	saw(seen, label)
	fmt.Printf("ok %s: %d keys\n", label, keys)
}
