#include "bench/random_model.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "lathe/quantize.h"
#include "lathe/synthetic.h"

#include "common/fail.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

// A folder of our own, so that nobody else can put a file in the way.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const char* base = std::getenv("TMPDIR");
    path_ = fmt::format("{}/lathe-bench-XXXXXX", base == nullptr || *base == '\0' ? "/tmp" : base);
    if (::mkdtemp(path_.data()) == nullptr) {
      fail(ErrorCode::kIo, "{}: cannot make a folder: {}", lathe::quoted(path_),
           std::strerror(errno));
    }
  }
  ~TemporaryFolder() {
    ::unlink(file().c_str());
    ::rmdir(path_.c_str());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file() const { return path_ + "/model.lathe"; }

 private:
  std::string path_;
};

}  // namespace

std::shared_ptr<const Checkpoint> random_model(const Tool& tool, const std::string& shape,
                                               const std::string& scheme, int threads) {
  const auto weights = synthetic_checkpoint(shape);
  QuantizeOptions options;
  if (!scheme.empty()) options.scheme = scheme;
  options.threads = threads;
  plan_quantization(*weights, "", options);  // an unknown scheme, before there is a folder
  const TemporaryFolder folder;
  ProgressBar bar(tool, "random weights", ProgressBar::Unit::kBytes);
  options.progress = bar.callback();
  quantize(*weights, folder.file(), options);
  bar.finish();
  return Checkpoint::open(folder.file());
}

}  // namespace lathe::tool
