#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "lathe/archive.h"
#include "lathe/host/cpu_count.h"
#include "lathe/host/output_file.h"

#include "archive/chunk.h"
#include "archive/header.h"
#include "archive/low_rank.h"
#include "archive/source.h"
#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "io/refuse_as_output.h"
#include "parallel/first_exception.h"
#include "parallel/thread_pool.h"
#include "tensor/dequantize.h"

namespace lathe {
namespace {

using namespace archive;

// Chunks that are coded together: 16 MB.
constexpr std::size_t kBatch = 64;
// Bytes of a part that say how it is best coded.
constexpr std::size_t kSample = std::size_t{64} << 10;

// A chunk to be coded.
struct Job {
  std::size_t file = 0;
  std::size_t part = 0;
  std::size_t tensor = 0;    // of the archive
  std::uint64_t offset = 0;  // in the part
  std::size_t size = 0;
  bool last = false;  // of its part
};

struct Coded {
  ChunkRecord record;
  std::vector<std::byte> bytes;
};

class Writer {
 public:
  Writer(std::vector<SourceFile> source, std::vector<SourceFile> base, Layout layout,
         std::vector<std::string> names, OutputFile& out, const ArchiveOptions& options)
      : source_(std::move(source)),
        base_(std::move(base)),
        layout_(std::move(layout)),
        names_(std::move(names)),
        out_(out),
        options_(options),
        pool_(options.threads > 0 ? options.threads : available_cpus()),
        workers_(static_cast<std::size_t>(pool_.size())) {}

  ArchiveReport write();

 private:
  struct Worker {
    ChunkEncoder encoder;
    std::vector<std::byte> base;
  };

  const Part& part_of(const Job& job) const { return layout_.files[job.file].parts[job.part]; }
  std::vector<Job> jobs() const;
  std::span<const std::byte> plain(const Job& job) const {
    return source_[job.file].bytes->bytes().subspan(part_of(job).offset + job.offset, job.size);
  }
  std::span<const std::byte> base(const Job& job, Worker& worker) const;
  // For the parts that begin among the jobs.
  void choose(std::span<const Job> jobs);
  void choose(const Job& job, Worker& worker);
  void encode(const Job& job, Worker& worker, Coded& out) const;
  void add_sums(std::span<const Job> jobs);
  void put(std::span<const Job> jobs, std::span<const Coded> coded);
  template <typename Body>
  void in_parallel(std::size_t n, Body&& body);
  void measure_low_rank(ArchiveReport& report);
  ArchiveReport report() const;

  std::vector<SourceFile> source_, base_;
  Layout layout_;
  std::vector<std::string> names_;
  OutputFile& out_;
  const ArchiveOptions& options_;
  ThreadPool pool_;
  std::vector<Worker> workers_;
  std::vector<Methods> methods_;      // by tensor of the archive
  std::vector<std::uint64_t> sizes_;  // the same
  std::vector<bool> equal_;           // the same: no chunk differs from the base's
  std::vector<std::byte> records_;    // of the part that is being written
  Checksum sum_;
};

std::vector<Job> Writer::jobs() const {
  std::vector<Job> out;
  std::size_t tensor = 0;
  for (std::size_t f = 0; f < layout_.files.size(); ++f) {
    for (std::size_t p = 0; p < layout_.files[f].parts.size(); ++p, ++tensor) {
      const std::uint64_t bytes = layout_.files[f].parts[p].bytes;
      for (std::uint64_t at = 0; at < bytes; at += kChunkBytes) {
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, bytes - at));
        out.push_back({f, p, tensor, at, size, at + size == bytes});
      }
    }
  }
  return out;
}

std::span<const std::byte> Writer::base(const Job& job, Worker& worker) const {
  const Part& part = part_of(job);
  if (!part.base) return {};
  return bytes_at(*base_[part.base->file].bytes, part.base->offset + job.offset, job.size,
                  worker.base);
}

template <typename Body>
void Writer::in_parallel(std::size_t n, Body&& body) {
  FirstException problem;
  pool_.parallel_for(
      static_cast<std::int64_t>(n), 1, [&](int worker, std::int64_t first, std::int64_t last) {
        problem.guard([&] {
          for (std::int64_t i = first; i < last; ++i) {
            body(workers_[static_cast<std::size_t>(worker)], static_cast<std::size_t>(i));
          }
        });
      });
  problem.rethrow();
}

void Writer::choose(std::span<const Job> jobs) {
  std::vector<Job> first;
  for (const Job& job : jobs) {
    if (job.offset == 0) first.push_back(job);
  }
  in_parallel(first.size(), [&](Worker& worker, std::size_t i) { choose(first[i], worker); });
}

