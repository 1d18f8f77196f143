-- What a script finds around it, as Redis has it: nothing of the outside, and nothing that it can change for the next script.
-- Run once for each Lua state, given: the libraries made outside, what turns their errors into values, what tells whether a text is
-- compiled code, what tells of a place in the stack, what `redis` is while a library of functions loads.
--
-- A table that scripts may read only is an empty one in front of the real one.
local libraries, revealed, is_compiled, getinfo, loading_redis = ...

local type, rawget, next, select, tostring = type, rawget, next, select, tostring
local error = error
local real_pcall, real_xpcall, real_setmetatable, real_getmetatable = pcall, xpcall, setmetatable, getmetatable
local real_rawset, real_next, real_rawget, real_setfenv = rawset, next, rawget, setfenv
local real_loadstring, real_load = loadstring, load
local real_resume = coroutine.resume

local READONLY = 'Attempt to modify a readonly table'
local behind = {}

local function refuse()
  error(READONLY, 2)
end

local function protected(real, missing)
  local front = {}
  behind[front] = real
  local shown = {}
  behind[shown] = { __index = missing or function() end }
  real_setmetatable(shown, { __index = behind[shown], __newindex = refuse, __metatable = shown })
  real_setmetatable(front, { __index = real, __newindex = refuse, __metatable = shown })
  return front
end

local absent = {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
}
local globals = {}
local environment = protected(globals, function() end)
real_setmetatable(globals, absent)

-- Errors of the libraries come as something that a script cannot look into.
local function first_revealed(ok, value, ...)
  if not ok then
    if type(value) == 'userdata' then value = revealed(value) end
    if type(value) == 'table' then
      local text = rawget(value, 'err')
      if type(text) == 'string' or type(text) == 'number' then value = text end
    end
    return false, value
  end
  return true, value, ...
end

local function only_revealed(ok, value, ...)
  if not ok and type(value) == 'userdata' then value = revealed(value) end
  return ok, value, ...
end

function globals.pcall(...)
  return first_revealed(real_pcall(...))
end

function globals.xpcall(run, handle)
  return real_xpcall(run, function(value)
    if type(value) == 'userdata' then value = revealed(value) end
    return handle(value)
  end)
end

function globals.rawset(t, key, value)
  if behind[t] then error(READONLY, 0) end
  return real_rawset(t, key, value)
end

function globals.rawget(t, key)
  return real_rawget(behind[t] or t, key)
end

function globals.setmetatable(t, metatable)
  if behind[t] then error(READONLY, 0) end
  return real_setmetatable(t, metatable)
end

function globals.next(t, key)
  return real_next(behind[t] or t, key)
end

local function next_of(front, key)
  return real_next(behind[front], key)
end

local real_pairs = pairs
function globals.pairs(t)
  if behind[t] then return next_of, t, nil end
  return real_pairs(t)
end

local function placed(run, why)
  if run then real_setfenv(run, environment) end
  return run, why
end

function globals.loadstring(text, name)
  if is_compiled(text) then return nil, 'binary code is not run' end
  return placed(real_loadstring(text, name))
end

function globals.load(give, name)
  if type(give) ~= 'function' then return placed(real_load(give, name)) end
  local is_first = true
  return placed(real_load(function()
    local piece = give()
    if is_first and is_compiled(piece) then return nil end
    is_first = false
    return piece
  end, name))
end

for _, name in ipairs { 'assert', 'collectgarbage', 'error', 'gcinfo', 'getmetatable', 'ipairs', 'rawequal', 'select', 'tonumber',
  'tostring', 'type', 'unpack', '_VERSION' } do
  globals[name] = _G[name]
end

local function copy(from)
  local to = {}
  for key, value in real_pairs(from) do to[key] = value end
  return to
end

local fronts = {}
local function library(name, real)
  globals[name] = protected(real)
  fronts[#fronts + 1] = globals[name]
end

local coroutines = copy(coroutine)
function coroutines.resume(...)
  return only_revealed(real_resume(...))
end
library('coroutine', coroutines)
library('math', copy(math))
library('string', copy(string))
library('table', copy(table))
for name, real in real_pairs(libraries) do library(name, real) end
globals._G = environment
fronts[#fronts + 1] = environment

local of_strings = real_getmetatable('')
of_strings.__index = globals.string
of_strings.__metatable = protected({ __index = globals.string })

-- As Redis's __redis__err__handler, for a stack with other functions in it.
local function handle(value)
  local level = 2
  local info = getinfo(level)
  while info and (info.what == 'C' or info.source == '=dcache') do
    level = level + 1
    info = getinfo(level)
  end
  if type(value) == 'userdata' then value = revealed(value) end
  if type(value) ~= 'table' then value = { err = 'ERR ' .. tostring(value) } end
  if info then
    value.source = info.source
    value.line = info.currentline
  end
  return value
end

-- What a script put into the tables it may only read, by ways that nothing watches.
local function tidy()
  for i = 1, #fronts do
    local front = fronts[i]
    local key = real_next(front)
    while key ~= nil do
      real_rawset(front, key, nil)
      key = real_next(front)
    end
  end
end

local function run(script, keys, arguments)
  globals.KEYS = keys
  globals.ARGV = arguments
  local ok, value = real_xpcall(script, handle)
  globals.KEYS, globals.ARGV = nil, nil
  tidy()
  return ok, value
end

-- What functions see: the same as scripts, but while their library loads only what registers them.
local loading_globals = real_setmetatable({ redis = protected(real_setmetatable(loading_redis, absent)) }, absent)
local places = { __index = globals, __newindex = refuse, __metatable = protected({}) }
local library_environment = real_setmetatable({}, places)
behind[library_environment] = globals
fronts[#fronts + 1] = library_environment
fronts[#fronts + 1] = loading_globals.redis

local function load_library(chunk)
  places.__index = loading_globals
  local ok, value = real_xpcall(chunk, handle)
  places.__index = globals
  tidy()
  return ok, value
end

local function run_function(registered, keys, arguments)
  local ok, value = real_xpcall(function()
    local value = registered(keys, arguments)
    return value
  end, handle)
  tidy()
  return ok, value
end

return environment, run, library_environment, load_library, run_function
