#include "lathe/sgp/evaluation.h"

#include <fmt/format.h>

#include "lathe/sgp/prompts.h"

namespace lathe {
namespace {

const char* name_of(SgpProtocol protocol) {
  switch (protocol) {
    case SgpProtocol::kRobust:
      return "robust";
    case SgpProtocol::kLogprob:
      return "logprob";
    case SgpProtocol::kReference:
      break;
  }
  return "reference";
}

// What a question's record depends on besides the run.
std::uint64_t item_hash(const SgpQuestion& q, const SgpRunOptions& options) {
  const std::string prompt = q.error ? "error" : sgp_prompt_hash(sgp_messages(q, options.system));
  return hash_parts({q.split, q.id, q.subject, q.answer, prompt});
}

std::string line_of(std::size_t index, const SgpRecord& record,
                    const RecordFingerprint& fingerprint) {
  const SgpLogEntry entry{index, fingerprint.text()};
  return to_json_line(record, &entry);
}

class Evaluation {
 public:
  Evaluation(const SgpRunOptions& run_options, const SgpQuestions& questions, SgpRecordFile* file,
             const SgpEvaluationOptions& options)
      : run_options_(run_options),
        questions_(questions),
        file_(file),
        options_(options),
        order_(sgp_order(questions)),
        rank_(questions.size()),
        records_(questions.size()),
        is_done_(questions.size()) {
    for (std::size_t i = 0; i < order_.size(); ++i) rank_[order_[i]] = i;
    progress_.total = file == nullptr ? order_.size() : file->log().own(order_.size());
  }

  SgpEvaluation run(SgpRun& run) {
    const std::vector<std::size_t> open = take_earlier();
    if (options_.on_progress) options_.on_progress(progress_);
    SgpEvaluation out;
    out.stopped = !run.ask(
        questions_, open,
        [&](std::size_t place, SgpRecord record) {
          ++out.asked;
          keep(place, std::move(record));
        },
        options_.stop);
    if (file_ != nullptr && !out.stopped) file_->log().finish(order_.size());
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (is_done_[i]) out.records.push_back(std::move(records_[i]));
    }
    return out;
  }

 private:
  RecordFingerprint fingerprint(const SgpQuestion& question) const {
    return {options_.run, item_hash(question, run_options_)};
  }

  // Takes over what the file holds; returns the places of the questions that are still to be asked,
  // in order. What the file holds of another run or other questions is an error.
  std::vector<std::size_t> take_earlier() {
    if (file_ == nullptr) return order_;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (file_->log().is_others(i)) continue;
      if (!file_->log().has(i, fingerprint(questions_[order_[i]]))) open.push_back(order_[i]);
    }
    for (auto& [index, record] : file_->take_earlier()) {
      if (index >= order_.size()) continue;  // finish() says so
      record.position = questions_[order_[index]].position;
      count(record);
      records_[index] = std::move(record);
      is_done_[index] = true;
    }
    return open;
  }

  void count(const SgpRecord& record) {
    ++progress_.done;
    if (record.error) return;
    ++progress_.asked;
    progress_.right += record.score;
  }

  void keep(std::size_t place, SgpRecord record) {
    const std::size_t rank = rank_[place];
    count(record);
    if (file_ != nullptr) {
      file_->log().add(rank, line_of(rank, record, fingerprint(questions_[place])));
    }
    records_[rank] = std::move(record);
    is_done_[rank] = true;
    if (options_.on_progress) options_.on_progress(progress_);
  }

  const SgpRunOptions& run_options_;
  const SgpQuestions& questions_;
  SgpRecordFile* file_;
  const SgpEvaluationOptions& options_;
  std::vector<std::size_t> order_;  // places, in the order of asking
  std::vector<std::size_t> rank_;   // of a place in that order
  std::vector<SgpRecord> records_;  // by rank
  std::vector<bool> is_done_;
  SgpProgress progress_;
};

}  // namespace

SgpRecordFile::SgpRecordFile(const std::string& path, const RecordLogOptions& options)
    : path_(path), log_(path, options, [&](std::uint64_t index, std::string_view line) {
        earlier_.emplace_back(
            index, parse_sgp_record(line, path, static_cast<std::int64_t>(earlier_.size()) + 1));
      }) {}

std::uint64_t sgp_run_hash(std::uint64_t model, std::string_view chat_template,
                           std::string_view kv_type, const SgpRunOptions& options) {
  const std::string rest = fmt::format("{}|{}|{}|{}", name_of(options.protocol), options.max_tokens,
                                       options.timings, options.system);
  return hash_parts({fmt::format("{:016x}", model), chat_template, kv_type, rest});
}

SgpEvaluation evaluate_sgp(SgpRun& run, const SgpRunOptions& run_options,
                           const SgpQuestions& questions, SgpRecordFile* file,
                           const SgpEvaluationOptions& options) {
  return Evaluation(run_options, questions, file, options).run(run);
}

void write_sgp_records(const SgpQuestions& questions, std::span<const SgpRecord> records,
                       const SgpRunOptions& run_options, SgpRecordFile& file) {
  const std::uint64_t run =
      hash_parts({"responses", name_of(run_options.protocol), run_options.system});
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordFingerprint fingerprint{run, item_hash(questions[i], run_options)};
    file.log().add(i, line_of(i, records[i], fingerprint));
  }
  file.log().finish(records.size());
}

}  // namespace lathe