// By a sample from the part's middle. A part that resembles its base less than itself is coded
// without.
void Writer::choose(const Job& job, Worker& worker) {
  Part& part = layout_.files[job.file].parts[job.part];
  Methods& methods = methods_[job.tensor];
  if (part.elements == Elements::kBytes && part.bytes < kSample) {
    methods.fill(Method::kMatches);
    return;
  }
  Job sample = job;
  sample.size = static_cast<std::size_t>(std::min<std::uint64_t>(part.bytes, kSample));
  sample.offset =
      (part.bytes - sample.size) / 2 / element_bytes(part.elements) * element_bytes(part.elements);
  std::size_t alone = 0, beside = 0;
  methods = worker.encoder.choose(part.elements, plain(sample), {}, alone);
  if (!part.base) return;
  const Methods other =
      worker.encoder.choose(part.elements, plain(sample), base(sample, worker), beside);
  if (beside < alone) {
    methods = other;
  } else {
    part.base.reset();
  }
}

void Writer::encode(const Job& job, Worker& worker, Coded& out) const {
  const auto from = plain(job), other = base(job, worker);
  out.bytes.clear();
  out.record = {};
  if (!other.empty() && std::memcmp(from.data(), other.data(), from.size()) == 0) {
    out.record.sum = checksum_of(from);
    return;
  }
  out.record =
      worker.encoder.encode(part_of(job).elements, methods_[job.tensor], from, other, out.bytes);
}

void Writer::add_sums(std::span<const Job> jobs) {
  for (const Job& job : jobs) {
    sum_.add(plain(job));
    ArchivedFile& file = layout_.files[job.file];
    if (!job.last || job.part + 1 != file.parts.size()) continue;
    file.sum = sum_.text();
    sum_.reset();
  }
}

void Writer::put(std::span<const Job> jobs, std::span<const Coded> coded) {
  const auto add = [&](const auto& number) {
    const auto bytes = std::as_bytes(std::span(&number, 1));
    records_.insert(records_.end(), bytes.begin(), bytes.end());
  };
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Job& job = jobs[i];
    out_.write(coded[i].bytes);
    add(coded[i].record.sum);
    for (std::size_t p = 0; p < element_bytes(part_of(job).elements); ++p) {
      add(coded[i].record.sizes[p]);
    }
    sizes_[job.tensor] += coded[i].bytes.size();
    if (!coded[i].bytes.empty()) equal_[job.tensor] = false;
    if (!job.last) continue;
    out_.write(records_);
    sizes_[job.tensor] += records_.size();
    records_.clear();
  }
}

ArchiveReport Writer::write() {
  methods_.resize(names_.size());
  equal_.assign(names_.size(), true);
  // The most that sizes can come to decides what room the header takes.
  sizes_.clear();
  std::uint64_t total = 0;
  for (const ArchivedFile& file : layout_.files) {
    total += file.bytes;
    for (const Part& part : file.parts) {
      sizes_.push_back(part.bytes + part.chunks() * part.record_bytes());
    }
  }
  const std::size_t room = archive_header(layout_metadata(layout_), names_, sizes_, 0).size();
  out_.write(std::string(room, ' '));
  std::ranges::fill(sizes_, 0);

  const std::vector<Job> all = jobs();
  std::vector<Coded> coded(kBatch), before(kBatch);
  std::span<const Job> written;  // the batch whose turn it is to be written
  std::uint64_t done = 0;
  for (std::size_t at = 0; at < all.size() || !written.empty();) {
    const auto batch = std::span(all).subspan(at, std::min(kBatch, all.size() - at));
    choose(batch);
    // Two jobs more: what the batch before has become is written while this one is coded.
    in_parallel(batch.size() + 2, [&](Worker& worker, std::size_t i) {
      if (i == 0) {
        put(written, before);
      } else if (i == 1) {
        add_sums(batch);
      } else {
        encode(batch[i - 2], worker, coded[i - 2]);
      }
    });
    std::swap(coded, before);
    written = batch;
    at += batch.size();
    for (const Job& job : batch) done += job.size;
    if (options_.progress && !batch.empty()) {
      options_.progress(done, total, names_[batch.front().tensor]);
    }
  }
  const std::string header = archive_header(layout_metadata(layout_), names_, sizes_, room);
  out_.write_at(0, std::as_bytes(std::span(header)));
  ArchiveReport out = report();
  measure_low_rank(out);
  return out;
}

