#include "file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sha256.h"

namespace learn_rt::record {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows go into files as they lie in memory");

void append(std::string& to, const void* bytes, std::size_t n) { to.append(static_cast<const char*>(bytes), n); }

// A descriptor that is closed, and a file that is removed unless it was kept.
class Temporary {
 public:
  explicit Temporary(const std::filesystem::path& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (fd_ < 0) fail("cannot be made");
  }
  ~Temporary() {
    if (fd_ >= 0) ::close(fd_);
    if (!kept_) ::unlink(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(fd_) != 0) fail("cannot be written");
  }
  void become(const std::filesystem::path& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) fail("cannot become " + path.filename().string());
    kept_ = true;
  }

 private:
  [[noreturn]] void fail(const std::string& what) {
    const std::string cause = std::strerror(errno);
    if (fd_ < 0) kept_ = true;  // not ours
    throw std::runtime_error(path_.string() + " " + what + ": " + cause);
  }

  const std::filesystem::path path_;
  const int fd_;
  bool kept_ = false;
};

}  // namespace

std::string file_of(nlohmann::ordered_json header, const std::vector<Table>& tables) {
  auto& listed = header["tables"] = nlohmann::ordered_json::array();
  std::size_t size = 0;
  for (const Table& table : tables) {
    const Snapshot& rows = table.rows;
    listed.push_back({{"name", table.name},
                      {"row_bytes", table.row_bytes},
                      {"n_inputs", table.n_inputs},
                      {"n_outputs", table.n_outputs},
                      {"rows", rows.n},
                      {"first", rows.first},
                      {"overtaken", rows.overtaken}});
    size += rows.words.size() * sizeof(std::uint32_t);
  }
  // A cause may hold bytes that are no text.
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const auto text_bytes = static_cast<std::uint32_t>(text.size());
  std::string file(kMagic);
  file.reserve(kMagic.size() + 2 * sizeof(std::uint32_t) + text.size() + size + 64);
  append(file, &kFormat, sizeof kFormat);
  append(file, &text_bytes, sizeof text_bytes);
  file += text;
  for (const Table& table : tables)
    append(file, table.rows.words.data(), table.rows.words.size() * sizeof(std::uint32_t));
  file += sha256(file);
  return file;
}

void write_whole(const std::filesystem::path& path, std::string_view bytes) {
  Temporary file(path.parent_path() / ("." + path.filename().string() + ".tmp"));
  file.write(bytes);
  file.become(path);
}

}  // namespace learn_rt::record
