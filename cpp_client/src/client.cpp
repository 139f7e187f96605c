#include "learn_rt/client.h"

#include <stdexcept>
#include <utility>

#include "address.h"
#include "stream_client.h"
#include "transport.h"

namespace learn_rt {
namespace {

constexpr std::size_t kMaxCapacity = std::size_t{1} << 24;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;  // a spec from a server must not take all memory

void check(const ClientOptions& options) {
  if (options.capacity == 0 || options.capacity > kMaxCapacity)
    throw std::runtime_error("capacity must be 1 to " + std::to_string(kMaxCapacity) + ", got " +
                             std::to_string(options.capacity));
  if (options.connect_timeout.count() <= 0)
    throw std::runtime_error("connect_timeout must be above 0 ms, got " +
                             std::to_string(options.connect_timeout.count()));
}

void check(const ClientOptions& options, const Spec& spec) {
  if (!options.contract_hash.empty() && options.contract_hash != spec.contract_hash)
    throw std::runtime_error("the served model's contract must be " + options.contract_hash + ", it is " +
                             spec.contract_hash);
  if (spec.kind == Kind::kRollout)
    throw client::IsRollout("a model served as a stream must answer samples, this is a rollout: RolloutClient");
  if (spec.n_outputs() > Prediction::kMaxOutputs)
    throw std::runtime_error("a model must have at most " + std::to_string(Prediction::kMaxOutputs) +
                             " outputs, this has " + std::to_string(spec.n_outputs()));
  const double bytes = (sizeof(client::SampleHead) + 4.0 * static_cast<double>(spec.n_features())) *
                       static_cast<double>(options.capacity + replay_length(spec));
  if (bytes > kMaxBytes)
    throw std::runtime_error("capacity and the model's window must fit in " + std::to_string(kMaxBytes >> 20) +
                             " MiB, they take " + std::to_string(static_cast<std::size_t>(bytes) >> 20));
  if (!options.rest.empty() && options.rest.size() != spec.n_features())
    throw std::runtime_error("rest must have " + std::to_string(spec.n_features()) + " values, got " +
                             std::to_string(options.rest.size()));
}

}  // namespace

std::unique_ptr<Client> Client::connect(const std::string& address, const std::string& model,
                                        const ClientOptions& options) {
  const auto parsed = client::Address::parse(address);
  try {
    return client::connect(client::make_transport(parsed, options.wait, options.security), model, options);
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
