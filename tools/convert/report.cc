#include "convert/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/host/terminal_text.h"

#include "common/human_bytes.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestValue = 100;  // bytes of a metadata value in a table

std::uint64_t elements(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const std::int64_t d : shape) count *= static_cast<std::uint64_t>(d);
  return count;
}

// Columns as wide as their widest cell; numbers are put to the right.
class Table {
 public:
  explicit Table(std::vector<bool> to_the_right) : right_(std::move(to_the_right)) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  // In at most `width` columns, unless that is 0: what stands last to the left loses its end, names
  // in the first their middle.
  std::string text(std::string_view indent, std::size_t width) {
    const std::size_t room = width > indent.size() ? width - indent.size() : 0;
    if (room > 0 && !right_.back()) shorten(right_.size() - 1, Lose::kEnd, room);
    if (room > 0) shorten(0, Lose::kMiddle, room);
    const std::vector<std::size_t> widths = this->widths();
    std::string out;
    for (const auto& row : rows_) {
      std::string line(indent);
      for (std::size_t c = 0; c < row.size(); ++c) {
        const std::string fill(widths[c] - width_of(row[c]), ' ');
        if (c > 0) line += "  ";
        line += right_[c] ? fill + row[c] : row[c] + fill;
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + '\n';
    }
    return out;
  }

 private:
  std::vector<std::size_t> widths() const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& row : rows_) {
      for (std::size_t c = 0; c < row.size(); ++c) {
        widths[c] = std::max(widths[c], width_of(row[c]));
      }
    }
    return widths;
  }

  void shorten(std::size_t column, Lose what, std::size_t room) {
    constexpr std::size_t kLeast = 24;
    const std::vector<std::size_t> widths = this->widths();
    std::size_t others = 2 * (widths.size() - 1);
    for (std::size_t c = 0; c < widths.size(); ++c) others += c == column ? 0 : widths[c];
    const std::size_t left = std::max(kLeast, room - std::min(room, others));
    for (auto& row : rows_) row[column] = shortened(row[column], left, what);
  }

  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// The text stands alone: quotes in it need no backslash.
std::string bare_text(const std::string& text) {
  std::string out = escape_for_terminal(text, kLongestValue);
  for (std::size_t at = out.find('\\'); at < out.size(); at = out.find('\\', at + 1)) {
    if (out[at + 1] == '"') {
      out.erase(at, 1);
    } else {
      ++at;
    }
  }
  return out;
}

std::string value_text(const ListedValue& listed) {
  struct Visitor {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return fmt::format("{}", v); }
    std::string operator()(double v) const { return fmt::format("{:.7g}", v); }
    std::string operator()(const std::string& v) const { return bare_text(v); }
  };
  return std::visit(Visitor(), listed.value);
}

std::string dump(const Json& json) { return json_text(json, 2) + "\n"; }

}  // namespace

// "BF16", or the scheme of a packed matrix, or the name of a type that has no other.
static std::string type_text(const FileListing& listing, const TensorInfo& tensor) {
  const auto scheme = listing.schemes.find(tensor.name);
  if (scheme != listing.schemes.end()) return scheme->second;
  return std::string(dtype_info(tensor.dtype).name);
}

std::string listing_table(const FileListing& listing, std::size_t width) {
  std::uint64_t bytes = 0, count = 0;
  Table tensors({false, false, false, true});
  for (const TensorInfo& tensor : listing.tensors) {
    bytes += tensor.bytes;
    count += elements(tensor.shape);
    tensors.add({escape_for_terminal(tensor.name), shape_text(tensor.shape),
                 type_text(listing, tensor), fmt::format("{}", tensor.bytes)});
  }
  Table metadata({false, false});
  for (const ListedValue& value : listing.metadata) {
    metadata.add({escape_for_terminal(value.key), value_text(value)});
  }
  std::string out =
      fmt::format("{}: {}, {} tensors, {} elements, {}\n", escape_for_terminal(listing.path),
                  listing.format, listing.tensors.size(), count, human_bytes(bytes));
  if (!listing.metadata.empty()) out += "\nMetadata\n" + metadata.text("  ", width);
  if (!listing.tensors.empty()) out += "\nTensors\n" + tensors.text("  ", width);
  return out;
}

