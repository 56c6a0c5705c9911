#include "checkpoint/write_pass.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/partial_log.h"

namespace lathe {
namespace {

// One piece of work at a time behind the caller's back; its exception comes out of the next call.
class Background {
 public:
  ~Background() {
    if (job_.valid()) job_.wait();
  }
  void start(std::function<void()> work) {
    wait();
    job_ = std::async(std::launch::async, std::move(work));
  }
  void wait() {
    if (job_.valid()) job_.get();
  }

 private:
  std::future<void> job_;
};

struct Output {
  PassOutput* given = nullptr;
  std::unique_ptr<PlanWriter> writer;
  std::optional<PartialLog> log;
};

std::string sum_of(std::string_view text) {
  Checksum sum;
  sum.add(text);
  return sum.text();
}

class Pass {
 public:
  Pass(const Checkpoint& checkpoint, std::span<PassOutput> outputs,
       const ProgressCallback& progress, const AfterTensor& after)
      : checkpoint_(checkpoint), feeder_(checkpoint, progress, outputs.size()), after_(after) {
    for (PassOutput& given : outputs) {
      Output output;
      output.given = &given;
      const bool gguf = given.options->format == CheckpointFormat::kGguf;
      const auto make = gguf ? make_gguf_writer : make_lathe_writer;
      output.writer = make(checkpoint, *given.plan, *given.options, *given.out);
      if (given.file != nullptr && given.file->is_partial()) {
        output.log.emplace(*given.file, given.path, output.writer->file_size(),
                           sum_of(output.writer->header()));
      }
      outputs_.push_back(std::move(output));
    }
  }

  std::string run() {
    const std::size_t count = outputs_.front().given->plan->tensors.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t source = outputs_.front().given->plan->tensors[i].source;
      hashed_ = false;
      for (std::size_t o = 0; o < outputs_.size(); ++o) {
        if (outputs_[o].given->plan->tensors[i].source != source) {
          fail(ErrorCode::kBug, "the outputs of one pass differ in their tensors' order");
        }
        feeder_.begin(source);
        one(o, i, o + 1 == outputs_.size());
      }
    }
    background_.wait();
    feeder_.finish();
    const std::string source = source_.text();
    for (Output& output : outputs_) output.writer->finish(source);
    for (Output& output : outputs_) {
      if (output.given->file != nullptr) output.given->file->commit();
    }
    return source;
  }

 private:
  // `last`: nobody needs the source's tensor after this.
  void one(std::size_t o, std::size_t i, bool last) {
    Output& output = outputs_[o];
    const PlannedTensor& tensor = output.given->plan->tensors[i];
    if (keep(output, i)) {
      feeder_.end(tensor.source);
      if (last) checkpoint_.drop(tensor.source);
      return;
    }
    if (!tensor.make) {
      background_.wait();
      const bool hash = !hashed_;
      feeder_.feed(
          tensor, [&](std::span<const std::byte> bytes) { output.writer->append(bytes); },
          hash ? ByteSink([&](std::span<const std::byte> bytes) { source_.add(bytes); })
               : ByteSink());
      hashed_ = true;
      end(o, i);
      return;
    }
    const std::span<std::byte> bytes = tensor.make();
    if (tensor.interleave) {
      const auto rows = static_cast<std::size_t>(checkpoint_.tensors()[tensor.source].rows());
      feeder_.interleave(bytes, bytes.size() / rows);
    }
    feeder_.end(tensor.source);
    const bool hash = !hashed_;
    hashed_ = true;
    background_.start([this, o, i, bytes, hash, last] {
      const PlannedTensor& made = outputs_[o].given->plan->tensors[i];
      if (hash) hash_source(made.source);
      outputs_[o].writer->append(bytes);
      end(o, i);
      if (last) checkpoint_.drop(made.source);
    });
  }

  void hash_source(std::size_t source) {
    feeder_.feed_source(source, [&](std::span<const std::byte> bytes) { source_.add(bytes); });
  }

  void end(std::size_t o, std::size_t i) {
    Output& output = outputs_[o];
    PartialLog::Record record;
    record.sum = output.writer->end_tensor();
    if (output.log) {
      record.source = source_.text();
      if (output.given->note) record.note = output.given->note(i);
      output.log->add(record);
    }
    if (after_) after_(o, output.given->plan->tensors[i]);
  }

  // True when an earlier run wrote this tensor, and it is still right.
  bool keep(Output& output, std::size_t i) {
    if (!output.log) return false;
    const PartialLog::Record* record = output.log->find(i);
    if (record == nullptr) return false;
    background_.wait();
    const PlannedTensor& tensor = output.given->plan->tensors[i];
    if (sum_of_left(output) != record->sum) {
      output.log->forget_from(i);
      return false;
    }
    if (!hashed_) hash_source(tensor.source);
    hashed_ = true;
    if (source_.text() != record->source) {
      fail_invalid(
          "{}: has other weights than when its output was begun; leave --resume out to begin anew",
          quoted(checkpoint_.path()));
    }
    output.writer->keep_tensor(record->sum);
    if (output.given->restore) output.given->restore(i, record->note);
    output.log->keep(i);
    return true;
  }

  // Checksum of what the partial file holds at the place of the tensor at hand.
  std::string sum_of_left(Output& output) {
    const TensorStream::Place& place = output.writer->current();
    const OutputFile& file = *output.given->file;
    if (place.offset > file.left() || place.bytes > file.left() - place.offset) return "";
    Checksum sum;
    constexpr std::uint64_t kPiece = std::uint64_t{4} << 20;
    for (std::uint64_t at = 0; at < place.bytes; at += kPiece) {
      piece_.resize(static_cast<std::size_t>(std::min(kPiece, place.bytes - at)));
      file.read_left(place.offset + at, piece_);
      sum.add(piece_);
    }
    return sum.text();
  }

  const Checkpoint& checkpoint_;
  TensorFeeder feeder_;
  const AfterTensor& after_;
  std::vector<Output> outputs_;
  Checksum source_;
  bool hashed_ = false;  // the source's tensor at hand
  std::vector<std::byte> piece_;
  Background background_;  // last: it must end before the others do
};

}  // namespace

std::string write_in_one_pass(const Checkpoint& checkpoint, std::span<PassOutput> outputs,
                              const ProgressCallback& progress, const AfterTensor& after) {
  return Pass(checkpoint, outputs, progress, after).run();
}

}  // namespace lathe
