# ruby-redis: cluster mode on the cluster door and standalone on a gateway, with a subscriber and a transaction.
require "redis"

KEYS = 10_000
BLOB = Random.new(7).bytes(1 << 16)
def value(n) = BLOB.byteslice(n % 60_000, 1 + (n * 7919) % 900)
def check(right, label, what)
  right or abort "FAILED #{label}: #{what}"
end

def run(client, label, cluster)
  client.flushdb
  names = (0...KEYS).map { |n| "#{label}:{g#{n / 10}}:#{n}" }
  names.each_with_index.each_slice(cluster ? 1 : 500) do |batch|
    done = cluster ? batch.map { |name, n| client.set(name, value(n)) } : client.pipelined { |pipe| batch.each { |name, n| pipe.set(name, value(n)) } }
    check(done.all?("OK"), label, "SET")
  end
  names.each_slice(10).with_index do |batch, at|
    check(client.mget(*batch).map(&:b) == (0...10).map { |i| value(at * 10 + i) }, label, "MGET at #{at}")
  end
  names.first(100).each_with_index do |name, n|
    check(client.expire(name, 1000 + n) && (901..1000 + n).cover?(client.ttl(name)), label, "EXPIRE, TTL")
  end
  seen = client.scan_each(match: "#{label}:*", count: 500).to_a.uniq
  check(seen.length == KEYS && (names - seen).empty?, label, "SCAN saw #{seen.length}")
  check(client.dbsize == KEYS, label, "DBSIZE #{client.dbsize}")
  check(client.multi { |tx| tx.set("{t}a", 1); tx.incr("{t}a"); tx.get("{t}a") } == ["OK", 2, "2"], label, "MULTI") unless cluster
  check(client.mapped_hmset("{t}h", { "a" => 1, "b" => "ü" }) == "OK" && client.hgetall("{t}h") == { "a" => "1", "b" => "ü" }, label, "a hash")
  check(client.zadd("{t}z", [[1.5, "a"], [2, "b"]]) == 2 && client.zrange("{t}z", 0, -1, with_scores: true) == [["a", 1.5], ["b", 2.0]], label, "a sorted set")
  puts "ok #{label}: #{KEYS} keys"
end

puts "ruby-redis #{Redis::VERSION}"
cluster, gateway = ARGV
clustered = Redis.new(cluster: ["redis://#{cluster}"])
run(clustered, "ruby-cluster", true)
check(clustered.info.length > 10, "ruby-cluster", "INFO")
clustered.close
plain = Redis.new(url: "redis://#{gateway}")
check(plain.info["redis_mode"] == "standalone", "ruby-gateway", "redis_mode")
run(plain, "ruby-gateway", false)
heard = []
subscriber = Thread.new do
  Redis.new(url: "redis://#{gateway}").subscribe("ruby:news") do |on|
    on.message { |_, message| heard << message; Thread.exit if heard.length == 10 }
  end
end
sleep 0.05 until plain.pubsub(:numsub, "ruby:news") == ["ruby:news", 1]
10.times { |n| plain.publish("ruby:news", n) }
check(subscriber.join(5) && heard == (0...10).map(&:to_s), "ruby-gateway", "a subscriber heard #{heard}")
puts "ok ruby-subscriber"
