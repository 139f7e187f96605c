#include "learn_rt/client.h"

#include <stdexcept>
#include <utility>

#include "address.h"
#include "options_check.h"
#include "stream_client.h"
#include "transport.h"

namespace learn_rt {

std::unique_ptr<Client> Client::connect(const std::string& address, const std::string& model,
                                        const ClientOptions& options) {
  std::vector<std::string> addresses{address};
  addresses.insert(addresses.end(), options.failover.begin(), options.failover.end());
  for (const auto& each : addresses) {  // errors of their own: nothing was tried yet
    const bool in_process = client::Address::parse(each).scheme == client::Scheme::kInproc;
    if (in_process && options.swap != Swap::kPinned)
      throw std::runtime_error(each +
                               ": swap must be pinned: in process a version is loaded once and nothing swaps it; "
                               "a server's address (unix:, grpc://, shm:) follows new versions");
  }
  try {
    return client::connect(client::make_transports(addresses, options.wait, options.security), model, options);
  } catch (const client::IsRollout& error) {
    throw client::IsRollout(address + ", model '" + model + "': " + error.what());
  } catch (const std::exception& error) {
    throw std::runtime_error(address + ", model '" + model + "': " + error.what());
  }
}

std::unique_ptr<Client> client::connect(std::unique_ptr<Transport> transport, const std::string& model,
                                        const ClientOptions& options) {
  check(options);
  Spec spec = transport->describe(model, options.version, options.connect_timeout);
  check(options, spec);
  return std::make_unique<StreamClient>(std::move(transport), model, std::move(spec), options);
}

}  // namespace learn_rt
