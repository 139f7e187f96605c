// A server that stops, and clients that go, while a sample is being answered or what follows it is being done.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

#include "server_fixture.h"

namespace learn_rt::serve {
namespace {

using namespace std::chrono_literals;

// Stops the thread that comes by until it is let go.
class Halt {
 public:
  std::function<void()> hook() {
    return [this] {
      if (came_.exchange(true)) return;  // the first only
      went_.get_future().wait();
    };
  }
  bool reached() const {
    return soon([this] { return came_.load(); });
  }
  void let_go() { went_.set_value(); }

 private:
  std::atomic<bool> came_{false};
  std::promise<void> went_;
};

class CallStages : public ::testing::Test {
 protected:
  CallStages() {
    ServerOptions options;
    options.listen = {"grpc://127.0.0.1:0"};
    server_ = std::make_unique<Server>(served_.repository, options);
  }
  ~CallStages() override {
    server_.reset();
    EXPECT_EQ(watched().open, 0);
    EXPECT_EQ(watched().overlaps, 0);
  }

  SumModel::Watched& watched() { return served_.model->watched; }
  std::shared_ptr<grpc::Channel> channel() const {
    return grpc::CreateChannel(server_->addresses()[0].substr(7), grpc::InsecureChannelCredentials());
  }
  bool is_left() const {
    return soon([this] { return server_->open_streams() == 0; });
  }

  SumRepository served_;
  std::unique_ptr<Server> server_;
  Halt halt_;
};

TEST_F(CallStages, ASampleThatWasTakenIsAnsweredAlsoWhenTheServerStopsMeanwhile) {
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  watched().in_step = halt_.hook();
  ASSERT_TRUE(caller.ask(1, 7));
  ASSERT_TRUE(halt_.reached());
  std::thread stopping([this] { server_->stop(0ms); });
  ASSERT_TRUE(soon([this] { return !server_->gate().ready(); }));
  std::this_thread::sleep_for(20ms);  // by now every stream has been told to end
  halt_.let_go();
  EXPECT_TRUE(caller.stream->Read(&caller.response));
  EXPECT_EQ(caller.response.sequence(), 7U);
  EXPECT_FALSE(caller.stream->Read(&caller.response));
  EXPECT_EQ(caller.stream->Finish().error_message(), "the server is shutting down");
  stopping.join();
}

TEST_F(CallStages, AClientThatGoesBetweenASampleAndItsAnswerLeavesNothing) {
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  watched().in_step = halt_.hook();
  ASSERT_TRUE(caller.ask(1, 0));
  ASSERT_TRUE(halt_.reached());
  caller.context.TryCancel();
  EXPECT_EQ(caller.stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  halt_.let_go();
  EXPECT_TRUE(is_left());
  EXPECT_EQ(watched().steps, 1);
}

TEST_F(CallStages, AClientThatGoesWhileItsStreamSettlesLeavesNothing) {
  watched().in_settle = halt_.hook();
  Caller caller(channel());
  ASSERT_TRUE(caller.open());  // settles too
  ASSERT_TRUE(halt_.reached());
  caller.context.TryCancel();
  EXPECT_EQ(caller.stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  halt_.let_go();
  EXPECT_TRUE(is_left());
}

TEST_F(CallStages, ASampleThatComesWhileTheStreamSettlesWaitsAndIsAnswered) {
  watched().in_settle = halt_.hook();
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  ASSERT_TRUE(halt_.reached());
  ASSERT_TRUE(caller.ask(1, 3));
  halt_.let_go();
  ASSERT_TRUE(caller.stream->Read(&caller.response));
  EXPECT_EQ(caller.response.sequence(), 3U);
}

// Silent streams lose their place to those that want one; others do not.
TEST(SilentStreams, AreEndedOnlyWhenAnotherNeedsTheirPlace) {
  SumRepository served;
  ServerOptions options;
  options.listen = {"grpc://127.0.0.1:0"};
  options.streams.most = 2;
  options.streams.idle = 50ms;
  Server server(served.repository, options);
  const auto channel = grpc::CreateChannel(server.addresses()[0].substr(7), grpc::InsecureChannelCredentials());
  Caller silent(channel), alive(channel);
  ASSERT_TRUE(silent.open());
  ASSERT_TRUE(alive.open());
  std::unique_ptr<Caller> late;
  ASSERT_TRUE(soon([&] {  // refused until the silent one was silent for long enough
    EXPECT_TRUE(alive.ask(1, 1) && alive.stream->Read(&alive.response));
    late = std::make_unique<Caller>(channel);
    const bool opened = late->open();
    if (!opened) {
      EXPECT_EQ(late->stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    }
    return opened;
  }));
  EXPECT_FALSE(silent.stream->Read(&silent.response));
  EXPECT_EQ(silent.stream->Finish().error_message(), "the stream was silent, and another needed its place");
  EXPECT_TRUE(alive.ask(1, 2) && alive.stream->Read(&alive.response));
}

}  // namespace
}  // namespace learn_rt::serve
