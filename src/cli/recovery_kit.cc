#include "cli/recovery_kit.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"
#include "cli/toml_text.h"
#include "codec/hash.h"

namespace holdfast::cli {

namespace {

constexpr std::string_view kKeyFile = "holdfast.key";
constexpr std::string_view kPassphraseFile = "holdfast.passphrase";

// Phrases without places to fill in: what differs from kit to kit stands beside or below them.
struct Words {
  std::string_view title;
  std::string_view warning;
  std::string_view warning_of_passphrase;
  std::string_view typing;
  std::string_view made, repository, id, url, endpoint, region, ca_file, key;
  std::string_view install;
  std::string_view write_key;
  std::string_view check_key;
  std::string_view write_passphrase;
  std::string_view write_config;
  std::string_view mount;
  std::string_view store_access;
  std::string_view copy_ca_file;
  std::string_view look;
  std::string_view this_one;
  std::string_view restore;
  std::string_view no_backup;
  std::string_view newest, server;
  std::string_view start;
};

constexpr Words kEnglish = {
    .title = "RECOVERY KIT: a holdfast repository and the key that opens it",
    .warning =
        "WHOEVER HAS THIS SHEET CAN READ THE BACKUPS. Keep it in a safe, away from the\n"
        "servers and from the repository. Make another when the key or the place changes.",
    .warning_of_passphrase =
        "The repository opens with a passphrase, which is NOT on this sheet: without it\n"
        "nobody can read the backups. Keep it elsewhere, where you will find it.",
    .typing = "What is indented is to be typed, without the blanks before it.",
    .made = "Made",
    .repository = "Repository",
    .id = "Id",
    .url = "Place",
    .endpoint = "Endpoint",
    .region = "Region",
    .ca_file = "Certificates",
    .key = "Key",
    .install =
        "Install holdfast, this version or a newer one, and PostgreSQL of the major\n"
        "version that is said in the last step. Work as the user that the server will\n"
        "run as, in an empty directory on a disk with room for everything.",
    .write_key = "Write the key into a file:",
    .check_key = "`sha256sum holdfast.key` must print, or else there is a typing error:",
    .write_passphrase = "Write the passphrase into a file: type it, then Enter, then Ctrl-D.",
    .write_config = "Write the configuration:",
    .mount =
        "The repository is a directory. Mount its disk so that it has the path that is\n"
        "said above, or write another path into holdfast.toml.",
    .store_access =
        "The store wants an access key of its own, which is not on this sheet. Put it\n"
        "into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and export both.",
    .copy_ca_file = "The certificates of the store must be in this file; put them there:",
    .look = "See that the key opens the repository, and what is in it:",
    .this_one = "The first must say \"this one\" of the key",
    .restore = "Restore, here to the latest moment; --at '2027-01-15 08:00' for an earlier one:",
    .no_backup =
        "There was no backup yet when this sheet was made. Then:\n"
        "holdfast restore SOURCE --to DIRECTORY",
    .newest = "newest backup when this sheet was made",
    .server = "PostgreSQL",
    .start =
        "Start each server on its directory with pg_ctl -D DIRECTORY start (on Debian in\n"
        "/usr/lib/postgresql/VERSION/bin). It recovers by itself, and needs the files of\n"
        "the steps before until it has.",
};

constexpr Words kJapanese = {
    .title = "リカバリーキット: holdfast リポジトリとそれを開く鍵",
    .warning =
        "この紙を持つ人は誰でもバックアップを読めます。サーバーともリポジトリとも別の\n"
        "場所にある金庫などに保管し、鍵や置き場所が変わったら作り直してください。",
    .warning_of_passphrase =
        "このリポジトリはパスフレーズで開きます。パスフレーズはこの紙には載っていません。\n"
        "それがなければ誰もバックアップを読めません。別の確かな場所に保管してください。",
    .typing = "字下げした行は、行頭の空白を除いて入力してください。",
    .made = "作成",
    .repository = "リポジトリ",
    .id = "ID",
    .url = "場所",
    .endpoint = "エンドポイント",
    .region = "リージョン",
    .ca_file = "証明書",
    .key = "鍵",
    .install =
        "holdfast (この版またはそれ以降) と、最後の手順に示すメジャーバージョンの\n"
        "PostgreSQL をインストールします。以下はサーバーを動かすユーザーで、十分な空きの\n"
        "あるディスク上の空のディレクトリで行います。",
    .write_key = "鍵をファイルに書きます:",
    .check_key = "`sha256sum holdfast.key` が次を表示しなければ、打ち間違いがあります:",
    .write_passphrase = "パスフレーズをファイルに書きます。入力して Enter、続けて Ctrl-D:",
    .write_config = "設定ファイルを書きます:",
    .mount =
        "リポジトリはディレクトリです。上に示したパスになるようにディスクをマウントするか、\n"
        "holdfast.toml に別のパスを書いてください。",
    .store_access =
        "ストアには専用のアクセスキーが必要です。この紙には載っていません。\n"
        "AWS_ACCESS_KEY_ID と AWS_SECRET_ACCESS_KEY に設定し、export してください。",
    .copy_ca_file = "ストアの証明書を次のファイルに置いてください:",
    .look = "鍵でリポジトリが開くことと、中身を確かめます:",
    .this_one = "最初のコマンドが \"this one\" と示すべき鍵",
    .restore = "最新の時点までリストアします。以前の時点なら --at '2027-01-15 08:00' を付けます:",
    .no_backup =
        "この紙を作った時点ではバックアップがありませんでした。作成後は:\n"
        "holdfast restore SOURCE --to DIRECTORY",
    .newest = "この紙を作った時点の最新のバックアップ",
    .server = "PostgreSQL",
    .start =
        "それぞれのディレクトリで pg_ctl -D DIRECTORY start によりサーバーを起動します\n"
        "(Debian では /usr/lib/postgresql/VERSION/bin にあります)。リカバリーは自動で進みます。\n"
        "それが終わるまで、上で作ったファイルを残しておいてください。",
};

class Sheet {
 public:
  Sheet(const KitFacts& facts, const Words& words) : facts_(facts), words_(words) {}

