# Sidekiq: a worker process with two queues, jobs now and later, retries, bulk pushes and the API, while a node dies.
require "sidekiq/api"
require "tmpdir"

folder = Dir.mktmpdir
ENV["DONE_FILE"] = File.join(folder, "done")
require_relative "sidekiq_jobs"

worker = Process.spawn("sidekiq", "-r", File.join(__dir__, "sidekiq_jobs.rb"), "-c", "3", "-q", "urgent,2", "-q", "default", out: :err)
expected, again = {}, 0

push = lambda do |name, number, right, &block|
  begin
    block.call
  rescue => error
    raise unless unconfirmed?(error)
    again += 1
    retry
  end
  expected["#{name} #{number}"] = right.to_s
end
finished = -> { File.exist?(DONE) ? File.readlines(DONE, chomp: true).map { |line| line.rpartition(" ") } : [] }
wait = lambda do |seconds|
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
  loop do
    got = finished.call.to_h { |what, _, value| [what, value] }
    got.each { |what, value| check expected[what] == value, "#{what} is #{value}, not #{expected[what]}" if expected.key?(what) }
    left = expected.keys - got.keys
    break if left.empty?
    check !Process.waitpid(worker, Process::WNOHANG), "the worker ended"
    check Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline, "#{left.length} of #{expected.length} jobs are not done: #{left.first(5)}"
    sleep 0.1
  end
end

begin
  push.call("square", 0, 0) { Square.perform_async(0) }
  wait.call(30)
  number = 0
  ROUNDS.times do
    100.times do |part|
      number += 1
      n = number
      case n % 10
      when 1 then push.call("urgent", n, n + 1) { Urgent.perform_async(n) }
      when 2 then push.call("flaky", n, -n) { Flaky.perform_async(n) }
      when 3 then push.call("square", n, n * n) { Square.perform_in(1, n) }
      else push.call("square", n, n * n) { Square.perform_async(n) }
      end
      ask "fault" if part == 30
      sleep 0.02
    end
    bulk = (number + 1..number + 20).to_a
    number += 20
    bulk.each { |n| expected["square #{n}"] = (n * n).to_s }
    begin
      Sidekiq::Client.push_bulk("class" => Square, "args" => bulk.map { |n| [n] })
    rescue => error
      raise unless unconfirmed?(error)
      again += 1
      retry
    end
    sleep 3
    ask "back"
  end
  wait.call(90)
  stats = Sidekiq::Stats.new
  check Sidekiq::Queue.new("default").size.zero? && Sidekiq::Queue.new("urgent").size.zero?, "jobs are left in the queues"
  check Sidekiq::RetrySet.new.size.zero? && Sidekiq::ScheduledSet.new.size.zero?, "jobs are left to retry or to come"
  check Sidekiq::ProcessSet.new.size == 1, "#{Sidekiq::ProcessSet.new.size} worker processes are known"
  check Sidekiq::DeadSet.new.size.zero?, "jobs died"
  done jobs: expected.length, again: again, run: finished.call.length, processed: stats.processed
ensure
  begin
    Process.kill("KILL", worker)
    Process.wait(worker)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end
end
