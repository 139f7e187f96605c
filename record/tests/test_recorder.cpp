#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "cage.h"
#include "learn_rt/flags.h"
#include "learn_rt/record/recorded_session.h"
#include "learn_rt/record/recorder.h"
#include "sha256.h"

namespace learn_rt::record {
namespace {

namespace fs = std::filesystem;

// 100 Hz, two inputs, one output: a row of 64 bytes, and one of 56 of what was handed out.
Spec spec_of(const std::string& name = "arm") {
  return Spec::parse(R"({"format": "learn_rt.spec/1", "contract_hash": ")" + std::string(64, 'a') + R"(", "name": ")" +
                     name + R"(", "kind": "window", "dt_s": 0.01, "window": 4, "preview": 0,
    "inputs": [{"name": "u", "unit": "V"}, {"name": "v", "unit": "rad/s"}], "outputs": [{"name": "y", "unit": "mm"}]})");
}

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() {
    std::string name = fs::temp_directory_path() / "record-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = name;
  }
  ~RecorderTest() override { fs::remove_all(folder_); }

  RecorderOptions options(double seconds = 1.0) const {
    RecorderOptions made;
    made.folder = folder_ / "boxes";
    made.seconds = seconds;
    return made;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / "boxes")) found.push_back(entry.path());
    return found;
  }
  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static nlohmann::json header(const std::string& file) {
    std::uint32_t size = 0;
    std::memcpy(&size, file.data() + 12, sizeof size);
    return nlohmann::json::parse(file.substr(16, size));
  }
  static void step(Box& box, std::uint64_t k, std::uint32_t flags = 0) {
    const float in[2] = {static_cast<float>(k), 0.5F}, out[1] = {-1.0F};
    box.step(k, 10, 20, 30, flags, in, out);
  }
  template <typename Condition>
  static bool soon(const Condition& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  fs::path folder_;
};

