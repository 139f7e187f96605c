#include "address.h"
#include "grpc_transport.h"
#include "inproc_transport.h"
#include "transport.h"

namespace learn_rt::client {

std::unique_ptr<Transport> make_transport(const Address& address, bool spin) {
  switch (address.scheme) {
    case Scheme::kInproc:
      return std::make_unique<InprocTransport>(address.rest);
    case Scheme::kUnix:
      return std::make_unique<GrpcTransport>("unix:" + address.rest, spin);
    case Scheme::kGrpc:
      return std::make_unique<GrpcTransport>(address.rest, spin);
  }
  return nullptr;
}

}  // namespace learn_rt::client
