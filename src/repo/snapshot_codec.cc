#include "repo/snapshot_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "codec/aead.h"
#include "codec/compress.h"
#include "repo/json_text.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

// Six letters, the number of the format, a line feed (which text-mode transfers destroy).
constexpr std::string_view kMagic = "HFSNAP";
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMagicSize = 8;
constexpr std::size_t kSaltSize = 32;
constexpr std::uint32_t kMaxPlainSize = 64 * 1024;
constexpr std::uint32_t kMaxBodySize = 64 * 1024 * 1024;
constexpr std::size_t kShortIdSize = sizeof(ShortPackId::bytes);

std::string Name(const BackupId& id) { return "backup " + id.ToString(); }

[[noreturn]] void ThrowCorrupt(const BackupId& id, std::string_view why) {
  throw Error(ErrorKind::kCorrupt, fmt::format("{} {}", Name(id), why));
}

codec::Key256 BodyKey(const Keyring& keyring, std::uint32_t epoch, base::ByteView salt) {
  return codec::DeriveKey(keyring.epoch(epoch).meta, salt,
                          "holdfast snapshot v1 " + keyring.repository_id());
}

json LogToJson(const LogRange& log) {
  return {{"system", ToJson(log.system)},
          {"timeline", log.timeline},
          {"start", ToJson(log.start)},
          {"stop", ToJson(log.stop)}};
}

std::uint32_t ToU32(const json& value) {
  if (!value.is_number_unsigned() ||
      value.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorKind::kCorrupt, "a number is out of range");
  }
  return value.get<std::uint32_t>();
}

LogRange LogFromJson(const json& value) {
  return {.system = ToNumber(value.at("system")),
          .timeline = ToU32(value.at("timeline")),
          .start = ToNumber(value.at("start")),
          .stop = ToNumber(value.at("stop"))};
}

codec::Digest DigestFromHex(const json& value) {
  const base::Bytes bytes = base::FromHex(value.get_ref<const std::string&>());
  codec::Digest digest;
  if (bytes.size() != digest.size())
    throw Error(ErrorKind::kCorrupt, "a digest has a wrong length");
  std::ranges::copy(bytes, digest.begin());
  return digest;
}

base::Bytes PackListBytes(std::span<const ShortPackId> packs) {
  base::Bytes list;
  list.reserve(packs.size() * kShortIdSize);
  for (const ShortPackId& pack : packs) {
    list.insert(list.end(), pack.bytes.begin(), pack.bytes.end());
  }
  return list;
}

std::string FormatPlain(const Snapshot& snapshot, std::uint32_t epoch, base::ByteView salt,
                        const codec::Digest& packs_digest) {
  json plain = {
      {"id", snapshot.id.ToString()},
      {"kind", snapshot.facts.kind},
      {"started_at", ToJson(snapshot.facts.started)},
      {"packs", {{"count", ToJson(snapshot.pack_count)}, {"sha256", base::ToHex(packs_digest)}}},
      {"epoch", epoch},
      {"salt", base::ToHex(salt)}};
  if (snapshot.facts.log) plain["log"] = LogToJson(*snapshot.facts.log);
  if (snapshot.withdrawal) plain["withdrawal"] = base::ToHex(*snapshot.withdrawal);
  return DumpJson(plain);
}

void ParsePlain(std::string_view text, SnapshotHead& head) {
  const json plain = ParseJsonObject(text, "its plain part");
  ReadJson("its plain part", [&] {
    if (plain.at("id").get<std::string>() != head.plain.id.ToString()) {
      throw Error(ErrorKind::kCorrupt, "it is of another backup");
    }
    head.plain.kind = plain.at("kind").get<std::string>();
    head.plain.started = ToTime(plain.at("started_at"));
    if (plain.contains("log")) head.plain.log = LogFromJson(plain.at("log"));
    if (plain.contains("withdrawal")) {
      head.plain.withdrawal = DigestFromHex(plain.at("withdrawal"));
    }
    head.plain.pack_count = ToNumber(plain.at("packs").at("count"));
    head.packs_digest = DigestFromHex(plain.at("packs").at("sha256"));
    head.epoch = ToU32(plain.at("epoch"));
    head.salt = base::FromHex(plain.at("salt").get<std::string>());
  });
}