std::string listing_json(const FileListing& listing) {
  Json out = {{"schema", "lathe.list/1"}, {"path", listing.path}, {"format", listing.format}};
  std::uint64_t bytes = 0;
  Json tensors = Json::array();
  for (const TensorInfo& tensor : listing.tensors) {
    bytes += tensor.bytes;
    tensors.push_back({{"name", tensor.name},
                       {"dtype", type_text(listing, tensor)},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes}});
  }
  out["bytes"] = bytes;
  Json& metadata = out["metadata"] = Json::array();
  for (const ListedValue& listed : listing.metadata) {
    Json entry = {{"key", listed.key}};
    if (!listed.type.empty()) entry["type"] = listed.type;
    std::visit([&](const auto& value) { entry["value"] = value; }, listed.value);
    metadata.push_back(std::move(entry));
  }
  out["tensors"] = std::move(tensors);
  return dump(out);
}

std::string plan_table(const ConvertReport& report, std::size_t width) {
  Table table({false, false, false, true});
  for (const ConvertedTensor& tensor : report.tensors) {
    const auto from = dtype_info(tensor.from).name;
    const auto to = dtype_info(tensor.to).name;
    table.add({escape_for_terminal(tensor.name), shape_text(tensor.shape),
               tensor.from == tensor.to ? std::string(to) : fmt::format("{} -> {}", from, to),
               fmt::format("{}", tensor.bytes)});
  }
  return table.text("", width) + fmt::format("{} tensors, {} -> {}\n", report.tensors.size(),
                                             human_bytes(report.source_bytes),
                                             human_bytes(report.output_bytes));
}

// Experts by layer; of layers without such none.
static Json edit_json(const ExpertEdit& edit) {
  Json out = {{"before", edit.before}, {"after", edit.after}};
  if (edit.replaced) out["replaced"] = *edit.replaced;
  if (edit.kept) out["kept"] = *edit.kept;
  if (edit.loss) {
    out["lost_weight"] = {{"share", edit.loss->share},
                          {"worst", edit.loss->worst},
                          {"worst_layer", edit.loss->worst_layer}};
  }
  return out;
}

std::string plan_json(const ConvertReport& report, const ExpertEdit* edit) {
  Json out = {{"schema", "lathe.convert-plan/1"},
              {"source_bytes", report.source_bytes},
              {"output_bytes", report.output_bytes}};
  Json& tensors = out["tensors"] = Json::array();
  for (const ConvertedTensor& tensor : report.tensors) {
    tensors.push_back({{"name", tensor.name},
                       {"from", dtype_info(tensor.from).name},
                       {"to", dtype_info(tensor.to).name},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes}});
  }
  if (edit != nullptr) out["experts"] = edit_json(*edit);
  out["notes"] = report.notes;
  return dump(out);
}

std::string archive_text(const std::string& path, const ArchiveReport& report, double seconds) {
  const auto percent = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  std::vector<std::string> kinds;
  for (const ArchiveReport::Kind& kind : report.kinds) {
    if (kind.elements == ArchiveReport::kBetween) continue;
    kinds.push_back(fmt::format("{} to {:.1f} %", kind.elements, percent(kind.stored, kind.bytes)));
  }
  std::string out = fmt::format(
      "{}: {} from {}, {:.1f} % ({}), in {:.1f} s", lathe::escape_for_terminal(path),
      human_bytes(report.archive_bytes), human_bytes(report.source_bytes),
      percent(report.archive_bytes, report.source_bytes), fmt::join(kinds, ", "), seconds);
  if (report.differences > 0) {
    out += fmt::format("; {} tensors as differences to the base, {} of them equal to its own",
                       report.differences, report.equal);
  }
  if (!report.low_rank.empty()) {
    std::vector<std::string> ranks;
    for (const ArchiveReport::LowRank& one : report.low_rank) {
      ranks.push_back(fmt::format("{} leaves {:.1f} %", one.rank, 100.0 * one.error));
    }
    out += fmt::format("; of what else differs in matrices, a LoRA of rank {}",
                       fmt::join(ranks, ", "));
  }
  return out;
}

std::string verify_json(const std::string& path, const VerifyReport& report) {
  return dump({{"schema", "lathe.verify/1"},
               {"path", path},
               {"ok", report.mismatched.empty()},
               {"tensors", report.tensors},
               {"bytes", report.bytes},
               {"mismatched", report.mismatched}});
}

}  // namespace lathe::tool
