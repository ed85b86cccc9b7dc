-- For wrk: posts the bodies in BODIES (one per line) in turn, and prints one line of JSON at the end.
local requests, place = {}, 0

function init()
  for body in io.lines(os.getenv("BODIES")) do
    requests[#requests + 1] = wrk.format("POST", nil, { ["content-type"] = "application/json" }, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.timeout + e.status
  local text = 'JSON{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"failed":%d}\n'
  io.write(text:format(summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
