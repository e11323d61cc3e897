#include "storage/s3_lifecycle.h"

#include <pugixml.hpp>

#include "base/error.h"

namespace holdfast::storage {

namespace {

// The filter's own elements stand in it directly or, when there are several, in And.
pugi::xml_node FilterOf(const pugi::xml_node& rule) {
  const pugi::xml_node filter = rule.child("Filter");
  const pugi::xml_node all = filter.child("And");
  return all ? all : filter;
}

std::string PrefixOf(const pugi::xml_node& rule) {
  const pugi::xml_node prefix = FilterOf(rule).child("Prefix");
  return prefix ? prefix.child_value() : rule.child_value("Prefix");
}

bool Deletes(const pugi::xml_node& rule) {
  const pugi::xml_node expiration = rule.child("Expiration");
  return expiration.child("Days") || expiration.child("Date");
}

bool Archives(const pugi::xml_node& rule) {
  for (const pugi::xml_node transition : rule.children("Transition")) {
    const std::string_view to = transition.child_value("StorageClass");
    if (to == "GLACIER" || to == "DEEP_ARCHIVE") return true;
  }
  return false;
}

}  // namespace

std::vector<LifecycleRule> ParseLifecycle(base::ByteView xml) {
  pugi::xml_document document;
  const bool parsed = document.load_buffer(xml.data(), xml.size());
  const pugi::xml_node root = document.child("LifecycleConfiguration");
  if (!parsed || !root) {
    throw base::Error(base::ErrorKind::kUnavailable,
                      "the store's answer is no lifecycle configuration");
  }
  std::vector<LifecycleRule> rules;
  for (const pugi::xml_node rule : root.children("Rule")) {
    // holdfast's objects have no tags.
    if (std::string_view(rule.child_value("Status")) != "Enabled" || FilterOf(rule).child("Tag")) {
      continue;
    }
    const std::string id = rule.child_value("ID");
    rules.push_back({.name = id.empty() ? "a rule" : id,
                     .prefix = PrefixOf(rule),
                     .deletes = Deletes(rule),
                     .archives = Archives(rule),
                     .ends_versions = bool(rule.child("NoncurrentVersionExpiration"))});
  }
  return rules;
}

bool Covers(const LifecycleRule& rule, std::string_view prefix) {
  return rule.prefix.starts_with(prefix) || prefix.starts_with(rule.prefix);
}

}  // namespace holdfast::storage
