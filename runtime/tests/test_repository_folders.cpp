#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "learn_rt/repository_folders.h"

namespace learn_rt {
namespace {

namespace fs = std::filesystem;

class RepositoryFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/learn-rt-test-XXXXXX";
    root_ = ::mkdtemp(pattern);
    for (const char* folder : {"a/1", "a/2", "a/10", "b/3", ".tmp-x/1", "a/.tmp-y", "a/2.tmp", "a/007", "a/0",
                               "notes/old", "a/+4", "a/99999999999999999999"}) {
      fs::create_directories(root_ / folder);
    }
    std::ofstream(root_ / "a" / "5") << "a file";
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(RepositoryFolders, AVersionIsAFolderNamedByAPositiveInteger) {
  EXPECT_EQ(version_folders(root_ / "a"), (std::vector<std::int64_t>{1, 2, 10}));
  EXPECT_TRUE(version_folders(root_ / "notes").empty());
  EXPECT_TRUE(version_folders(root_ / "nothing").empty());
}

TEST_F(RepositoryFolders, AModelIsAFolderWithAVersionThatIsNotHidden) {
  EXPECT_EQ(model_folders(root_), (std::vector<std::string>{"a", "b"}));
}

TEST_F(RepositoryFolders, NamesThatLeaveTheRepositoryAreNone) {
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "../a", "a\\b"}) EXPECT_FALSE(can_be_model(name)) << name;
  EXPECT_FALSE(can_be_model(std::string("a\0b", 3)));
  EXPECT_FALSE(can_be_model(std::string(256, 'a')));
  EXPECT_TRUE(can_be_model("printer-2.v1"));
}

TEST_F(RepositoryFolders, AFingerprintChangesWithTheFiles) {
  const fs::path version = root_ / "a" / "1";
  const std::string empty = fingerprint(version);
  std::ofstream(version / "spec.json") << "{}";
  const std::string one = fingerprint(version);
  EXPECT_NE(one, empty);
  EXPECT_EQ(fingerprint(version), one);
  std::ofstream(version / "spec.json", std::ios::app) << " ";
  EXPECT_NE(fingerprint(version), one);
}

}  // namespace
}  // namespace learn_rt