  std::string Write() {
    WriteHead();
    Step(words_.install);
    WriteKey();
    WriteConfig();
    WritePlace();
    Step(words_.look);
    Command("holdfast key list\nholdfast list");
    Text(fmt::format("{}: {}", words_.this_one, facts_.key_id));
    WriteRestore();
    return std::move(text_);
  }

 private:
  void WriteHead() {
    text_ = fmt::format("{}\n{}\n\n", words_.title, std::string(78, '='));
    Text(words_.warning);
    if (!facts_.key_line) Text(words_.warning_of_passphrase);
    Fact(words_.made, fmt::format("{}, holdfast {}", facts_.made, facts_.version));
    Fact(words_.repository, facts_.repository);
    Fact(words_.id, facts_.id);
    Fact(words_.url, facts_.url);
    Fact(words_.endpoint, facts_.endpoint);
    Fact(words_.region, facts_.region);
    Fact(words_.ca_file, facts_.ca_file);
    Fact(words_.key, fmt::format("{} ({})", facts_.key_id, facts_.key_label));
    text_ += '\n';
    Text(words_.typing);
  }

  void WriteKey() {
    if (!facts_.key_line) {
      Step(words_.write_passphrase);
      return Command(fmt::format("umask 077\ncat > {}", kPassphraseFile));
    }
    Step(words_.write_key);
    Command(fmt::format("umask 077\ncat > {} <<'END'\n{}\nEND", kKeyFile, *facts_.key_line));
    const std::string file = *facts_.key_line + "\n";
    Text(words_.check_key);
    Text(base::ToHex(codec::Sha256(base::AsBytes(file))));
  }

  // Relative paths are taken from the folder of the configuration.
  void WriteConfig() {
    std::string toml =
        fmt::format("{}\nurl = {}\n", RepositoryTable(facts_.repository), TomlString(facts_.url));
    const auto set = [&](std::string_view key, std::string_view value) {
      if (!value.empty()) toml += fmt::format("{} = {}\n", key, TomlString(value));
    };
    set("endpoint", facts_.endpoint);
    set("region", facts_.region);
    set("ca_file", facts_.ca_file);
    set(facts_.key_line ? "key_file" : "passphrase_file",
        facts_.key_line ? kKeyFile : kPassphraseFile);
    Step(words_.write_config);
    Command(fmt::format("cat > holdfast.toml <<'END'\n{}END", toml));
  }

  void WritePlace() {
    Step(facts_.url.starts_with("s3://") ? words_.store_access : words_.mount);
    if (!facts_.ca_file.empty()) Text(fmt::format("{} {}", words_.copy_ca_file, facts_.ca_file));
  }

  void WriteRestore() {
    if (facts_.sources.empty()) return Step(words_.no_backup);
    Step(words_.restore);
    for (const KitSource& source : facts_.sources) {
      Command(fmt::format("holdfast restore {0} --to \"$PWD/{0}\"", source.name));
      Text(fmt::format("{} {}; {}: {}", words_.server, source.postgres_major, words_.newest,
                       source.newest_backup));
    }
    Step(words_.start);
  }

  void Step(std::string_view text) { Text(fmt::format("{}. {}", ++steps_, text)); }
  void Text(std::string_view text) { text_ += fmt::format("{}\n\n", text); }
  void Fact(std::string_view name, std::string_view value) {
    if (!value.empty()) text_ += fmt::format("{}: {}\n", name, value);
  }
  void Command(std::string_view lines) {
    std::string_view rest = lines;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      text_ += fmt::format("    {}\n", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    text_ += '\n';
  }

  const KitFacts& facts_;
  const Words& words_;
  std::string text_;
  int steps_ = 0;
};

}  // namespace

KitLanguage KitLanguageOf(const std::string& locale) {
  return locale.starts_with("ja") ? KitLanguage::kJapanese : KitLanguage::kEnglish;
}

std::string RecoveryKitText(const KitFacts& facts, KitLanguage language) {
  return Sheet(facts, language == KitLanguage::kJapanese ? kJapanese : kEnglish).Write();
}

}  // namespace holdfast::cli
