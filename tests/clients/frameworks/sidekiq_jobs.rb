# The jobs of sidekiq_queue.rb, which the worker process loads.
require "sidekiq"
require_relative "frame"

Sidekiq.configure_server { |config| config.redis = { url: URL, network_timeout: 8 } }
Sidekiq.configure_client { |config| config.redis = { url: URL, network_timeout: 8 } }
Sidekiq.options[:poll_interval_average] = 1 if Sidekiq.respond_to?(:options)
DONE = ENV.fetch("DONE_FILE")

def finish(line)
  File.open(DONE, File::WRONLY | File::APPEND | File::CREAT) { |file| file.syswrite("#{line}\n") }
end

class Square
  include Sidekiq::Worker
  sidekiq_options queue: "default", retry: 5
  def perform(n)
    finish "square #{n} #{n * n}"
  end
end

class Urgent
  include Sidekiq::Worker
  sidekiq_options queue: "urgent", retry: 5
  def perform(n)
    finish "urgent #{n} #{n + 1}"
  end
end

class Flaky
  include Sidekiq::Worker
  sidekiq_options queue: "default", retry: 5
  sidekiq_retry_in { 1 }
  def perform(n)
    mark = "#{DONE}.flaky.#{n}"
    unless File.exist?(mark)
      File.write(mark, "")
      raise "not yet"
    end
    finish "flaky #{n} #{-n}"
  end
end
