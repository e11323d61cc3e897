#include "storage/s3_listing.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <pugixml.hpp>
#include <utility>

#include "base/error.h"
#include "base/time_text.h"

namespace holdfast::storage {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kMaxPageBytes = 16 * base::kMiB;

Error NoListing(std::string_view why) {
  return Error(ErrorKind::kUnavailable, fmt::format("the store's answer is no listing: {}", why));
}

std::optional<int> HexDigit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return std::nullopt;
}

// "a%2Fb+c": "a/b c".
std::string UrlDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const auto high = i + 2 < text.size() ? HexDigit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? HexDigit(text[i + 2]) : std::nullopt;
    if (!high || !low) throw NoListing(fmt::format("\"{}\" is no encoded name", text));
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

std::uint64_t SizeOf(std::string_view text) {
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, size);
  if (error != std::errc() || stop != end) throw NoListing("an object has no size");
  return size;
}

base::Time TimeOf(const char* text) {
  try {
    return std::chrono::floor<std::chrono::seconds>(base::ParseTime(text, "UTC"));
  } catch (const Error&) {
    throw NoListing("an object has no time");
  }
}

class Lister {
 public:
  Lister(S3Client& client, Retrier& retrier, const S3ListOptions& options,
         const std::function<void(const ObjectInfo&)>& visit)
      : client_(client),
        retrier_(retrier),
        options_(options),
        visit_(visit),
        prefix_(client.location().prefix),
        last_(options.after.empty() ? std::string() : prefix_ + options.after) {}

  void Run() {
    std::string continuation;
    do {
      S3Page page = Fetch(continuation);
      for (ObjectInfo& object : page.objects) Take(std::move(object));
      if (page.continuation == continuation && !continuation.empty()) {
        throw NoListing("its pages go in circles");
      }
      continuation = std::move(page.continuation);
    } while (!continuation.empty());
  }

 private:
  S3Page Fetch(const std::string& continuation) {
    S3Request request{.query = {{"list-type", "2"},
                                {"encoding-type", "url"},
                                {"max-keys", std::to_string(options_.page_size)},
                                {"prefix", prefix_ + options_.prefix}},
                      .max_answer = kMaxPageBytes};
    if (!continuation.empty()) {
      request.query.emplace_back("continuation-token", continuation);
    } else if (!last_.empty()) {
      request.query.emplace_back("start-after", last_);
    }
    return retrier_.Run([&] {
      const http::Response response = client_.Send(request);
      if (response.status != 200) throw client_.Failure(response, request, "s3:ListBucket");
      return base::WithContext([&] { return client_.Describe(""); },
                               [&] { return ParseS3Page(response.body); });
    });
  }

  void Take(ObjectInfo object) {
    // Not every store knows start-after.
    if (first_ && !last_.empty() && object.name <= last_) return;
    if (object.name <= last_ && !last_.empty()) {
      throw Error(ErrorKind::kCorrupt,
                  fmt::format("{} lists {} after {}", client_.description(), object.name, last_),
                  {"holdfast needs a store that lists names in the order of their bytes"});
    }
    first_ = false;
    last_ = object.name;
    if (!object.name.starts_with(prefix_ + options_.prefix)) {
      throw NoListing(fmt::format("{} was not asked for", object.name));
    }
    object.name.erase(0, prefix_.size());
    if (options_.all_names || IsName(object.name)) visit_(object);
  }

  S3Client& client_;
  Retrier& retrier_;
  const S3ListOptions& options_;
  const std::function<void(const ObjectInfo&)>& visit_;
  const std::string& prefix_;
  std::string last_;  // the last name seen, or to begin after
  bool first_ = true;
};

}  // namespace

S3Page ParseS3Page(base::ByteView xml) {
  pugi::xml_document document;
  if (const auto result = document.load_buffer(xml.data(), xml.size()); !result) {
    throw NoListing(result.description());
  }
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!root) throw NoListing("it is something else");
  const bool encoded = std::strcmp(root.child_value("EncodingType"), "url") == 0;
  S3Page page;
  for (const pugi::xml_node entry : root.children("Contents")) {
    const std::string key = entry.child_value("Key");
    if (key.empty()) throw NoListing("an object has no name");
    page.objects.push_back({.name = encoded ? UrlDecode(key) : key,
                            .size = SizeOf(entry.child_value("Size")),
                            .modified = TimeOf(entry.child_value("LastModified"))});
  }
  const std::string_view truncated = root.child_value("IsTruncated");
  if (truncated != "true" && truncated != "false") throw NoListing("it does not say if it goes on");
  if (truncated == "true") {
    page.continuation = root.child_value("NextContinuationToken");
    if (page.continuation.empty()) throw NoListing("it goes on, but does not say where");
  }
  return page;
}

void ListS3(S3Client& client, Retrier& retrier, const S3ListOptions& options,
            const std::function<void(const ObjectInfo&)>& visit) {
  Lister(client, retrier, options, visit).Run();
}

}  // namespace holdfast::storage
