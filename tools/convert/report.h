// What convert prints: listings, plans and checks, for people and as JSON.
//
// Names and texts from files are escaped for the terminal in tables, and are JSON strings (invalid
// UTF-8 as U+FFFD) in JSON. Each JSON has "schema": "lathe.NAME/1".
#pragma once

#include <span>
#include <string>

#include "lathe/archive.h"
#include "lathe/convert.h"
#include "lathe/list.h"

#include "convert/experts.h"

namespace lathe::tool {

std::string listing_table(const FileListing& listing, std::size_t width);
std::string listing_json(const FileListing& listing);

std::string plan_table(const ConvertReport& report, std::size_t width);
// `edit` may be null.
std::string plan_json(const ConvertReport& report, const ExpertEdit* edit);

// One line, and one more for each kind of tensor.
std::string archive_text(const std::string& path, const ArchiveReport& report, double seconds);

std::string verify_json(const std::string& path, const VerifyReport& report);

}  // namespace lathe::tool
