// Writing a folder so that its name holds the whole old content or the whole new one.
//
// The files go to a temporary folder beside the final one. commit() fsyncs it and renames it to
// the final name (without `overwrite`: refusing to replace). With `overwrite` an existing
// folder is exchanged with the new one in one step and then removed; it must look like what is
// being written (`marker` is among its files, and nothing but plain files), so that a mistyped name
// costs nobody a home directory. One folder may be among them, `inner`, for names with a slash.
// Destruction without commit() removes the temporary; so does remove_temporary_outputs()
// (lathe/output_file.h) on a signal.
//
// Errors: kIo, naming the path. Not thread-safe.
#pragma once

#include <memory>
#include <string>

namespace lathe {

class OutputFolder {
 public:
  OutputFolder(const std::string& path, bool overwrite, const std::string& marker,
               const std::string& inner = "");
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  // Where to write the folder's file `name` (as an OutputFile, committed before commit()).
  std::string file(const std::string& name) const;

  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
