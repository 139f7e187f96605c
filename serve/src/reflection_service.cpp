#include "reflection_service.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>

#include "status.h"

namespace learn_rt::serve {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// What one stream was told already: a file is sent once.
using Told = std::set<const FileDescriptor*>;

// Adds a file after those that it imports.
template <class Files>
void add(const FileDescriptor* file, Told& told, Files* files) {
  if (!told.insert(file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) add(file->dependency(i), told, files);
  google::protobuf::FileDescriptorProto described;
  file->CopyTo(&described);
  files->add_file_descriptor_proto(described.SerializeAsString());
}

template <class Response>
void not_found(const std::string& cause, Response* response) {
  response->mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
  response->mutable_error_response()->set_error_message(cause);
}

template <class Response>
void tell(const FileDescriptor* file, const std::string& asked, Told& told, Response* response) {
  if (file == nullptr) return not_found("nothing here is named " + in_quotes(asked), response);
  auto* files = response->mutable_file_descriptor_response();
  if (told.count(file) == 0) return add(file, told, files);
  // Asked for again by name: a stream that never answers it would seem to have lost it.
  told.erase(file);
  add(file, told, files);
}

// Answers one request; an unknown name is told in the response, and the stream stays open.
template <class Request, class Response>
void reflect(const Request& request, const std::vector<std::string>& services, Told& told, Response* response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  response->set_valid_host(request.host());
  *response->mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      return tell(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(), told, response);
    case Request::kFileContainingSymbol:
      return tell(pool.FindFileContainingSymbol(request.file_containing_symbol()), request.file_containing_symbol(),
                  told, response);
    case Request::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const Descriptor* type = pool.FindMessageTypeByName(asked.containing_type());
      const FieldDescriptor* field =
          type == nullptr ? nullptr : pool.FindExtensionByNumber(type, asked.extension_number());
      return tell(field == nullptr ? nullptr : field->file(),
                  "extension " + std::to_string(asked.extension_number()) + " of " + asked.containing_type(), told,
                  response);
    }
    case Request::kAllExtensionNumbersOfType: {
      const std::string& asked = request.all_extension_numbers_of_type();
      const Descriptor* type = pool.FindMessageTypeByName(asked);
      if (type == nullptr) return not_found("no message named " + in_quotes(asked), response);
      std::vector<const FieldDescriptor*> found;
      pool.FindAllExtensions(type, &found);
      response->mutable_all_extension_numbers_response()->set_base_type_name(asked);
      for (const FieldDescriptor* field : found) {
        response->mutable_all_extension_numbers_response()->add_extension_number(field->number());
      }
      return;
    }
    case Request::kListServices:
      for (const std::string& service : services) {
        response->mutable_list_services_response()->add_service()->set_name(service);
      }
      return;
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  response->mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
  response->mutable_error_response()->set_error_message("the request asks for nothing: set one of message_request");
}

// One stream: read, answer, read again. It owns itself until the call is done.
template <class Request, class Response>
class Reflector final : public grpc::ServerBidiReactor<Request, Response> {
 public:
  explicit Reflector(const std::vector<std::string>& services) : services_(services) { this->StartRead(&request_); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::OK);
    response_.Clear();
    reflect(request_, services_, told_, &response_);
    this->StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override { ok ? this->StartRead(&request_) : this->Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

  const std::vector<std::string>& services_;
  Told told_;
  Request request_;
  Response response_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::reflection::v1::ServerReflectionRequest, grpc::reflection::v1::ServerReflectionResponse>*
ReflectionV1::ServerReflectionInfo(grpc::CallbackServerContext* /*context*/) {
  return new Reflector<grpc::reflection::v1::ServerReflectionRequest, grpc::reflection::v1::ServerReflectionResponse>(
      services_);
}

grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                        grpc::reflection::v1alpha::ServerReflectionResponse>*
ReflectionV1Alpha::ServerReflectionInfo(grpc::CallbackServerContext* /*context*/) {
  return new Reflector<grpc::reflection::v1alpha::ServerReflectionRequest,
                       grpc::reflection::v1alpha::ServerReflectionResponse>(services_);
}

}  // namespace learn_rt::serve
