#include "common/ensemble.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "lathe/host/cpu_count.h"

#include "common/fail.h"

namespace lathe::tool {
namespace {

constexpr const char* kLibrary = "liblathe-mpi.so";

// How many processes there are, and which this is: Open MPI's words, and those of what is started
// by Hydra (MPICH, Intel). A batch system's own are left alone: its tasks may be shards.
struct Launcher {
  const char* size;
  const char* rank;
};
constexpr Launcher kLaunchers[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                                   {"PMI_SIZE", "PMI_RANK"}};

int number_in(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return 0;
  const std::string_view digits(text);
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

MpiJoin find_join() {
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<MpiJoin>(::dlsym(library, "lathe_join_mpi"));
}

// Whoever starts programs that differ wants each for itself.
void require_same_arguments(std::unique_ptr<EnsembleTransport>& owned, int argc, char** argv) {
  EnsembleTransport& transport = *owned;
  std::string words;
  for (int i = 1; i < argc; ++i) words.append(argv[i]).push_back('\0');
  const auto count = static_cast<std::size_t>(transport.size());
  std::vector<std::size_t> all(count);
  all[static_cast<std::size_t>(transport.rank())] = std::hash<std::string>()(words);
  const std::vector<std::int64_t> sizes(count, sizeof(std::size_t));
  transport.gather(std::as_writable_bytes(std::span(all)), sizes, false);
  if (std::all_of(all.begin(), all.end(), [&](std::size_t sum) { return sum == all[0]; })) return;
  const int rank = transport.rank();
  owned.reset();
  if (rank != 0) std::_Exit(static_cast<int>(ErrorCode::kUsage));
  fail_usage(
      "mpirun has started {} processes with different arguments, which cannot compute one model "
      "together; LATHE_MPI=off has each run for itself",
      count);
}

}  // namespace

JoinedEnsemble join_ensemble(int argc, char** argv, const MpiSay& say) {
  const char* wanted = std::getenv("LATHE_MPI");
  if (wanted != nullptr && std::string_view(wanted) == "off") return {};
  const auto* launcher = std::find_if(std::begin(kLaunchers), std::end(kLaunchers),
                                      [](const Launcher& l) { return number_in(l.size) > 1; });
  if (launcher == std::end(kLaunchers)) return {};
  const int size = number_in(launcher->size);
  const MpiJoin join = find_join();
  if (join == nullptr) {
    // One sentence is enough.
    if (number_in(launcher->rank) != 0) std::_Exit(static_cast<int>(ErrorCode::kUnsupported));
    const char* why = ::dlerror();
    fail(ErrorCode::kUnsupported,
         "mpirun has started {} processes, and this installation cannot join them ({}); "
         "LATHE_MPI=off has each run for itself",
         size, lathe::escape_for_terminal(why != nullptr ? why : "it was built without MPI"));
  }
  MpiJoined joined;
  join(&say, &joined);
  for (const Launcher& each : kLaunchers) ::unsetenv(each.size);
  require_same_arguments(joined.transport, argc, argv);
  JoinedEnsemble out;
  out.threads = std::max(1, available_cpus() / joined.sharers);
  out.ensemble = std::make_shared<Ensemble>(std::move(joined.transport));
  return out;
}

}  // namespace lathe::tool