void Writer::measure_low_rank(ArchiveReport& report) {
  struct Matrix {
    const TensorEntry* tuned;
    std::size_t file;
    const Part* part;
  };
  std::vector<Matrix> matrices;
  std::size_t number = 0;
  for (std::size_t f = 0; f < layout_.files.size(); ++f) {
    auto tensor = source_[f].tensors.begin();
    for (const Part& part : layout_.files[f].parts) {
      const bool equal = equal_[number++];
      if (part.between) continue;
      const TensorEntry& entry = *tensor++;
      const bool numbers = part.elements != Elements::kBytes && entry.shape.size() == 2;
      if (part.base && !equal && numbers) matrices.push_back({&entry, f, &part});
    }
  }
  std::vector<LowRankSums> sums(matrices.size());
  in_parallel(matrices.size(), [&](Worker& worker, std::size_t i) {
    const TensorEntry& entry = *matrices[i].tuned;
    const std::int64_t cols = entry.shape[1];
    const std::size_t row_bytes = entry.bytes / static_cast<std::uint64_t>(entry.shape[0]);
    std::vector<float> other;
    add_low_rank(
        entry.shape[0], cols,
        [&](std::int64_t first, std::span<float> out) {
          const std::uint64_t at = static_cast<std::uint64_t>(first) * row_bytes;
          const std::size_t size = out.size() / static_cast<std::size_t>(cols) * row_bytes;
          const BasePlace& place = *matrices[i].part->base;
          decode_to_f32(entry.dtype,
                        source_[matrices[i].file].bytes->bytes().subspan(entry.offset + at, size),
                        out);
          other.resize(out.size());
          decode_to_f32(entry.dtype,
                        bytes_at(*base_[place.file].bytes, place.offset + at, size, worker.base),
                        other);
          for (std::size_t k = 0; k < out.size(); ++k) out[k] -= other[k];
        },
        sums[i]);
  });
  LowRankSums total;
  for (const LowRankSums& one : sums) {
    total.all += one.all;
    for (std::size_t r = 0; r < one.left.size(); ++r) total.left[r] += one.left[r];
  }
  if (!(total.all > 0)) return;
  for (std::size_t r = 0; r < total.left.size(); ++r) {
    report.low_rank.push_back({LowRankSums::kRanks[r], std::sqrt(total.left[r] / total.all)});
  }
}

ArchiveReport Writer::report() const {
  ArchiveReport out;
  out.files = layout_.files.size();
  out.archive_bytes = out_.size();
  std::size_t tensor = 0;
  for (const ArchivedFile& file : layout_.files) {
    out.source_bytes += file.bytes;
    for (const Part& part : file.parts) {
      const std::string name(part.between ? ArchiveReport::kBetween : elements_name(part.elements));
      auto kind = std::ranges::find(out.kinds, name, &ArchiveReport::Kind::elements);
      if (kind == out.kinds.end()) kind = out.kinds.insert(out.kinds.end(), {name});
      ++kind->tensors;
      kind->bytes += part.bytes;
      kind->stored += sizes_[tensor];
      if (part.base) {
        ++out.differences;
        if (equal_[tensor]) ++out.equal;
      }
      ++tensor;
    }
  }
  return out;
}

// Where the base lies, as seen from the archive's folder.
std::string relative_base(const std::string& base, const std::string& output) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::absolute(output).parent_path();
  const fs::path path = fs::relative(fs::absolute(base), folder, error);
  return error || path.empty() ? fs::absolute(base).string() : path.string();
}

Base describe_base(const std::vector<SourceFile>& files, const std::string& path,
                   const std::string& output) {
  Base out;
  out.path = relative_base(path, output);
  std::vector<std::byte> room;
  constexpr std::size_t kPiece = std::size_t{16} << 20;
  for (const SourceFile& file : files) {
    Checksum sum;
    const std::size_t size = file.bytes->bytes().size();
    for (std::size_t at = 0; at < size; at += kPiece) {
      sum.add(bytes_at(*file.bytes, at, std::min(kPiece, size - at), room));
    }
    out.files.push_back({file.name, size, sum.text(), {}});
  }
  return out;
}

// A model as it is named, and its files.
void refuse_own_files(const std::string& model, const std::vector<SourceFile>& files,
                      const std::string& output) {
  std::vector<std::string> read = {model};
  for (const SourceFile& file : files) read.push_back(file.bytes->path());
  refuse_as_output(read, output);
}

}  // namespace

ArchiveReport write_archive(const std::string& model, const std::string& output,
                            const ArchiveOptions& options) {
  if (is_archive(model)) {
    fail(ErrorCode::kUsage, "{}: is an archive already; convert it back first", quoted(model));
  }
  const ModelFiles files = model_files(model);
  std::vector<SourceFile> source = source_files(files), base;
  refuse_own_files(model, source, output);
  std::optional<BaseTensors> tensors;
  Layout layout;
  layout.open = files.open;
  if (!options.base.empty()) {
    // Only what has tensors is ever looked at again.
    base = source_files(model_files(options.base));
    refuse_own_files(options.base, base, output);
    std::erase_if(base, [](const SourceFile& file) { return file.tensors.empty(); });
    tensors.emplace(base);
    layout.base = describe_base(base, options.base, output);
  }
  std::vector<std::string> names;
  for (const SourceFile& file : source) {
    layout.files.push_back(cut_into_parts(file, tensors ? &*tensors : nullptr, names));
  }
  OutputFile out(output, options.overwrite);
  Writer writer(std::move(source), std::move(base), std::move(layout), std::move(names), out,
                options);
  const ArchiveReport report = writer.write();
  out.commit();
  return report;
}

}  // namespace lathe
