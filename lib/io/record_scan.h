// What an earlier run left in a file of records (lathe/records.h).
//
// Errors: kInvalid and kIo, naming the file and the line. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/host/records.h"

namespace lathe {

inline constexpr std::size_t kLongestRecord = std::size_t{1} << 30;  // bytes

// Where a record lies in its file; the newline is one of the bytes.
struct RecordPlace {
  std::uint64_t index = 0, offset = 0, bytes = 0;
};

struct KnownRecord {
  std::uint64_t index = 0;
  RecordFingerprint fingerprint;
  std::uint64_t hash = 0;  // XXH3 (64 bits) of the line
  RecordPlace place = {};
};

struct RecordScan {
  std::vector<KnownRecord> records;  // by index
  std::uint64_t whole_bytes = 0;     // up to the end of the last whole record
  bool torn = false;                 // something follows that is no whole record
};

// Reads "index" and "fingerprint" of one record; throws kInvalid, `name` and `line` in it.
KnownRecord parse_known_record(std::string_view record, const std::string& name,
                               std::uint64_t line);

// Reads every record of a file (zstd, too), in whatever order they are. A last line that is not
// whole is torn, not an error. `descriptor`: of the file if it is open already (else -1).
RecordScan scan_records(const std::string& path, int descriptor, const RecordLog::Visitor& visitor);

}  // namespace lathe
