#include "io/record_scan.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "lathe/host/lines.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

std::optional<std::uint64_t> parse_hash(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<RecordFingerprint> parse_fingerprint(std::string_view text) {
  if (text.size() != 33 || text[16] != '-') return std::nullopt;
  const auto run = parse_hash(text.substr(0, 16)), item = parse_hash(text.substr(17));
  if (!run || !item) return std::nullopt;
  return RecordFingerprint{*run, *item};
}

// Keeps the two members of the outermost object, and no memory for the rest.
class KnownMembers : public JsonEvents {
 public:
  void null() override { key_.clear(); }
  void boolean(bool) override { key_.clear(); }
  void integer(std::int64_t) override { key_.clear(); }
  void unsigned_integer(std::uint64_t value) override {
    if (outermost() && key_ == "index") index = value;
    key_.clear();
  }
  void number(double) override { key_.clear(); }
  void string(std::string& value) override {
    if (outermost() && key_ == "fingerprint") fingerprint = parse_fingerprint(value);
    key_.clear();
  }
  void begin_object() override { ++depth_; }
  void key(std::string& value) override {
    if (depth_ == 1) key_ = std::move(value);
  }
  void end_object() override { --depth_; }
  void begin_array() override { ++depth_; }
  void end_array() override { --depth_; }

  std::optional<std::uint64_t> index;
  std::optional<RecordFingerprint> fingerprint;

 private:
  bool outermost() const { return depth_ == 1; }

  int depth_ = 0;
  std::string key_;
};

}  // namespace

KnownRecord parse_known_record(std::string_view record, const std::string& name,
                               std::uint64_t line) {
  KnownMembers members;
  parse_json_events(record, fmt::format("{}, line {}", name, line), members);
  if (!members.index || !members.fingerprint) {
    fail_invalid("{}: line {} has no {}: it is no record that this program can continue from",
                 quoted(name), line, members.index ? "\"fingerprint\"" : "\"index\"");
  }
  return {.index = *members.index, .fingerprint = *members.fingerprint};
}

RecordScan scan_records(const std::string& path, int descriptor,
                        const RecordLog::Visitor& visitor) {
  RecordScan scan;
  LineOptions options;
  options.descriptor = descriptor;
  options.longest = kLongestRecord;
  LineSource lines(path, options);
  std::optional<Error> broken;  // of the line before
  std::uint64_t number = 0;
  for (std::uint64_t before = 0; const auto line = lines.next(); before = lines.offset()) {
    ++number;
    if (broken) throw Error(*broken);  // not the last line
    if (!line->ended) {
      scan.torn = true;
      break;
    }
    try {
      KnownRecord record = parse_known_record(line->text, path, number);
      record.hash = line->hash;
      record.place = {record.index, before, lines.offset() - before};
      scan.records.push_back(record);
    } catch (const Error& error) {
      broken = error;
      continue;
    }
    scan.whole_bytes = lines.offset();
    if (visitor) visitor(scan.records.back().index, line->text);
  }
  // A file system that lost its last writes leaves zeros or half a line with a newline.
  scan.torn = scan.torn || broken.has_value();
  const auto by_index = [](const KnownRecord& a, const KnownRecord& b) {
    return a.index < b.index;
  };
  std::sort(scan.records.begin(), scan.records.end(), by_index);
  const auto twice = std::adjacent_find(
      scan.records.begin(), scan.records.end(),
      [](const KnownRecord& a, const KnownRecord& b) { return a.index == b.index; });
  if (twice != scan.records.end()) {
    fail_invalid("{}: has two records of index {}", quoted(path), twice->index);
  }
  return scan;
}

}  // namespace lathe
