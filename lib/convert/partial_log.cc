#include "convert/partial_log.h"

#include <algorithm>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "lathe partial 1 ";
constexpr std::size_t kSumDigits = 16;
// A log is shorter than this, whatever the model: a line of some hundred bytes per tensor.
constexpr std::uint64_t kMaxLog = std::uint64_t{64} << 20;

std::string read_text(const OutputFile& file, std::uint64_t from, std::uint64_t to) {
  std::string text(static_cast<std::size_t>(to - from), '\0');
  file.read_left(from, std::as_writable_bytes(std::span(text)));
  return text;
}

bool is_sum(std::string_view text) {
  return text.size() == kSumDigits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::string line_of(const PartialLog::Record& record) {
  return record.sum + ' ' + record.source + ' ' + record.note + '\n';
}

}  // namespace

PartialLog::PartialLog(OutputFile& file, const std::string& path, std::uint64_t end,
                       const std::string& header_sum)
    : file_(file), at_(end) {
  const std::string first_line = std::string(kMagic) + header_sum + '\n';
  if (file.left() > 0) read(file, path, end, first_line);
  if (records_.empty()) {
    // Before the first weight: whoever finds the partial file can tell what it is.
    file.write_at(end, std::as_bytes(std::span(first_line)));
  }
  at_ = end + first_line.size();
}

void PartialLog::read(OutputFile& file, const std::string& path, std::uint64_t end,
                      const std::string& first_line) {
  const std::uint64_t left = file.left();
  const std::string log = left > end ? read_text(file, end, std::min(left, end + kMaxLog)) : "";
  std::string_view rest = log;
  if (!rest.starts_with(first_line)) {
    // A file of another size has its log elsewhere: near its own end.
    const std::string tail = read_text(file, left - std::min(left, kMaxLog / 64), left);
    if (rest.starts_with(kMagic) || tail.find(kMagic) != std::string::npos) {
      fail_invalid(
          "{}.partial: was begun with another input, other options or another version; repeat "
          "those, or leave --resume out to begin anew",
          quoted(path));
    }
    file.drop_left();  // not even its first line was written
    return;
  }
  rest.remove_prefix(first_line.size());
  for (std::size_t line = rest.find('\n'); line != rest.npos; line = rest.find('\n')) {
    const std::string_view text = rest.substr(0, line);
    rest.remove_prefix(line + 1);
    Record record;
    record.sum = text.substr(0, std::min(kSumDigits, text.size()));
    if (text.size() < 2 * kSumDigits + 2) break;
    record.source = text.substr(kSumDigits + 1, kSumDigits);
    record.note = text.substr(2 * kSumDigits + 2);
    if (!is_sum(record.sum) || !is_sum(record.source)) break;
    records_.push_back(std::move(record));
  }
}

const PartialLog::Record* PartialLog::find(std::size_t tensor) const noexcept {
  return tensor < records_.size() ? &records_[tensor] : nullptr;
}

void PartialLog::forget_from(std::size_t tensor) {
  if (tensor < records_.size()) records_.resize(tensor);
}

void PartialLog::keep(std::size_t tensor) { at_ += line_of(records_.at(tensor)).size(); }

void PartialLog::add(const Record& record) {
  const std::string line = line_of(record);
  file_.write_at(at_, std::as_bytes(std::span(line)));
  at_ += line.size();
}

}  // namespace lathe