// The body is compressed: raw size, codec, content.
base::Bytes PackBody(std::string_view text) {
  base::ByteWriter out;
  base::Bytes compressed;
  const codec::Codec codec = codec::Compressor({.codec = codec::Codec::kZstd, .level = 3})
                                 .Append(base::AsBytes(text), compressed);
  out.U32(static_cast<std::uint32_t>(text.size()));
  out.U8(static_cast<std::uint8_t>(codec));
  out.Raw(compressed);
  return out.Take();
}

base::Bytes UnpackBody(base::ByteView packed) {
  base::ByteReader in(packed, "its body");
  const std::uint32_t size = in.U32();
  if (size > kMaxBodySize) throw Error(ErrorKind::kCorrupt, "its body is too long");
  const auto codec = static_cast<codec::Codec>(in.U8());
  return codec::Decompress(codec, in.Raw(in.remaining()), size);
}

void CheckMagic(const BackupId& id, base::ByteView start) {
  const std::string_view magic = base::AsText(start.first(kMagicSize));
  if (!magic.starts_with(kMagic) || magic.back() != '\n') ThrowCorrupt(id, "is no snapshot");
  const auto format = static_cast<std::uint8_t>(magic[kMagic.size()]);
  if (format == 0) ThrowCorrupt(id, "is no snapshot");
  if (format != kFormat) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} is in snapshot format {}, newer than this program, which knows {}",
                            Name(id), format, kFormat),
                {"use a newer version of holdfast to read it"});
  }
}

}  // namespace

std::string FormatSnapshotBody(const Snapshot& snapshot) {
  const SnapshotDraft& facts = snapshot.facts;
  json index = json::array();
  for (const FrameRef& ref : facts.tree.index_frames) {
    index.push_back({{"pack", ref.pack.ToHex()}, {"frame", ref.frame}});
  }
  json body = {{"finished_at", ToJson(facts.finished)},
               {"tree",
                {{"index", std::move(index)},
                 {"entries", ToJson(facts.tree.entry_count)},
                 {"size", ToJson(facts.tree.total_size)}}},
               {"labels", facts.labels},
               {"pinned", facts.pinned},
               {"warnings", facts.warnings},
               {"attributes", facts.attributes},
               {"sequence", ToJson(snapshot.sequence)}};
  if (facts.parent) body["parent"] = facts.parent->ToString();
  if (snapshot.previous) body["previous"] = base::ToHex(*snapshot.previous);
  return DumpJson(body);
}

void ParseSnapshotBody(std::string_view text, Snapshot& snapshot) {
  const json body = ParseJsonObject(text, "its body");
  ReadJson("its body", [&] {
    SnapshotDraft& facts = snapshot.facts;
    facts.finished = ToTime(body.at("finished_at"));
    const json& tree = body.at("tree");
    for (const json& ref : tree.at("index")) {
      facts.tree.index_frames.push_back(
          {PackId::FromHex(ref.at("pack").get<std::string>()), ToU32(ref.at("frame"))});
    }
    facts.tree.entry_count = ToNumber(tree.at("entries"));
    facts.tree.total_size = ToNumber(tree.at("size"));
    facts.labels = body.at("labels").get<std::map<std::string, std::string>>();
    facts.pinned = body.at("pinned").get<bool>();
    facts.warnings = body.at("warnings").get<std::vector<std::string>>();
    facts.attributes = body.at("attributes");
    if (body.contains("parent"))
      facts.parent = BackupId::Parse(body.at("parent").get<std::string>());
    snapshot.sequence = ToNumber(body.at("sequence"));
    if (body.contains("previous")) snapshot.previous = DigestFromHex(body.at("previous"));
  });
}

base::Bytes EncodeSnapshot(const Keyring& keyring, const Snapshot& snapshot,
                           std::span<const ShortPackId> packs) {
  const base::Bytes list = PackListBytes(packs);
  base::Bytes salt(kSaltSize);
  base::FillRandom(salt);
  const std::uint32_t epoch = keyring.current().epoch;
  const std::string plain = FormatPlain(snapshot, epoch, salt, codec::Sha256(list));
  const std::string text = FormatSnapshotBody(snapshot);
  if (plain.size() > kMaxPlainSize || text.size() > kMaxBodySize) {
    throw Error(ErrorKind::kInternal, fmt::format("{} has too much to say", Name(snapshot.id)));
  }
  const base::Bytes body = PackBody(text);

  base::ByteWriter out;
  out.Raw(kMagic);
  out.U8(kFormat);
  out.U8('\n');
  out.U32(static_cast<std::uint32_t>(plain.size()));
  out.Raw(plain);
  out.U32(static_cast<std::uint32_t>(body.size() + codec::kAeadTagSize));
  base::Bytes sealed;
  codec::Aead(BodyKey(keyring, epoch, salt)).Seal(0, out.view(), body, sealed);
  out.Raw(sealed);
  out.U32(static_cast<std::uint32_t>(packs.size()));
  out.Raw(list);
  const codec::Digest checksum = codec::Sha256(out.view());
  out.Raw(checksum);
  return out.Take();
}

