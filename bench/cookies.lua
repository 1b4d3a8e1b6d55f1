-- Copyright 2026 The Kubeflow Auth Authors
-- SPDX-License-Identifier: Apache-2.0
-- Requests with the cookies of a file, in turn. With the word "forge" the end of each signature is another every time.

local requests, turn, forge = {}, 0, false

local function request_with(cookie)
  return wrk.format("GET", "/x", { ["Cookie"] = cookie, ["Accept"] = "application/json", ["Host"] = "gatekeeper.test" })
end

function init(words)
  forge = words[2] == "forge"
  for line in io.lines(words[1]) do
    requests[#requests + 1] = forge and line or request_with(line)
  end
end

function request()
  turn = turn + 1
  local found = requests[(turn - 1) % #requests + 1]
  if not forge then
    return found
  end
  return request_with(found:sub(1, -21) .. string.format("%010d%s", turn, found:sub(-10)))
end
