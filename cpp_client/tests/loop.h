#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "failover_transport.h"
#include "learn_rt/client.h"
#include "scripted_transport.h"
#include "stream_client.h"

namespace learn_rt::client {

// A client, and the script of its peer.
struct Loop {
  std::shared_ptr<Script> script = std::make_shared<Script>();
  ClientOptions options;
  std::vector<std::shared_ptr<Script>> others;  // the peers to fail over to

  std::unique_ptr<Client> connect() {
    std::vector<FailoverTransport::Way> ways;
    ways.push_back({"script:0", std::make_unique<ScriptedTransport>(script)});
    for (const auto& other : others)
      ways.push_back({"script:" + std::to_string(ways.size()), std::make_unique<ScriptedTransport>(other)});
    return client::connect(std::make_unique<FailoverTransport>(std::move(ways)), script->spec.name, options);
  }
};

}  // namespace learn_rt::client