TEST_F(RecorderTest, AFileHoldsHeaderRowsAndTheirChecksum) {
  Recorder recorder(options());
  const auto box = recorder.open({"client", "arm", "stable"}, spec_of());
  const float rest[2] = {1.0F, 2.0F}, given[1] = {0.25F};
  box->begin(7, 3, rest);
  step(*box, 7);
  box->handed_out(7, 1000, 3, kLimited, given);
  box->note("lost", "the server \xff ended");
  const auto paths = recorder.dump("because");
  ASSERT_EQ(paths.size(), 1U);
  const std::string file = read(paths[0]);
  struct stat status {};
  ASSERT_EQ(::stat(paths[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(file.substr(0, 8), "LRTREC\r\n");
  EXPECT_EQ(file.substr(file.size() - 64), sha256(std::string_view(file).substr(0, file.size() - 64)));
  const auto told = header(file);
  EXPECT_EQ(told["side"], "client");
  EXPECT_EQ(told["reason"], "because");
  EXPECT_EQ(told["history"], 3);
  EXPECT_EQ(told["events"][0]["event"], "lost");
  EXPECT_EQ(told["events"][0]["row"], 2);
  EXPECT_EQ(told["tables"][0], nlohmann::json({{"name", "rows"},
                                               {"row_bytes", 64},
                                               {"n_inputs", 2},
                                               {"n_outputs", 1},
                                               {"rows", 2},
                                               {"first", 0},
                                               {"overtaken", 0}}));
  EXPECT_EQ(told["tables"][1]["rows"], 1);
  const std::size_t rows = file.size() - 64 - 56 - 2 * 64;
  RowHead begin, stepped;
  std::memcpy(&begin, file.data() + rows, sizeof begin);
  std::memcpy(&stepped, file.data() + rows + 64, sizeof stepped);
  EXPECT_EQ(begin.kind, kBeginAtRest);
  EXPECT_EQ(begin.sequence, 7U);
  EXPECT_EQ(stepped.kind, kStep);
  EXPECT_EQ(stepped.version, 3);
  EXPECT_EQ(stepped.took_ns, 30U);
}

TEST_F(RecorderTest, ItKeepsTheLastSecondsAndTheHistoryBefore) {
  Recorder recorder(options(2.0));
  const auto box = recorder.open({"server", "arm", ""}, spec_of());
  for (std::uint64_t k = 0; k < 5000; ++k) step(*box, k);
  const auto table = header(read(recorder.dump("request")[0]))["tables"][0];
  EXPECT_EQ(table["first"].get<int>() + table["rows"].get<int>(), 5000);
  EXPECT_GE(table["rows"], 200 + 3);
  EXPECT_LT(table["rows"], 1000);
}

TEST_F(RecorderTest, AFaultWritesOneFileWithWhatCameAfterIt) {
  Recorder recorder(options());
  const auto box = recorder.open({"server", "arm", ""}, spec_of());
  step(*box, 0, kRefused);
  step(*box, 1, kRefused);
  std::uint64_t k = 2;
  ASSERT_TRUE(soon([&] {
    step(*box, k++);
    return recorder.stats().files > 0;
  }));
  ASSERT_EQ(files().size(), 1U);
  const auto told = header(read(files()[0]));
  EXPECT_EQ(told["reason"], "fault: sample refused");
  EXPECT_GT(told["tables"][0]["rows"], 2);
}

TEST_F(RecorderTest, AFaultJustBeforeTheEndIsWrittenToo) {
  {
    Recorder recorder(options());
    const auto box = recorder.open({"server", "arm", ""}, spec_of());
    step(*box, 0);
    box->note("ended", "INVALID_ARGUMENT");
    box->fault(kEnded);
    recorder.close(box);
  }
  ASSERT_EQ(files().size(), 1U);
  EXPECT_EQ(header(read(files()[0]))["reason"], "fault: stream ended with an error");
}

TEST_F(RecorderTest, FilesOfFaultsStayFew) {
  RecorderOptions few = options();
  few.max_fault_files = 2;
  {
    Recorder recorder(few);
    for (int i = 0; i < 4; ++i) {
      const auto box = recorder.open({"server", "arm", ""}, spec_of());
      step(*box, 0, kRefused);
    }
  }
  EXPECT_EQ(files().size(), 2U);
}

TEST_F(RecorderTest, MemoryIsBoundedAndAStreamThatFindsNoneIsCounted) {
  RecorderOptions tight = options(100.0);  // 10,000 rows a stream, 64 bytes each
  tight.max_bytes = 1'500'000;
  Recorder recorder(tight);
  const auto first = recorder.open({"server", "arm", ""}, spec_of());
  const auto second = recorder.open({"server", "arm", ""}, spec_of());
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(recorder.open({"server", "arm", ""}, spec_of()));  // with what is left
  EXPECT_FALSE(recorder.open({"server", "arm", ""}, spec_of()));
  EXPECT_EQ(recorder.stats().not_recorded, 1U);
  recorder.close(first);  // over, its memory can be taken
  EXPECT_TRUE(recorder.open({"server", "arm", ""}, spec_of()));
}

TEST_F(RecorderTest, AFolderThatCannotBeWrittenToIsSaidAtTheStart) {
  std::ofstream(folder_ / "boxes") << "a file";
  EXPECT_THROW(Recorder{options()}, std::runtime_error);
  EXPECT_THROW(Recorder{options(0.0)}, std::invalid_argument);
}

TEST_F(RecorderTest, SeveralRecordersShareAFolder) {
  constexpr int kRecorders = 4, kRounds = 50;
  std::vector<std::thread> threads;
  for (int i = 0; i < kRecorders; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < kRounds; ++round) {
        Recorder recorder(options());
        const auto box = recorder.open({"client", "arm", "stable"}, spec_of());
        step(*box, 0);
        EXPECT_NO_THROW(recorder.dump("request"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(files().size(), std::size_t{kRecorders} * kRounds);
}

TEST_F(RecorderTest, AFullDiskLeavesNoHalfFileAndIsTold) {
  Recorder recorder(options());
  const auto box = recorder.open({"server", "arm", ""}, spec_of());
  step(*box, 0);
  fs::remove_all(folder_ / "boxes");
  fs::create_symlink("/dev/full", folder_ / "boxes");  // no folder: nothing can be made in it
  EXPECT_THROW(recorder.dump("request"), std::runtime_error);
  EXPECT_EQ(recorder.stats().failures, 1U);
  EXPECT_NE(recorder.stats().last_error, "");
}

TEST_F(RecorderTest, ANameThatIsNoFileNameIsMadeOne) {
  Recorder recorder(options());
  const auto box = recorder.open({"server", "../a b/c", ""}, spec_of());
  step(*box, 0);
  const fs::path path = recorder.dump("request")[0];
  EXPECT_EQ(path.parent_path(), folder_ / "boxes");
  EXPECT_EQ(path.filename().string().rfind("___a_b_c-server-", 0), 0U) << path;
}

// A session that doubles.
class Doubling final : public Session {
 public:
  void begin(const float*) noexcept override {}
  std::uint32_t step(const float* sample, float* answer) noexcept override {
    answer[0] = 2.0F * sample[0];
    return kOutOfTrainedRange;
  }
  void settle() noexcept override {}
  void rehearse() noexcept override {}
  void flush(float* answers, std::uint32_t* flags) noexcept override { answers[0] = 9.0F, flags[0] = 0; }
  std::size_t n_features() const noexcept override { return 2; }
  std::size_t n_outputs() const noexcept override { return 1; }
  std::size_t preview() const noexcept override { return 1; }
};

TEST_F(RecorderTest, EverythingAskedOfASessionIsARow) {
  const auto recorder = std::make_shared<Recorder>(options());
  const auto box = recorder->open({"server", "arm", ""}, spec_of());
  RecordedSession session(std::make_unique<Doubling>(), recorder, box, 4);
  const float samples[4] = {1, 2, 3, 4};
  float answers[2] = {};
  std::uint32_t flags[2] = {};
  session.begin(nullptr);
  session.tag(50, 60, 70);
  session.run(samples, 2, answers, flags);
  session.flush(answers, flags);
  const std::string file = read(recorder->dump("request")[0]);
  const char* rows = file.data() + file.size() - 64 - 4 * 64;
  const std::uint32_t kinds[4] = {kBegin, kStep, kStep, kFlush};
  const float outputs[4] = {0, 2, 6, 9};
  for (std::size_t i = 0; i < 4; ++i) {
    RowHead head;
    float output = 0.0F;
    std::memcpy(&head, rows + i * 64, sizeof head);
    std::memcpy(&output, rows + i * 64 + 48 + 8, sizeof output);
    EXPECT_EQ(head.kind, kinds[i]);
    EXPECT_EQ(output, outputs[i]);
    EXPECT_EQ(head.version, 4);
    EXPECT_TRUE(i == 0 || head.sequence == 49 + i);
  }
}

#ifdef LEARN_RT_CAGE
TEST_F(RecorderTest, RecordingASessionMakesNoSystemCallAndAllocatesNothing) {
  const auto recorder = std::make_shared<Recorder>(options());
  const auto box = recorder->open({"client", "arm", ""}, spec_of());
  RecordedSession session(std::make_unique<Doubling>(), recorder, box, 4);
  EXPECT_TRUE(client::runs_without_system_calls([&] {
    const float sample[2] = {1, 2};
    float answer[1] = {};
    std::uint32_t flags[1] = {};
    session.begin(sample);
    for (int k = 0; k < 1000; ++k) {
      session.tag(7, 8, 9);
      session.step(sample, answer);
      session.settle();
      box->unanswered(7, 8, sample);
      box->handed_out(7, 8, 4, 0, answer);
      box->fault(kLatched);
    }
    session.flush(answer, flags);
  }));
}
#endif

}  // namespace
}  // namespace learn_rt::record
