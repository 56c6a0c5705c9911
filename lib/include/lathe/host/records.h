// The output of a long run: one JSON object a line for each item of the input, written as it
// goes, so that a run that was ended in any way (kill -9, a full disk) can be continued.
//
// A record is a JSON object with at least two members, which the caller puts there:
//
//   "index"        place of its item in the input, from 0
//   "fingerprint"  RecordFingerprint::text(): what the record was made from
//
// Records go to FILE.partial as they come, each with one write, so that none that is finished is
// ever lost. When finish() has seen that n items gave n records they are put in order, and the
// file gets its name FILE: FILE holds the old run or the whole new one, and FILE.partial is what a
// resumed run continues. A resumed run cuts a torn last line, compares the fingerprint of each
// record with the item that it is asked about (has()), and adds those that are missing; FILE
// itself, where there is no FILE.partial, is continued in the same way. A name that ends in ".zst"
// is compressed at the end, as one frame.
// A device or a pipe is written in place: there, and on standard output, an ordered run's record
// waits in memory for those before it. FILE.partial is locked while it is written: a second writer
// is refused. So is a FILE.partial that is a link, another user's, or no regular file: who may
// write into the folder may have put it there.
//
//   RecordLog log("answers.jsonl", {.resume = true});
//   for (item...) {
//     const RecordFingerprint from{run, hash_parts({item})};
//     if (!log.has(index, from)) log.add(index, answer(item, from.text()));
//   }
//   log.finish(items);
//
// Errors: kIo, naming the path (it exists and is not to be replaced; another process writes it;
// the disk is full); kInvalid when what an earlier run left is no such file, or was made from
// other items, another model or other options. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "lathe/export.h"
#include "lathe/host/shard.h"

namespace lathe {

// XXH3 (64 bits) over the parts and their lengths: {"ab", "c"} and {"a", "bc"} differ.
LATHE_API std::uint64_t hash_parts(std::initializer_list<std::string_view> parts);

struct RecordFingerprint {
  std::uint64_t run = 0;   // the model, and the options that change results
  std::uint64_t item = 0;  // the input's line, question...

  // 33 characters: both in hexadecimal, "-" between them.
  LATHE_API std::string text() const;
  bool operator==(const RecordFingerprint&) const = default;
};

struct RecordLogOptions {
  bool overwrite = false;  // FILE may be replaced; without `resume`, FILE.partial too
  bool resume = false;     // continue what is there; begin where nothing is
  bool ordered = true;     // FILE has the records by index; otherwise as they came
  // Whose items the run takes. Files of all shards, one behind the other, are what a whole run
  // leaves that was ended before it put its records in order: it resumes them.
  Shard shard = {};
};

class LATHE_API RecordLog {
 public:
  using Sink = std::function<void(std::string_view)>;
  using Visitor = std::function<void(std::uint64_t index, std::string_view record)>;

  // `earlier` sees each record that is continued from, in the file's order, without its newline.
  RecordLog(const std::string& path, const RecordLogOptions& options, const Visitor& earlier = {});
  // To standard output, say: `sink` gets whole lines, each as soon as it may be written.
  explicit RecordLog(Sink sink, bool ordered = true, Shard shard = {});
  // Without finish(): FILE.partial stays, unless there is no record in it.
  ~RecordLog();
  RecordLog(const RecordLog&) = delete;
  RecordLog& operator=(const RecordLog&) = delete;

  // Whether this item's record is there already. Throws kInvalid when it is but was made from
  // something else.
  bool has(std::uint64_t index, const RecordFingerprint& fingerprint) const;
  // Whether this item is another run's.
  bool is_others(std::uint64_t index) const noexcept;
  // How many of so many items are this run's.
  std::uint64_t own(std::uint64_t items) const noexcept;
  // Takes a record (one line, without newline) that is not there yet.
  void add(std::uint64_t index, std::string record);
  // Hands on what waits for earlier records, in its order: those will not come any more.
  void release();

  std::uint64_t earlier() const noexcept;   // records that an earlier run left
  std::uint64_t written() const noexcept;   // those included; all are in the file by now
  std::size_t held() const noexcept;        // records that wait for an earlier one
  std::size_t held_bytes() const noexcept;  // and their bytes
  // FILE.partial; empty where there is none.
  std::string unfinished_file() const;

  // Ends the file: throws kInvalid, leaving FILE.partial, unless there is a record for each of
  // the input's `items`, less those of others.
  void finish(std::uint64_t items);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
