# What every framework's script in Ruby needs; frame.py tells of it.
require "json"

GATEWAYS = ENV.fetch("GATEWAYS").split(",")
DATABASE = Integer(ENV.fetch("DATABASE"))
ROUNDS = Integer(ENV.fetch("ROUNDS"))
URL = "redis://#{GATEWAYS[0]}/#{DATABASE}"
$stdout.sync = true

def ask(word)
  puts "@#{word}"
  exit 3 unless $stdin.gets
end

def check(right, what)
  raise what unless right
end

def done(figures)
  puts "@ok #{JSON.generate(figures)}"
end

# The one error that a request may meet on a gateway while a node dies.
def unconfirmed?(error)
  error.message.include?("not confirmed")
end
