# Rails's Redis cache store (ActiveSupport): what an application does with Rails.cache, through the loss of a node. The store
# swallows errors and answers as if nothing were there; here they are looked at.
require "active_support"
require "active_support/cache"
require "active_support/core_ext/numeric"
require "redis"
require_relative "frame"

errors = []
cache = ActiveSupport::Cache::RedisCacheStore.new(
  url: URL, namespace: "rails", expires_in: 600, read_timeout: 8, write_timeout: 8,
  error_handler: ->(method:, returning:, exception:) { errors << exception }
)

cache.clear
check cache.read("none").nil? && !cache.exist?("none"), "read of nothing"
check cache.write("a", { text: "ü", list: [1, nil, 2.5] }) && cache.read("a") == { text: "ü", list: [1, nil, 2.5] }, "write, read"
check cache.fetch("f") { 41 } == 41 && cache.fetch("f") { 42 } == 41 && cache.fetch("f", force: true) { 43 } == 43, "fetch"
check cache.write("big", "x" * 100_000) && cache.read("big") == "x" * 100_000, "a compressed value"
check cache.write("once", 1, unless_exist: true) && !cache.write("once", 2, unless_exist: true), "unless_exist"
check cache.increment("n", 5, expires_in: 60) == 5 && cache.decrement("n", 2) == 3 && cache.read("n", raw: true).to_i == 3, "increment"
cache.write_multi((0...100).to_h { |n| ["m#{n}", n] }, expires_in: 60)
check cache.read_multi(*(0...110).map { |n| "m#{n}" }) == (0...100).to_h { |n| ["m#{n}", n] }, "read_multi"
check cache.fetch_multi("m1", "x1") { |name| "#{name}!" } == { "m1" => 1, "x1" => "x1!" }, "fetch_multi"
check cache.delete_multi(["m0", "m1", "none"]) == 2, "delete_multi"
cache.delete_matched("m*")
check cache.read_multi(*(0...100).map { |n| "m#{n}" }).empty? && cache.read("f") == 43, "delete_matched"
check cache.delete("f") && !cache.exist?("f"), "delete"
cache.write("short", 1, expires_in: 1)
cache.write("race", "old", expires_in: 1, race_condition_ttl: 60)
sleep 1.2
check cache.read("short").nil?, "expires_in"
check cache.fetch("race", expires_in: 60, race_condition_ttl: 60) { "new" } == "new", "race_condition_ttl"
info = cache.redis.info("server")
check info["redis_version"].to_i >= 7, "redis_version #{info["redis_version"]}"
check errors.empty?, "errors: #{errors.first(3)}"

# Reads of what was written and acknowledged; of a write that failed either value may be there.
stop, failed, figures = false, [], { steps: 0, unconfirmed: 0, longest_ms: 0 }
own = [{}, {}]
threads = 2.times.map do |thread|
  Thread.new do
    store = ActiveSupport::Cache::RedisCacheStore.new(
      url: URL, namespace: "rails", expires_in: 600, read_timeout: 8, write_timeout: 8,
      error_handler: ->(method:, returning:, exception:) { Thread.current[:error] = exception }
    )
    chance, may, n = Random.new(thread), own[thread], 0
    until stop
      n += 1
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      keys = Array.new(chance.rand(2).zero? ? 1 : 8) { "#{thread}:#{chance.rand(300)}" }.uniq
      Thread.current[:error] = nil
      if chance.rand(2).zero?
        values = keys.to_h { |key| [key, "#{key}=#{n}"] }
        keys.length == 1 ? store.write(keys[0], values[keys[0]]) : store.write_multi(values)
        error = Thread.current[:error]
        raise error if error && !unconfirmed?(error)
        figures[:unconfirmed] += 1 if error
        values.each { |key, value| may[key] = error ? (may[key] || [nil]) | [value] : [value] }
      else
        got = keys.length == 1 ? { keys[0] => store.read(keys[0]) } : store.read_multi(*keys)
        raise Thread.current[:error] if Thread.current[:error]
        keys.each { |key| check((may[key] || [nil]).include?(got[key]), "#{key} is #{got[key].inspect}, not of #{may[key].inspect}") }
      end
      took = ((Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1000).round
      figures[:steps] += 1
      figures[:longest_ms] = [figures[:longest_ms], took].max
    end
  rescue => error
    failed << error
  end
end
ROUNDS.times do
  sleep 0.7
  ask "fault"
  sleep 4
  ask "back"
end
sleep 0.7
stop = true
threads.each(&:join)
raise failed.first unless failed.empty?
own.each do |may|
  may.each { |key, values| check values.include?(cache.read(key)), "#{key} is #{cache.read(key).inspect}, not of #{values.inspect}" }
end
cache.clear
check cache.read("0:1").nil? && cache.redis.dbsize.zero?, "clear"
check errors.empty?, "errors: #{errors.first(3)}"
done figures
