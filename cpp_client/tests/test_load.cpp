// A short load on everything at once: clients of every transport that come and go, recordings, and new versions of
// their model meanwhile. Every answer is compared with what its version says by itself. `make sanitize` runs it too.
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/v1/predictor.grpc.pb.h"
#include "server.h"
#include "small_model.h"

namespace learn_rt::client {
namespace {

namespace fs = std::filesystem;
using testing::SmallModel;

constexpr std::size_t kSamples = 100, kOutputs = SmallModel::kOutputs;
constexpr std::int64_t kVersions = 4;
constexpr int kRounds = 6;

// The answers of one version to the walk, which is gone twice.
using Answers = std::vector<float>;

class Load : public ::testing::Test {
 protected:
  Load() {
    fs::create_directories(folder_ / "models" / "small");
    for (std::int64_t version = 1; version <= kVersions; ++version) {
      models_.push_back(std::make_unique<SmallModel>(static_cast<unsigned>(version)));
      const auto session = models_.back()->load()->open();
      session->begin(nullptr);
      Answers answers(2 * kSamples * kOutputs);
      for (std::size_t k = 0; k < 2 * kSamples; ++k) {
        session->step(sample(k), &answers[k * kOutputs]);
        session->settle();
      }
      expected_.push_back(std::move(answers));
    }
    publish(1);
    serve::ServerOptions options;
    options.listen = {"unix:" + (folder_ / "s").string(), "shm:load-" + std::to_string(::getpid())};
    options.record = (folder_ / "server").string();
    options.loader.folder = folder_ / "models";
    options.loader.watch = std::chrono::milliseconds(20);
    fs::create_directories(options.record);
    fs::create_directories(folder_ / "client");
    server_ = std::make_unique<serve::Server>(
        serve::Repository::load({{"small", 1, folder_ / "models" / "small" / "1"}}, "native"), options);
  }
  ~Load() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  // A version appears in the repository as export leaves it: at once.
  void publish(std::int64_t version) {
    const fs::path there = folder_ / "models" / "small", staged = there / ".tmp-next";
    fs::copy(models_[static_cast<std::size_t>(version - 1)]->folder(), staged, fs::copy_options::recursive);
    fs::rename(staged, there / std::to_string(version));
  }

  const float* sample(std::size_t k) const { return &walk_[k % kSamples * SmallModel::kFeatures]; }
  // What a version says after sample k, whatever it was that answered before: the window is far shorter than the walk.
  const float* expected(std::int64_t version, std::size_t k) const {
    const std::size_t place = k < kSamples ? k : kSamples + k % kSamples;
    return &expected_[static_cast<std::size_t>(version - 1)][place * kOutputs];
  }

  // Connects, asks for the whole walk, and goes; over and over.
  void come_and_go(const std::string& address) {
    for (int round = 0; round < kRounds; ++round) {
      ClientOptions options;
      options.record = (folder_ / "client").string();
      options.connect_timeout = kAmple;
      const auto client = Client::connect(address, "small", options);
      std::int64_t version = 0;
      for (std::size_t k = 0; k < kSamples; ++k) {
        const Prediction prediction = client->predict(sample(k), kAmple);
        ASSERT_EQ(prediction.flags & kByPolicy, 0U) << address << ": " << client->last_error();
        if (k + 1 < SmallModel::kWindow) continue;
        // The stream is pinned to the version that its first whole answer is of.
        for (std::int64_t v = 1; version == 0 && v <= kVersions; ++v) version = is(v, k, prediction.values) ? v : 0;
        ASSERT_TRUE(version != 0 && is(version, k, prediction.values)) << address << ", sample " << k;
      }
      if (round == 0) {
        ASSERT_TRUE(fs::exists(client->dump()));
      }
    }
  }

  bool is(std::int64_t version, std::size_t k, const float* values) const {
    return std::memcmp(values, expected(version, k), kOutputs * sizeof(float)) == 0;
  }

  const fs::path folder_ = testing::temporary_folder();
  const std::vector<float> walk_ = SmallModel::walk(kSamples);
  std::vector<std::unique_ptr<SmallModel>> models_;
  std::vector<Answers> expected_;
  std::unique_ptr<serve::Server> server_;
};

// One stream that goes on with each version as soon as it is there.
class Following {
 public:
  explicit Following(const std::string& address)
      : stub_(v1::Predictor::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        stream_(stub_->Predict(&context_)) {
    v1::PredictRequest request;
    request.mutable_open()->set_model("small");
    request.mutable_open()->set_contract_hash(std::string(64, 'a'));
    request.mutable_open()->set_swap(v1::SWAP_NOW);
    EXPECT_TRUE(stream_->Write(request) && stream_->Read(&response_));
  }
  ~Following() {
    stream_->WritesDone();
    while (stream_->Read(&response_)) {
    }
    EXPECT_TRUE(stream_->Finish().ok());
  }

  // The answer to one sample; null: the stream is over.
  const float* ask(const float* sample) {
    v1::PredictRequest request;
    request.mutable_samples()->Add(sample, sample + SmallModel::kFeatures);
    if (!stream_->Write(request) || !stream_->Read(&response_)) return nullptr;
    if (response_.has_opened()) version = response_.opened().version();
    return response_.predictions().data();
  }

  std::atomic<std::int64_t> version{1};

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::Predictor::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PredictRequest, v1::PredictResponse>> stream_;
  v1::PredictResponse response_;
};

TEST_F(Load, EveryAnswerIsItsVersionsWhileClientsComeAndGoAndVersionsChange) {
  auto following = std::make_unique<Following>("unix:" + (folder_ / "s").string());
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (std::size_t k = 0; !over; ++k) {
      const float* values = following->ask(sample(k));
      ASSERT_NE(values, nullptr);
      const bool warm = k + 1 >= SmallModel::kWindow;
      ASSERT_TRUE(!warm || is(following->version, k, values)) << "sample " << k;
    }
  });
  const std::string addresses[] = {server_->addresses()[0], server_->addresses()[1],
                                   "inproc:" + (folder_ / "models").string()};
  for (int twice = 0; twice < 2; ++twice) {
    for (const std::string& address : addresses) threads.emplace_back([&] { come_and_go(address); });
  }
  for (std::int64_t version = 2; version <= kVersions; ++version) {
    publish(version);
    wait_until([&] { return following->version == version; });
  }
  for (std::size_t i = 1; i < threads.size(); ++i) threads[i].join();
  over = true;
  threads[0].join();
  following.reset();
  EXPECT_FALSE(server_->dump("load").empty());
  server_->stop(std::chrono::milliseconds(100));
  wait_until([&] { return server_->open_streams() == 0; });
}

}  // namespace
}  // namespace learn_rt::client