SnapshotHeadOrNeed ParseSnapshotHead(const BackupId& id, base::ByteView start) {
  std::size_t need = kMagicSize + 4;
  if (start.size() < need) return {.head = std::nullopt, .need = need};
  CheckMagic(id, start);
  const std::uint32_t plain_size = base::ByteReader(start.subspan(kMagicSize), "").U32();
  if (plain_size > kMaxPlainSize) ThrowCorrupt(id, "has too long a plain part");
  const std::size_t plain_begin = need;
  need += plain_size + 4;
  if (start.size() < need) return {.head = std::nullopt, .need = need};
  const std::uint32_t body_size = base::ByteReader(start.subspan(need - 4), "").U32();
  if (body_size > kMaxBodySize || body_size < codec::kAeadTagSize) {
    ThrowCorrupt(id, "has a body of an impossible length");
  }
  SnapshotHead head;
  head.plain.id = id;
  head.sealed_begin = need;
  head.sealed_end = need + body_size;
  if (start.size() < head.sealed_end) return {.head = std::nullopt, .need = head.sealed_end};
  base::WithContext(
      [&] { return Name(id); },
      [&] { ParsePlain(base::AsText(start.subspan(plain_begin, plain_size)), head); });
  return {.head = std::move(head), .need = 0};
}

Snapshot OpenSnapshot(const Keyring& keyring, const SnapshotHead& head, base::ByteView start) {
  return base::WithContext(
      [&] { return Name(head.plain.id); },
      [&] {
        codec::Aead cipher(BodyKey(keyring, head.epoch, head.salt));
        const base::Bytes body = UnpackBody(
            cipher.Open(0, start.first(head.sealed_begin),
                        start.subspan(head.sealed_begin, head.sealed_end - head.sealed_begin)));
        Snapshot snapshot;
        snapshot.id = head.plain.id;
        snapshot.facts.kind = head.plain.kind;
        snapshot.facts.started = head.plain.started;
        snapshot.facts.log = head.plain.log;
        snapshot.pack_count = head.plain.pack_count;
        snapshot.withdrawal = head.plain.withdrawal;
        ParseSnapshotBody(base::AsText(body), snapshot);
        return snapshot;
      });
}

std::vector<ShortPackId> ParsePackList(const BackupId& id, base::ByteView object) {
  const SnapshotHeadOrNeed parsed = ParseSnapshotHead(id, object);
  constexpr std::size_t kChecksumSize = sizeof(codec::Digest);
  if (!parsed.head || object.size() < parsed.head->sealed_end + 4 + kChecksumSize) {
    ThrowCorrupt(id, "was cut short");
  }
  const base::ByteView checked = object.first(object.size() - kChecksumSize);
  if (!base::Equal(codec::Sha256(checked), object.last(kChecksumSize))) {
    ThrowCorrupt(id, "was altered or cut: its checksum does not match");
  }
  base::ByteReader in(checked.subspan(parsed.head->sealed_end), "the pack list");
  const std::uint64_t count = in.U32();
  if (count != parsed.head->plain.pack_count || in.remaining() != count * kShortIdSize) {
    ThrowCorrupt(id, "has a pack list of a wrong length");
  }
  const base::ByteView list = in.Raw(in.remaining());
  if (codec::Sha256(list) != parsed.head->packs_digest) {
    ThrowCorrupt(id, "has a pack list that is not its own");
  }
  std::vector<ShortPackId> packs(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::copy(list.subspan(i * kShortIdSize, kShortIdSize), packs[i].bytes.begin());
  }
  if (std::ranges::adjacent_find(packs, std::ranges::greater_equal()) != packs.end()) {
    ThrowCorrupt(id, "has a pack list that is not in order");
  }
  return packs;
}

}  // namespace holdfast::repo
