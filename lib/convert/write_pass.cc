#include "convert/write_pass.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "convert/background.h"
#include "convert/partial_log.h"
#include "convert/tensor_feeder.h"
#include "convert/writers.h"

namespace lathe {
namespace {

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
      const auto make = writer_of(given.options->format).make;
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
    // What may fail for want of room fails before the first of them has its name.
    for (Output& output : outputs_) {
      if (output.given->file != nullptr) output.given->file->prepare();
    }
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
    make(o, i);
    feeder_.end(tensor.source);
    background_.add([this, o, i, last] {
      end(o, i);
      if (last) checkpoint_.drop(outputs_[o].given->plan->tensors[i].source);
    });
    written_[1] = std::exchange(written_[0], background_.added());
  }

  void make(std::size_t o, std::size_t i) {
    const PlannedTensor& tensor = outputs_[o].given->plan->tensors[i];
    background_.wait_for(written_[1]);  // its memory is used again
    if (!std::exchange(hashed_, true)) {
      background_.add([this, source = tensor.source] { hash_source(source); });
    }
    const ByteSink append = [this, o](std::span<const std::byte> bytes) {
      background_.add([this, o, bytes] { outputs_[o].writer->append(bytes); });
    };
    if (!tensor.interleave) {
      tensor.make(append);
      return;
    }
    // Rows change their places, so all must be there.
    background_.wait();
    whole_.clear();
    tensor.make([this](std::span<const std::byte> bytes) {
      whole_.insert(whole_.end(), bytes.begin(), bytes.end());
    });
    const auto rows = static_cast<std::size_t>(checkpoint_.tensors()[tensor.source].rows());
    feeder_.interleave(tensor.source, whole_, whole_.size() / rows);
    append(whole_);
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
  std::vector<std::byte> whole_;  // a tensor whose rows change their places
  // Pieces of work in the background up to the end of the last tensor that was made, and of the
  // one before it.
  std::uint64_t written_[2] = {0, 0};
  Background background_;  // last: it must end before the others do
};

}  // namespace

std::string write_in_one_pass(const Checkpoint& checkpoint, std::span<PassOutput> outputs,
                              const ProgressCallback& progress, const AfterTensor& after) {
  return Pass(checkpoint, outputs, progress, after).run();
}

}  // namespace lathe
